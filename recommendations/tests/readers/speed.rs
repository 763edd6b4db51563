//! How many ratings a second are stored, each before its answer. Slow, so only when asked for:
//!
//! ```sh
//! cargo test --release -p recommendations --test readers speed -- --ignored --nocapture --test-threads 1
//! ```
//!
//! `SHELFWISE_RATINGS` is how many (a million unless set), `SHELFWISE_POSTGRES` the URL of an empty database on a server
//! that syncs its log to the disk: the tests' own does not.

use std::{
    env,
    time::{Duration, Instant},
};

use protobufs::{
    catalogue::{ListBooksRequest, catalogue_service_client::CatalogueServiceClient},
    readers::{Entry, ImportHistoryRequest},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::task::block_in_place;

use crate::{Database, durable::Process, rating};

/// Readers that ratings are spread over.
const READERS: i32 = 100_000;

async fn measure(kind: &str, url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let count = env::var("SHELFWISE_RATINGS").map_or(1_000_000, |count| count.parse().unwrap());
    let process = Process::start(url, folder.path());
    let mut client = process.client().await;
    let mut catalogue = CatalogueServiceClient::new(process.channel().await);
    let mut books = Vec::new();
    let mut request = ListBooksRequest { page_size: 100, ..ListBooksRequest::default() };
    loop {
        let page = catalogue.list_books(request.clone()).await.unwrap().into_inner();
        books.extend(page.books.iter().map(|book| book.id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    let mut random = StdRng::seed_from_u64(1);
    let entries = {
        let books = books.clone();
        (0..count).map(move |_| {
            let reader_id = random.random_range(1..=READERS);
            let book_id = books[random.random_range(0..books.len())];
            let stars = f32::from(random.random_range(1..=10_u8)) / 2.0;
            let entry = Entry { reader_id, book_id, stars, ..Entry::default() };
            ImportHistoryRequest { entry: Some(entry), request_id: String::new() }
        })
    };
    let start = Instant::now();
    let answer = client.import_history(tokio_stream::iter(entries)).await.unwrap().into_inner();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!((answer.stored, answer.refused), (count, 0));
    println!("{kind}: {count} ratings through one stream in {seconds:.1} s, {:.0}/s", count as f64 / seconds);

    for at_once in [1, 64, 512] {
        let start = Instant::now();
        let limit = Duration::from_secs(5);
        let calling: Vec<_> = (0..at_once)
            .map(|n| {
                let mut client = client.clone();
                let books = books.clone();
                tokio::spawn(async move {
                    let mut random = StdRng::seed_from_u64(n);
                    let mut times = Vec::new();
                    while start.elapsed() < limit {
                        let book = books[random.random_range(0..books.len())];
                        let request = rating(random.random_range(1..=READERS), book, 2.0);
                        let call = Instant::now();
                        client.rate(request).await.unwrap();
                        times.push(call.elapsed());
                    }
                    times
                })
            })
            .collect();
        let mut times = Vec::new();
        for calling in calling {
            times.extend(calling.await.unwrap());
        }
        times.sort_unstable();
        let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "{kind}: Rate, {at_once} at a time: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms",
            times.len() as f64 / start.elapsed().as_secs_f64(),
            at(0.5),
            at(0.99)
        );
    }
    println!("{kind}: {} MB resident", process.memory() / 1_000_000);
    process.kill();
    let start = Instant::now();
    let process = block_in_place(|| Process::start(url, folder.path()));
    println!(
        "{kind}: ready again in {:.1} s, {} MB resident",
        start.elapsed().as_secs_f64(),
        process.memory() / 1_000_000
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn sqlite() {
    let database = Database::sqlite().unwrap();
    measure("SQLite", &database.url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn postgres() {
    let given = env::var("SHELFWISE_POSTGRES").ok();
    if let Some(url) = given.or_else(testing::postgres) {
        measure("PostgreSQL", &url).await;
    }
}
