//! The server over real gRPC, as its clients meet it.

mod books;
mod categories;
mod connections;
mod filters;
mod rankers;
mod recommend;
mod replicas;
mod robust;
mod search;
mod sizes;
mod speed;

use std::{net::SocketAddr, path::Path, time::Duration};

use clap::Parser as _;
use protobufs::{
    catalogue::{ListCategoriesRequest, catalogue_service_client::CatalogueServiceClient},
    recommendations::{RecommendationRequest, recommendations_client::RecommendationsClient},
};
use recommendations::{
    Config,
    import::{self, Format, Report},
    store::Store,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::Instant};
use tonic::transport::{Channel, Endpoint};

/// A server on a port of its own, stopped at the end of the test.
struct Server {
    address: SocketAddr,
    admin: SocketAddr,
    url: String,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), service::Failure>>>,
    folder: tempfile::TempDir,
}

impl Server {
    /// With the sample catalogue.
    async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With further settings.
    async fn with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::run(folder, settings).await
    }

    async fn run(folder: tempfile::TempDir, settings: &[&str]) -> Self {
        let url = format!("sqlite://{}", folder.path().join("shelfwise.db").display());
        Self::over(url, folder, settings).await
    }

    /// Over this database.
    async fn over(url: String, folder: tempfile::TempDir, settings: &[&str]) -> Self {
        let data = folder.path().to_str().unwrap();
        let mut arguments = vec!["recommendations", "--data", data, "--database-url", &url];
        // Nobody is there unless a test brings somebody, and nothing goes on but what it asks for.
        arguments.extend(["--simulated-readers", "false", "--train", "false"]);
        arguments.extend(settings);
        let config = Config::parse_from(arguments);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let probes = admin.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(recommendations::run(config, listener, admin, shutdown));
        Self { address, admin: probes, url, stop: Some(stop), running: Some(running), folder }
    }

    async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    async fn recommendations(&self) -> RecommendationsClient<Channel> {
        RecommendationsClient::new(self.channel().await)
    }

    async fn catalogue(&self) -> CatalogueServiceClient<Channel> {
        CatalogueServiceClient::new(self.channel().await)
    }

    /// Imports a text from outside, as `shelfwise import` does, and waits until the server shows it.
    async fn import(&self, text: impl Into<Vec<u8>>) -> Report {
        let store = Store::connect(&self.url).await.unwrap();
        let before = self.total().await;
        let file = std::io::Cursor::new(text.into());
        let report = import::books(file, Format::Jsonl, &store, |_| {}).await.unwrap();
        let expected = before + i32::try_from(report.new).unwrap();
        let limit = Instant::now() + Duration::from_secs(60);
        while self.total().await != expected {
            assert!(Instant::now() < limit, "the server does not show the imported books");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        report
    }

    async fn total(&self) -> i32 {
        let categories = self.catalogue().await.list_categories(ListCategoriesRequest {}).await;
        categories.unwrap().into_inner().total_books
    }

    async fn metrics(&self) -> String {
        let admin = self.admin;
        let asked = tokio::task::spawn_blocking(move || testing::http::get(admin, "/metrics"));
        asked.await.unwrap().unwrap().body
    }

    /// Stops it and returns its folder.
    async fn stop(mut self) -> tempfile::TempDir {
        self.stop.take().unwrap().send(()).unwrap();
        self.running.take().unwrap().await.unwrap().unwrap();
        self.folder
    }

    fn data(&self) -> &Path {
        self.folder.path()
    }
}

fn request(category: i32, max_results: i32) -> RecommendationRequest {
    RecommendationRequest { user_id: 1, category, max_results, ..Default::default() }
}
