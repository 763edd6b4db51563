//! Full gRPC clients, for what is asked seldom.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use protobufs::{
    models::{
        CancelJobRequest, GetJobRequest, Job, JobState, ListJobsRequest, TrainRequest,
        models_service_client::ModelsServiceClient,
    },
    recommendations::{
        BookRecommendation, ReasonKind, RecommendationRequest, SessionRating,
        recommendations_client::RecommendationsClient,
    },
};
use tokio::time::sleep;
use tonic::{Status, transport::Channel};

use crate::failure::Failure;

/// How long a model may take to come, or a job to begin or end.
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(50);

/// A connection to a server that is up.
pub(crate) async fn connect(address: SocketAddr) -> Result<Channel, Failure> {
    let endpoint = Channel::from_shared(format!("http://{address}")).expect("made of a socket address");
    endpoint.tcp_nodelay(true).connect().await.map_err(Failure::work(format!("connect to {address}")))
}

/// For `map_err` on calls.
pub(crate) fn refused(address: SocketAddr, doing: &'static str) -> impl FnOnce(Status) -> Failure {
    move |status| Failure::Call { address, doing, why: format!("{:?}: {}", status.code(), status.message()) }
}

/// Waits until a model answers and nothing is trained or about to be, as it is but for a few seconds of a server's life.
pub(crate) async fn settled(address: SocketAddr) -> Result<(), Failure> {
    let channel = connect(address).await?;
    let mut calls = RecommendationsClient::new(channel.clone());
    let mut models = ModelsServiceClient::new(channel);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = RecommendationRequest { max_results: 1, ..Default::default() };
        let answer = calls.recommend(request).await.map_err(refused(address, "ask for a book"))?;
        let jobs = models.list_jobs(ListJobsRequest { page_size: 100, ..Default::default() }).await;
        let jobs = jobs.map_err(refused(address, "list trainings"))?.into_inner().jobs;
        let idle = jobs.iter().all(|job| !matches!(job.state(), JobState::Scheduled | JobState::Running));
        if idle && !answer.into_inner().model_version.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Failure::Call { address, doing: "wait for a model", why: format!("{jobs:?}") });
        }
        sleep(LOOK).await;
    }
}

/// Waits until a trained model recommends others to somebody who has just given three books their stars, because of these.
pub(crate) async fn personal(address: SocketAddr) -> Result<(), Failure> {
    const RATED: [i32; 3] = [1, 2, 3];
    let mut calls = RecommendationsClient::new(connect(address).await?);
    let session_ratings =
        RATED.map(|book_id| SessionRating { book_id, stars: 5.0, ..Default::default() }).to_vec();
    let request = RecommendationRequest { max_results: 10, session_ratings, ..Default::default() };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = calls.recommend(request.clone()).await.map_err(refused(address, "ask for books"))?;
        let answer = answer.into_inner();
        let (books, trained) = (answer.recommendations, !answer.model_version.is_empty());
        let of_these = |book: &BookRecommendation| {
            matches!(book.reason_kind(), ReasonKind::Liked | ReasonKind::Similar)
                && RATED.contains(&book.source_book_id)
        };
        if trained && books.len() == 10 && books.iter().all(of_these) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let why = "the list has other reasons".to_owned();
            return Err(Failure::Call { address, doing: "wait for a personal list", why });
        }
        sleep(LOOK).await;
    }
}

/// What trains at a server.
pub(crate) struct Trainer {
    address: SocketAddr,
    models: ModelsServiceClient<Channel>,
}

impl Trainer {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        Ok(Self { address, models: ModelsServiceClient::new(connect(address).await?) })
    }

    /// Starts a training and waits until it is at work; its number.
    pub(crate) async fn begin(&mut self) -> Result<i64, Failure> {
        // Not refused if it is no better than the one before, which is the same.
        let request = TrainRequest { model: String::new(), force: true };
        let answer = self.models.train(request).await.map_err(refused(self.address, "train"))?;
        let id = answer.into_inner().job.map_or(0, |job| job.id);
        // Reading ratings and scheduling are not what takes the processor.
        self.until(id, |job| job.state() == JobState::Running && !job.step.is_empty()).await?;
        Ok(id)
    }

    /// Waits for the end; it must be a success.
    pub(crate) async fn end(&mut self, id: i64) -> Result<(), Failure> {
        let job = self.until(id, |job| job.ended_at.is_some()).await?;
        match job.state() {
            JobState::Succeeded => Ok(()),
            _ => Err(Failure::Call { address: self.address, doing: "train", why: job.message }),
        }
    }

    /// Whether it is still at work.
    pub(crate) async fn is_at_work(&mut self, id: i64) -> Result<bool, Failure> {
        self.job(id).await.map(|job| job.state() == JobState::Running)
    }

    /// Stops it, and waits until it has.
    pub(crate) async fn cancel(&mut self, id: i64) -> Result<(), Failure> {
        // It may have ended by itself.
        let _ = self.models.cancel_job(CancelJobRequest { id }).await;
        self.until(id, |job| job.ended_at.is_some()).await.map(drop)
    }

    async fn job(&mut self, id: i64) -> Result<Job, Failure> {
        let answer = self.models.get_job(GetJobRequest { id }).await;
        let answer = answer.map_err(refused(self.address, "look at a training"))?;
        Ok(answer.into_inner().job.unwrap_or_default())
    }

    async fn until(&mut self, id: i64, is: impl Fn(&Job) -> bool) -> Result<Job, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let job = self.job(id).await?;
            if is(&job) || job.ended_at.is_some() {
                return Ok(job);
            }
            if Instant::now() > deadline {
                let why = format!("job {id} still is {:?}: {}", job.state(), job.step);
                return Err(Failure::Call { address: self.address, doing: "wait for a training", why });
            }
            sleep(LOOK).await;
        }
    }
}
