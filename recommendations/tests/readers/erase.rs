//! Who is erased is gone.

use protobufs::readers::{
    EraseReaderRequest, EraseSimulatedReadersRequest, EventKind, RateRequest, RecordEventsRequest,
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::{Client, Server, export, import, rating, stars};

async fn erase(client: &mut Client, reader_id: i32) -> i64 {
    client.erase_reader(EraseReaderRequest { reader_id }).await.unwrap().into_inner().entries
}

crate::on_both! {
    async fn one_reader(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        for book in 1..=3 {
            let named = |reader| RateRequest {
                request_id: format!("{book}"),
                recommendation_id: "a0".to_owned(),
                ..rating(reader, book, 4.0)
            };
            client.rate(named(7)).await.unwrap();
            client.rate(named(8)).await.unwrap();
        }
        assert_eq!((erase(&mut client, 7).await, erase(&mut client, 7).await), (3, 0));
        assert_eq!(stars(&mut client, 7).await, []);
        assert!(export(&mut client, 0).await.iter().all(|entry| entry.reader_id == 8));
        assert_eq!(export(&mut client, 7).await, []);
        // The database has nothing either, by its own words: neither entries nor requests nor events.
        assert_eq!(rows(&database.url, "history", 7).await, 0);
        assert_eq!(rows(&database.url, "reader_requests", 7).await, 0);
        assert_eq!(rows(&database.url, "events", 7).await, 0);
        assert_eq!(rows(&database.url, "events", 8).await, 3);
        assert_eq!(rows(&database.url, "reader_requests", 8).await, 3);
        server.stop().await;
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        assert_eq!((stars(&mut client, 7).await.len(), stars(&mut client, 8).await.len()), (0, 3));
        // Somebody may come with the number again.
        client.rate(rating(7, 2, 1.0)).await.unwrap();
        assert_eq!(stars(&mut client, 7).await, [(2, 1.0)]);
    }

    async fn events_that_wait_to_be_stored(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        client.rate(rating(7, 1, 4.0)).await.unwrap();
        let shown = (0..100).flat_map(|random| [7, 8].map(|reader| RecordEventsRequest {
            recommendation_id: format!("{random:016x}-{reader:x}"),
            kind: EventKind::Impression.into(),
            book_id: 0,
        }));
        client.record_events(tokio_stream::iter(shown.collect::<Vec<_>>())).await.unwrap();
        assert_eq!(erase(&mut client, 7).await, 1);
        // Whatever waits is stored before the server ends.
        drop(client);
        server.stop().await;
        assert_eq!((rows(&database.url, "events", 7).await, rows(&database.url, "events", 8).await), (0, 100));
    }

    async fn all_simulated_readers(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let simulated: Vec<_> = [2_000_000_000, 2_000_000_001, 2_000_000_002]
            .iter()
            .flat_map(|&reader_id| (1..=20).map(move |book_id| protobufs::readers::Entry {
                reader_id,
                book_id,
                interacted: true,
                ..Default::default()
            }))
            .collect();
        import(&mut client, simulated).await.unwrap();
        let answer = client.erase_simulated_readers(EraseSimulatedReadersRequest {}).await.unwrap();
        assert_eq!(answer.into_inner().readers, 3);
        client.rate(rating(1_999_999_999, 1, 3.0)).await.unwrap();
        let left: Vec<_> = export(&mut client, 0).await.iter().map(|entry| entry.reader_id).collect();
        assert_eq!(left, [1_999_999_999]);
        let answer = client.erase_simulated_readers(EraseSimulatedReadersRequest {}).await.unwrap();
        assert_eq!(answer.into_inner().readers, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_goes_on_does_not_show_who_is_erased_meanwhile() {
    let server = Server::over("sqlite::memory:", &[]).await;
    let mut client = server.readers().await;
    let entries = (1..=4_000).flat_map(|reader_id| {
        (1..=25).map(move |book_id| protobufs::readers::Entry {
            reader_id,
            book_id,
            stars: 3.0,
            ..Default::default()
        })
    });
    import(&mut client, entries.collect()).await.unwrap();
    let request = protobufs::readers::ExportHistoryRequest { reader_id: 0 };
    let mut stream = client.clone().export_history(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    assert_eq!(erase(&mut client, 4_000).await, 25);
    let mut last = 0;
    while let Some(piece) = stream.message().await.unwrap() {
        last = piece.entries.last().unwrap().reader_id;
    }
    assert_eq!(last, 3_999);
}

/// How many rows of a table are a reader's, asked of the database past the code under test.
async fn rows(url: &str, table: &str, reader: i32) -> i64 {
    count(url, &format!("select count(*) from {table} where reader = {reader}")).await
}

/// The number that this SQL counts.
pub(crate) async fn count(url: &str, sql: &str) -> i64 {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    }
}

/// Keeps everybody else from writing to this SQLite database until it is dropped.
pub(crate) async fn lock(url: &str) -> SqliteConnection {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    sqlx::query("begin immediate").execute(&mut connection).await.unwrap();
    connection
}

/// Does what this SQL says, past the code under test.
pub(crate) async fn execute(url: &str, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
}
