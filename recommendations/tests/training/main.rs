//! Training as operators meet it: jobs, models, artefacts, and what readers see of them.

mod artefacts;
mod by_hand;
mod cancelled;
mod fuzz;
mod jobs;
mod lives;
mod models;
mod reasons;
mod replicas;
mod simulated;
mod statistics;
mod strategies;
mod swaps;
mod triggers;

use std::{net::SocketAddr, path::Path, time::Duration};

use clap::Parser as _;
use protobufs::{
    models::{
        CancelJobRequest, GetJobRequest, Job, JobState, ListModelsRequest, Model, TrainRequest,
        models_service_client::ModelsServiceClient,
    },
    readers::{Entry, ImportHistoryRequest, readers_service_client::ReadersServiceClient},
    recommendations::{
        RecommendationRequest, RecommendationResponse, recommendations_client::RecommendationsClient,
    },
};
use recommendations::Config;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::Instant};
use tonic::transport::{Channel, Endpoint};

/// Readers and books of the ratings that most tests train on: few, since nothing is optimised here.
const READERS: i32 = 120;
const BOOKS: i32 = 60;

/// A server on a port of its own over a database that outlives it.
struct Server {
    address: SocketAddr,
    /// Where it answers probes, where a test has started it itself.
    admin: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), service::Failure>>>,
}

/// Where a server's data lies.
struct Place {
    url: String,
    folder: tempfile::TempDir,
}

impl Place {
    fn sqlite() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("shelfwise.db").display());
        Some(Self { url, folder })
    }

    fn postgres() -> Option<Self> {
        Some(Self { url: testing::postgres()?, folder: tempfile::tempdir().unwrap() })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of a model.
    fn model(&self, version: &str) -> std::path::PathBuf {
        self.path().join("models").join(version)
    }

    /// A server without simulated readers that waits with training until it is asked, unless settings say otherwise.
    async fn serve(&self, settings: &[&str]) -> Server {
        let mut arguments = Vec::new();
        // Parameters are chosen only where a test is about that: it takes many models.
        for (setting, value) in
            [("--simulated-readers", "false"), ("--train-after", "0"), ("--train-trials", "1")]
        {
            if !settings.contains(&setting) {
                arguments.extend([setting, value]);
            }
        }
        arguments.extend(settings);
        Server::start(self, &arguments).await
    }
}

impl Server {
    async fn start(place: &Place, settings: &[&str]) -> Self {
        let data = place.path().to_str().unwrap();
        let mut arguments = vec!["recommendations", "--data", data, "--database-url", &place.url];
        arguments.extend(settings);
        let config = Config::try_parse_from(arguments).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, admin_address) = (listener.local_addr().unwrap(), admin.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(async {
            let ended = recommendations::run(config, listener, admin, shutdown).await;
            // Seen before the test fails for want of an answer.
            ended.inspect_err(|failure| eprintln!("the server has ended: {failure}"))
        });
        Self { address, admin: Some(admin_address), stop: Some(stop), running: Some(running) }
    }

    async fn channel(&self) -> Channel {
        channel(self.address).await
    }

    async fn models(&self) -> ModelsServiceClient<Channel> {
        ModelsServiceClient::new(self.channel().await)
    }

    async fn readers(&self) -> ReadersServiceClient<Channel> {
        ReadersServiceClient::new(self.channel().await)
    }

    /// Trains and waits for the end.
    async fn train(&self, model: &str) -> Job {
        let job = self.schedule(model).await;
        self.end_of(job.id).await
    }

    async fn schedule(&self, model: &str) -> Job {
        let request = TrainRequest { model: model.to_owned(), force: false };
        self.models().await.train(request).await.unwrap().into_inner().job.unwrap()
    }

    async fn job(&self, id: i64) -> Job {
        self.models().await.get_job(GetJobRequest { id }).await.unwrap().into_inner().job.unwrap()
    }

    /// Cancels a job, and waits for its end, which a machine that is busy with other tests may not see within the second for which
    /// the answer waits.
    async fn cancel(&self, id: i64) -> Job {
        let answer = self.models().await.cancel_job(CancelJobRequest { id }).await.unwrap();
        let job = answer.into_inner().job.unwrap();
        if job.state() == JobState::Running { self.end_of(id).await } else { job }
    }

    async fn end_of(&self, id: i64) -> Job {
        within(60, "the job ends", async || {
            let job = self.job(id).await;
            (job.state() > JobState::Running).then_some(job)
        })
        .await
    }

    async fn list(&self) -> Vec<Model> {
        self.models().await.list_models(ListModelsRequest {}).await.unwrap().into_inner().models
    }

    /// The version that answers; empty for none.
    async fn answering(&self) -> String {
        let models = self.list().await;
        models.into_iter().find(|model| model.active).map(|model| model.version).unwrap_or_default()
    }

    async fn recommend(&self, reader: i32) -> RecommendationResponse {
        let request = RecommendationRequest {
            user_id: reader,
            all_categories: true,
            max_results: 10,
            ..RecommendationRequest::default()
        };
        let mut client = RecommendationsClient::new(self.channel().await);
        client.recommend(request).await.unwrap().into_inner()
    }

    /// Stores ratings: each reader knows some of the books whose numbers leave the same remainder, so that there is something
    /// to learn, and likes most of them.
    async fn rate(&self, readers: std::ops::Range<i32>, books: i32, each: i32) -> i64 {
        let alike = books / 6;
        let entry = move |reader: i32, number: i32| {
            let book = (reader / 6 * 7 + number * 3) % alike * 6 + reader % 6 + 1;
            let stars = if number % 9 == 8 { 2.0 } else { 4.0 };
            Entry { reader_id: reader, book_id: book, stars, ..Entry::default() }
        };
        let entries = readers.flat_map(|reader| (0..each).map(move |number| entry(reader, number)));
        let entries: Vec<ImportHistoryRequest> = entries
            .map(|entry| ImportHistoryRequest { entry: Some(entry), request_id: String::new() })
            .collect();
        let mut client = self.readers().await;
        let answer = client.import_history(tokio_stream::iter(entries)).await.unwrap().into_inner();
        assert_eq!(answer.refused, 0, "{:?}", answer.errors);
        answer.stored
    }

    /// Some ratings to train on; the first model comes by itself, and is waited for.
    async fn with_ratings(self) -> Self {
        self.rate(1..READERS + 1, BOOKS, 8).await;
        within(60, "the first model", async || (!self.answering().await.is_empty()).then_some(())).await;
        self
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.running.take().unwrap().await.unwrap().unwrap();
    }
}

async fn channel(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    within(60, "the server listens", async || endpoint.connect().await.ok()).await
}

/// Asks until there is an answer, for so many seconds.
async fn within<T>(seconds: u64, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < limit, "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) use testing::on_both;
