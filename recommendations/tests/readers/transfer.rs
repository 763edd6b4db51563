//! Import and export.

use prost_types::Timestamp;
use protobufs::readers::{Entry, ImportHistoryRequest, Shelf};

use crate::{export, history, import, rating};

/// Every kind of entry, of so many readers.
fn all_kinds(readers: i32) -> Vec<Entry> {
    let mut entries = Vec::new();
    for reader_id in 1..=readers {
        for book_id in 1..=40 {
            let n = reader_id + book_id;
            let stars = [0.0, 0.5, 3.5, 5.0][n as usize % 4];
            entries.push(Entry {
                reader_id,
                book_id,
                stars,
                dismissed: stars == 0.0 && n % 3 == 0,
                shelf: n % 5,
                owned: n % 7 == 0,
                changed_at: Some(Timestamp { seconds: i64::from(1_000_000 * n), nanos: 0 }),
                interacted: true,
            });
        }
    }
    entries
}

crate::on_both! {
    async fn what_was_exported_can_be_imported(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let entries = all_kinds(60);
        let answer = import(&mut client, entries.clone()).await.unwrap();
        assert_eq!((answer.stored, answer.refused, answer.errors.len()), (2_400, 0, 0));
        assert_eq!(export(&mut client, 0).await, entries);
        assert_eq!(export(&mut client, 60).await, entries[2_360..]);
        assert_eq!(export(&mut client, 61).await, []);

        // Into another database, in another order, and twice.
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("other.db").display());
        let other = crate::Server::over(&url, &[]).await;
        let mut other_client = other.readers().await;
        let exported = export(&mut client, 0).await;
        import(&mut other_client, exported.iter().rev().cloned().collect()).await.unwrap();
        import(&mut other_client, exported.clone()).await.unwrap();
        assert_eq!(export(&mut other_client, 0).await, exported);
        // It is stored, not only known.
        other.stop().await;
        let other = crate::Server::over(&url, &[]).await;
        assert_eq!(export(&mut other.readers().await, 0).await, exported);
    }

    async fn an_entry_replaces_what_there_was(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        client.rate(rating(7, 1, 5.0)).await.unwrap();
        let shelved = Entry { reader_id: 7, book_id: 1, shelf: Shelf::Read.into(), ..Entry::default() };
        import(&mut client, vec![shelved]).await.unwrap();
        let entry = &history(&mut client, 7).await[0];
        assert_eq!((entry.stars, entry.shelf()), (0.0, Shelf::Read));
        assert!(entry.changed_at.unwrap().seconds > 1_700_000_000);
    }

    async fn what_cannot_be_stored_is_named(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let good = Entry { reader_id: 7, book_id: 1, stars: 4.0, ..Entry::default() };
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let entries = vec![
            (None, "entry is not set"),
            (Some(good), ""),
            (Some(Entry { reader_id: 0, ..good }), "reader_id must be at least 1"),
            (Some(Entry { book_id: -7, ..good }), "book_id must be at least 1"),
            (Some(Entry { book_id: 77_777_777, ..good }), "the catalogue has no book 77777777"),
            (Some(Entry { stars: 4.2, ..good }), "stars must be 0.5 to 5 in halves"),
            (Some(Entry { dismissed: true, ..good }), "stars and dismissed contradict each other"),
            (Some(Entry { shelf: 9, ..good }), "shelf is no shelf"),
            (
                Some(Entry { stars: 0.0, ..good }),
                "says nothing: it has no stars, dismissal, shelf, ownership or interaction",
            ),
            (
                Some(Entry { changed_at: at(-1), ..good }),
                "changed_at must lie between 1970 and now",
            ),
            (
                Some(Entry { changed_at: at(10_000_000_000), ..good }),
                "changed_at must lie between 1970 and now",
            ),
            (Some(Entry { book_id: 2, ..good }), ""),
        ];
        let requests: Vec<_> = entries
            .iter()
            .map(|(entry, _)| ImportHistoryRequest { entry: *entry, request_id: String::new() })
            .chain((0..2_000).map(|_| ImportHistoryRequest::default()))
            .collect();
        let answer = client.import_history(tokio_stream::iter(requests)).await.unwrap().into_inner();
        assert_eq!((answer.stored, answer.refused, answer.errors.len()), (2, 2_010, 1_000));
        let expected: Vec<_> =
            (0..).zip(&entries).filter(|(_, (_, reason))| !reason.is_empty()).collect();
        for (error, (position, (_, reason))) in answer.errors.iter().zip(expected) {
            assert_eq!((error.position, error.reason.as_str()), (position, *reason));
        }
        assert_eq!(history(&mut client, 7).await.len(), 2);
    }
}
