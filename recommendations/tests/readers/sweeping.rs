//! What is removed is remembered until all have seen it, and no longer.

use std::time::Duration;

use protobufs::readers::{EraseReaderRequest, RateRequest, UnrateRequest};
use recommendations::store::Store;

use crate::{
    erase::{count, execute},
    rating, stars, within,
};

crate::on_both! {
    async fn removals_and_requests_go_in_the_end(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let named = RateRequest { request_id: "a".to_owned(), ..rating(7, 1, 5.0) };
        client.rate(named.clone()).await.unwrap();
        client.rate(rating(7, 2, 5.0)).await.unwrap();
        client.unrate(UnrateRequest { reader_id: 7, book_id: 1, ..UnrateRequest::default() }).await.unwrap();
        client.erase_reader(EraseReaderRequest { reader_id: 8 }).await.unwrap();
        let tables = async || {
            let mut counts = Vec::new();
            for table in ["history", "erased_readers", "reader_requests"] {
                counts.push(count(&database.url, &format!("select count(*) from {table}")).await);
            }
            counts
        };
        let store = Store::connect(&database.url).await.unwrap();
        assert_eq!(tables().await, [2, 1, 1]);
        // The first sweep sees what there is, and one an hour later takes it.
        let now = 2_000_000_000;
        assert!(!store.sweep_history(now, 0).await.unwrap());
        assert_eq!(tables().await, [2, 1, 1]);
        assert!(!store.sweep_history(now + 3_599, 0).await.unwrap());
        assert_eq!(tables().await, [2, 1, 1]);
        assert!(store.sweep_history(now + 3_600, now).await.unwrap());
        assert_eq!(tables().await, [1, 0, 0]);
        // Who has seen less than what is gone must read all anew.
        assert!(store.history_since(0).await.unwrap().missed);
        let revision = store.history_version().await.unwrap().revision;
        assert!(!store.history_since(revision).await.unwrap().missed);
        // Forgotten requests count again.
        client.rate(named).await.unwrap();
        assert_eq!(stars(&mut client, 7).await, [(1, 5.0), (2, 5.0)]);
    }

    async fn what_became_of_recommendations_goes_by_its_age(database: Database) {
        let store = Store::connect(&database.url).await.unwrap();
        let event = |at: i64| format!(
            "insert into events (recommendation, kind, book, at) values ('a', 1, 0, {at}), ('b', 2, 1, {at})"
        );
        for at in [1_000, 1_060, 7_999, 8_000, 2_000_000_000] {
            execute(&database.url, &event(at)).await;
        }
        // A backlog, of seconds long before.
        let backlog = "insert into events (recommendation, kind, book, at)
            with recursive n (at) as (select 0 union all select at + 1 from n where at < 21999)
            select 'c', 1, 0, at - 100000 from n";
        execute(&database.url, backlog).await;
        let left = async || count(&database.url, "select count(*) from events").await;
        // So many at a time, and none that is young enough.
        for (more, expected) in [(true, 12_010), (true, 2_010), (false, 4), (false, 4)] {
            assert_eq!((store.sweep_events(8_000).await.unwrap(), left().await), (more, expected));
        }
        assert_eq!(count(&database.url, "select min(at) from events").await, 8_000);
    }

    async fn who_was_away_for_too_long_reads_all_anew(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        client.rate(rating(7, 1, 5.0)).await.unwrap();
        client.rate(rating(7, 2, 5.0)).await.unwrap();
        // As if another process had removed one rating and written one, and the removal was swept since.
        for sql in [
            "delete from history where reader = 7 and book = 1",
            "insert into history (reader, book, stars, shelf, flags, changed_at, revision)
             select 7, 3, 2, 0, 0, 1, revision + 5 from reader_counters",
            "update reader_counters set gone_revision = revision + 4, revision = revision + 5",
        ] {
            execute(&database.url, sql).await;
        }
        within(Duration::from_secs(20), vec![(2, 5.0), (3, 1.0)], async || stars(&mut client.clone(), 7).await)
            .await;
        // The same when it is found out while something is written.
        for sql in [
            "delete from history where reader = 7 and book = 2",
            "update reader_counters set gone_revision = revision + 4, revision = revision + 5",
        ] {
            execute(&database.url, sql).await;
        }
        client.rate(rating(7, 4, 3.0)).await.unwrap();
        assert_eq!(stars(&mut client, 7).await, [(3, 1.0), (4, 3.0)]);
    }
}
