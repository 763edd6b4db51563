//! A history, page by page.

use prost_types::Timestamp;
use protobufs::readers::{Entry, ListHistoryRequest};
use tonic::Code;

use crate::{Client, import, rating};

async fn page(client: &mut Client, reader_id: i32, page_token: &str) -> (Vec<i32>, String, i32) {
    let request = ListHistoryRequest { reader_id, page_size: 20, page_token: page_token.to_owned() };
    let answer = client.list_history(request).await.unwrap().into_inner();
    let books = answer.entries.iter().map(|entry| entry.book_id).collect();
    (books, answer.next_page_token, answer.total_size)
}

crate::on_both! {
    async fn the_latest_come_first_and_none_twice(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let entry = |book_id: i32| Entry {
            reader_id: 7,
            book_id,
            stars: 4.0,
            changed_at: Some(Timestamp { seconds: 1_000_000 + i64::from(book_id / 7), nanos: 0 }),
            ..Entry::default()
        };
        let answer = import(&mut client, (1..=50).map(entry).collect()).await.unwrap();
        assert_eq!((answer.stored, answer.refused), (50, 0));
        let mut expected: Vec<i32> = (1..=50).collect();
        expected.sort_by_key(|&book| (std::cmp::Reverse(book / 7), book));
        let (mut seen, mut token, total) = page(&mut client, 7, "").await;
        assert_eq!(total, 50);
        // What changes meanwhile goes to the front, and shifts nothing.
        client.rate(rating(7, 50, 1.0)).await.unwrap();
        client.rate(rating(7, 51, 1.0)).await.unwrap();
        while !token.is_empty() {
            let (books, next, total) = page(&mut client, 7, &token).await;
            assert_eq!(total, 51);
            seen.extend(books);
            token = next;
        }
        assert_eq!(seen, expected);
        assert_eq!(page(&mut client, 7, "").await.0[..2], [50, 51]);
    }

    async fn a_token_is_of_its_own_list(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        for book in 1..=30 {
            client.rate(rating(7, book, 3.0)).await.unwrap();
        }
        let (_, token, _) = page(&mut client, 7, "").await;
        assert_eq!(token.len(), 32);
        for (reader_id, page_token) in [(8, token.clone()), (7, format!("{token}0")), (7, "0".repeat(32))] {
            let request = ListHistoryRequest { reader_id, page_token, ..ListHistoryRequest::default() };
            assert_eq!(client.list_history(request).await.unwrap_err().code(), Code::InvalidArgument);
        }
        // It holds after a restart, and at another replica.
        server.stop().await;
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        assert_eq!(page(&mut client, 7, &token).await.0.len(), 10);
    }
}
