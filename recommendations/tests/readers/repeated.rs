//! A request that is sent again counts once.

use protobufs::readers::{
    DismissRequest, Entry, ImportHistoryRequest, OwnRequest, RateRequest, Shelf, ShelveRequest,
    UndismissRequest, UnrateRequest,
};
use tonic::Code;

use crate::{Client, dismissal, history, import, rating, stars};

fn named(request_id: &str, request: RateRequest) -> RateRequest {
    RateRequest { request_id: request_id.to_owned(), ..request }
}

async fn unrate(client: &mut Client, request_id: &str) {
    let request = UnrateRequest { reader_id: 7, book_id: 1, request_id: request_id.to_owned() };
    client.unrate(request).await.unwrap();
}

crate::on_both! {
    async fn the_second_time_changes_nothing(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        client.rate(named("a", rating(7, 1, 5.0))).await.unwrap();
        client.rate(rating(7, 1, 1.0)).await.unwrap();
        client.rate(named("a", rating(7, 1, 5.0))).await.unwrap();
        assert_eq!(stars(&mut client, 7).await, [(1, 1.0)]);
        unrate(&mut client, "b").await;
        client.rate(rating(7, 1, 2.0)).await.unwrap();
        unrate(&mut client, "b").await;
        assert_eq!(stars(&mut client, 7).await, [(1, 2.0)]);
        // Other readers have names of their own.
        client.rate(named("a", rating(8, 1, 4.0))).await.unwrap();
        assert_eq!(stars(&mut client, 8).await, [(1, 4.0)]);

        // After a restart, too.
        server.stop().await;
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        client.rate(named("a", rating(7, 1, 5.0))).await.unwrap();
        assert_eq!(stars(&mut client, 7).await, [(1, 2.0)]);
        let entry = Entry { reader_id: 7, book_id: 1, stars: 3.0, ..Entry::default() };
        let again = |request_id: &str| ImportHistoryRequest {
            entry: Some(entry),
            request_id: request_id.to_owned(),
        };
        let stream = tokio_stream::iter([again("a"), again("c"), again("c")]);
        let answer = client.import_history(stream).await.unwrap().into_inner();
        assert_eq!((answer.stored, answer.refused), (3, 0));
        assert_eq!(stars(&mut client, 7).await, [(1, 3.0)]);
    }

    async fn every_call_counts_once_in_the_order_of_the_first_time(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let name = str::to_owned;
        let dismiss = |request| DismissRequest { request_id: name(request), ..dismissal(7, 1) };
        let undismiss =
            |request| UndismissRequest { reader_id: 7, book_id: 1, request_id: name(request) };
        let shelve = |shelf: Shelf, request| ShelveRequest {
            reader_id: 7,
            book_id: 2,
            shelf: shelf.into(),
            request_id: name(request),
        };
        let own = |owned, request| OwnRequest { reader_id: 7, book_id: 3, owned, request_id: name(request) };
        // Each is followed by its contrary; then each comes again, late.
        client.dismiss(dismiss("dismiss")).await.unwrap();
        client.undismiss(undismiss("undismiss")).await.unwrap();
        client.dismiss(dismiss("dismiss")).await.unwrap();
        assert!(history(&mut client, 7).await.is_empty(), "it was taken back");
        client.dismiss(dismiss("again")).await.unwrap();
        client.undismiss(undismiss("undismiss")).await.unwrap();
        client.shelve(shelve(Shelf::Read, "read")).await.unwrap();
        client.shelve(shelve(Shelf::WantToRead, "want")).await.unwrap();
        client.shelve(shelve(Shelf::Read, "read")).await.unwrap();
        client.own(own(true, "own")).await.unwrap();
        client.own(own(false, "disown")).await.unwrap();
        client.own(own(true, "own")).await.unwrap();
        client.own(own(true, "buy")).await.unwrap();
        client.own(own(false, "disown")).await.unwrap();
        let seen = async |client: &mut Client| {
            let mut seen: Vec<_> = history(client, 7).await;
            seen.sort_by_key(|entry| entry.book_id);
            seen.iter().map(|entry| (entry.book_id, entry.dismissed, entry.shelf(), entry.owned, entry.stars)).collect::<Vec<_>>()
        };
        let expected = [
            (1, true, Shelf::Unspecified, false, 0.0),
            (2, false, Shelf::WantToRead, false, 0.0),
            (3, false, Shelf::Unspecified, true, 0.0),
        ];
        assert_eq!(seen(&mut client).await, expected);
        // A name is a request's, whichever call it came with; and a restart does not forget it.
        client.rate(named("buy", rating(7, 3, 1.0))).await.unwrap();
        server.stop().await;
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        client.dismiss(dismiss("dismiss")).await.unwrap();
        client.undismiss(undismiss("undismiss")).await.unwrap();
        client.shelve(shelve(Shelf::Read, "read")).await.unwrap();
        client.own(own(false, "disown")).await.unwrap();
        assert_eq!(seen(&mut client).await, expected);
        server.stop().await;
    }

    async fn at_once_or_one_after_the_other(database: Database) {
        let server = crate::serve(&database).await;
        let client = server.readers().await;
        let calls: Vec<_> = (0..50)
            .map(|n| {
                let mut client = client.clone();
                // Fifty different ratings under one name: whichever is first counts.
                let request = named("x", rating(7, 1 + n, 3.0));
                tokio::spawn(async move { client.rate(request).await })
            })
            .collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(stars(&mut client.clone(), 7).await.len(), 1);
    }

    async fn what_was_refused_may_be_tried_again(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let status = client.rate(named("a", rating(7, i32::MAX, 5.0))).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        client.rate(named("a", rating(7, 1, 5.0))).await.unwrap();
        assert_eq!(stars(&mut client, 7).await, [(1, 5.0)]);
    }
}

#[tokio::test]
async fn a_history_has_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let store = recommendations::store::Store::connect(&url).await.unwrap();
    let books: String = (1..=10_002)
        .map(|id| format!("{{\"id\":{id},\"title\":\"Book {id}\",\"categories\":[\"mystery\"]}}\n"))
        .collect();
    let format = recommendations::import::Format::Jsonl;
    let file = std::io::Cursor::new(books.into_bytes());
    recommendations::import::books(file, format, &store, |_| {}).await.unwrap();
    store.close().await;
    let server = crate::Server::over(&url, &[]).await;
    let mut client = server.readers().await;
    let entry = |book_id| Entry { reader_id: 7, book_id, stars: 4.0, ..Entry::default() };
    let answer = import(&mut client, (1..=10_001).map(entry).collect()).await.unwrap();
    assert_eq!((answer.stored, answer.refused), (10_000, 1));
    assert_eq!(answer.errors[0].position, 10_000);
    assert_eq!(answer.errors[0].reason, "a reader's history holds at most 10,000 entries");
    let status = client.rate(named("a", rating(7, 10_002, 1.0))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "A reader's history holds at most 10,000 entries");
    // What is there may change, and where something went something else may come: by the same request, too.
    client.rate(rating(7, 2, 1.0)).await.unwrap();
    unrate(&mut client, "").await;
    client.rate(named("a", rating(7, 10_002, 1.0))).await.unwrap();
    assert_eq!(client.rate(rating(7, 1, 1.0)).await.unwrap_err().code(), Code::ResourceExhausted);
}
