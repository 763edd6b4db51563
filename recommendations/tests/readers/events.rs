//! What became of recommendations.

use std::time::Duration;

use protobufs::readers::{EventKind, RecordEventsRequest};

use crate::{Database, Server, within};

fn event(recommendation: &str, kind: EventKind, book_id: i32) -> RecordEventsRequest {
    RecordEventsRequest { recommendation_id: recommendation.to_owned(), kind: kind.into(), book_id }
}

async fn stored(database: &Database) -> i64 {
    crate::erase::count(&database.url, "select count(*) from events").await
}

crate::on_both! {
    async fn events_are_stored_soon_and_those_without_sense_are_not(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let mut events = vec![
            event("a", EventKind::Unspecified, 1),
            event("", EventKind::Impression, 0),
            event("a", EventKind::Click, 0),
            event("a\0", EventKind::Click, 1),
            event("a", EventKind::Impression, -1),
        ];
        for n in 0..3_000 {
            events.push(event(&format!("{n:016x}"), EventKind::Impression, 0));
            events.push(event(&format!("{n:016x}"), EventKind::Click, 1));
        }
        let answer = client.record_events(tokio_stream::iter(events)).await.unwrap().into_inner();
        assert_eq!((answer.recorded, answer.dropped), (6_000, 5));
        within(Duration::from_secs(10), 6_000, async || stored(&database).await).await;
        let metrics = tokio::task::block_in_place(|| testing::http::get(server.admin, "/metrics").unwrap().body);
        assert!(metrics.contains("reader_events_total{outcome=\"taken\"} 6000"), "{metrics}");
    }

    async fn those_that_wait_at_the_end_are_stored(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let events: Vec<_> = (0..100).map(|n| event(&n.to_string(), EventKind::Click, 1)).collect();
        client.record_events(tokio_stream::iter(events)).await.unwrap();
        drop(client);
        server.stop().await;
        assert_eq!(stored(&database).await, 100);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_are_dropped_and_counted() {
    let database = Database::sqlite().unwrap();
    let server = Server::over(&database.url, &[]).await;
    let mut client = server.readers().await;
    // Once it serves, the store is kept busy by somebody else, so that nothing leaves the buffer.
    assert_eq!(crate::history(&mut client, 7).await, []);
    let busy = crate::erase::lock(&database.url).await;
    let events = (0..45_000).map(|n| event(&n.to_string(), EventKind::Impression, 0));
    let answer = client.record_events(tokio_stream::iter(events)).await.unwrap().into_inner();
    let recorded = answer.recorded;
    assert_eq!(recorded + answer.dropped, 45_000);
    // All up to half of the buffer, and then one recommendation of two.
    assert!((36_000..44_000).contains(&recorded), "{recorded}");
    drop(busy);
    within(Duration::from_secs(60), recorded, async || stored(&database).await).await;
}
