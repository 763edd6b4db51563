//! Readers' histories over real gRPC, each test on SQLite and on PostgreSQL.

mod calls;
mod durable;
mod erase;
mod events;
mod grpcurl;
mod invalid;
mod pages;
mod replicas;
mod repeated;
mod speed;
mod sweeping;
mod token;
mod transfer;
mod unanswered;
mod variants;

use std::{net::SocketAddr, time::Duration};

use clap::Parser as _;
use protobufs::readers::{
    DismissRequest, Entry, ExportHistoryRequest, ImportHistoryRequest, ImportHistoryResponse,
    ListHistoryRequest, RateRequest, readers_service_client::ReadersServiceClient,
};
use recommendations::Config;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::Instant};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

pub(crate) use testing::{Database, on_both};

/// A server on a port of its own, which goes with the test.
struct Server {
    address: SocketAddr,
    admin: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), service::Failure>>,
    _folder: tempfile::TempDir,
}

type Client = ReadersServiceClient<Channel>;

impl Server {
    async fn over(url: &str, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        let mut arguments = vec!["recommendations", "--data", data, "--database-url", url];
        // Readers are the tests' own, unless settings say otherwise.
        for setting in ["--simulated-readers", "--train"] {
            if !settings.contains(&setting) {
                arguments.extend([setting, "false"]);
            }
        }
        arguments.extend(settings);
        let config = Config::parse_from(arguments);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, admin_address) = (listener.local_addr().unwrap(), admin.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(recommendations::run(config, listener, admin, shutdown));
        Self { address, admin: admin_address, stop: Some(stop), running, _folder: folder }
    }

    async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    async fn readers(&self) -> Client {
        ReadersServiceClient::new(self.channel().await)
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }
}

fn rating(reader_id: i32, book_id: i32, stars: f32) -> RateRequest {
    RateRequest { reader_id, book_id, stars, ..RateRequest::default() }
}

fn dismissal(reader_id: i32, book_id: i32) -> DismissRequest {
    DismissRequest { reader_id, book_id, ..DismissRequest::default() }
}

/// All that is known of a reader, the latest first.
async fn history(client: &mut Client, reader_id: i32) -> Vec<Entry> {
    let request = ListHistoryRequest { reader_id, page_size: 1_000, ..ListHistoryRequest::default() };
    let answer = client.list_history(request).await.unwrap().into_inner();
    assert_eq!(usize::try_from(answer.total_size).unwrap(), answer.entries.len());
    answer.entries
}

/// A reader's books in their order, and how many stars each has.
async fn stars(client: &mut Client, reader_id: i32) -> Vec<(i32, f32)> {
    let mut stars: Vec<_> =
        history(client, reader_id).await.iter().map(|entry| (entry.book_id, entry.stars)).collect();
    stars.sort_by_key(|&(book, _)| book);
    stars
}

async fn import(client: &mut Client, entries: Vec<Entry>) -> Result<ImportHistoryResponse, Status> {
    let requests: Vec<_> = entries
        .into_iter()
        .map(|entry| ImportHistoryRequest { entry: Some(entry), request_id: String::new() })
        .collect();
    Ok(client.import_history(tokio_stream::iter(requests)).await?.into_inner())
}

async fn export(client: &mut Client, reader_id: i32) -> Vec<Entry> {
    let mut stream = client.export_history(ExportHistoryRequest { reader_id }).await.unwrap().into_inner();
    let mut entries = Vec::new();
    while let Some(piece) = stream.message().await.unwrap() {
        assert!((1..=1_000).contains(&piece.entries.len()));
        entries.extend(piece.entries);
    }
    entries
}

/// Asks again until the answer is as expected, for at most so long.
async fn within<T: PartialEq + std::fmt::Debug>(
    limit: Duration,
    expected: T,
    mut ask: impl AsyncFnMut() -> T,
) {
    let end = Instant::now() + limit;
    loop {
        let answer = ask().await;
        if answer == expected {
            return;
        }
        assert!(Instant::now() < end, "{answer:?} is not {expected:?}, not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn serve(database: &Database) -> Server {
    Server::over(&database.url, &[]).await
}
