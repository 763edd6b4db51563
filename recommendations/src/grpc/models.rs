mod render;
mod statistics;
mod watch;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use protobufs::models::{
    ActivateModelRequest, ActivateModelResponse, CancelJobRequest, CancelJobResponse, GetJobRequest,
    GetJobResponse, GetStatisticsRequest, GetStatisticsResponse, GetVariantReportRequest,
    GetVariantReportResponse, ListJobsRequest, ListJobsResponse, ListModelsRequest, ListModelsResponse,
    Model, RollBackModelRequest, RollBackModelResponse, TrainRequest, TrainResponse, WatchJobRequest,
    WatchJobResponse, models_service_server::ModelsService,
};
use service::Shutdown;
use tokio::{sync::Semaphore, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{
    answer::answer,
    page::List,
    parse::JobPageSize,
    status::{CallError, Violation},
};
use crate::{
    loading::Current,
    models::Kind,
    readers::{Readers, now},
    statistics::Counted,
    store::{Cause, Job, Scheduled},
    training::{Training, TrainingError},
    variants::{Counts, Variants, summary},
};

/// How far back a report goes unless it is asked to go further.
const REPORT_DAYS: u32 = 30;
/// How many models an answer holds.
const MAX_MODELS: usize = 100;
/// Jobs that are watched at a time.
const WATCHERS: usize = 100;
/// How long a job may take to stop before the answer says that it still does.
const STOPPING: Duration = Duration::from_secs(1);

/// What is said to who asks for a model that there is not.
static MODELS: LazyLock<String> = LazyLock::new(|| format!("must be one of {}", Kind::names()));

/// What is compared, and where what happened is counted.
#[derive(Clone)]
pub struct Comparing {
    /// The variants.
    pub variants: Arc<Variants>,
    /// Who takes events, and drops some.
    pub readers: Readers,
}

pub(super) struct Service {
    current: Current,
    training: Training,
    comparing: Comparing,
    counted: Counted,
    shutdown: Shutdown,
    watchers: Arc<Semaphore>,
}

impl Service {
    pub(super) fn new(
        current: Current,
        training: Training,
        comparing: Comparing,
        counted: Counted,
        shutdown: Shutdown,
    ) -> Self {
        Self { current, training, comparing, counted, shutdown, watchers: Arc::new(Semaphore::new(WATCHERS)) }
    }

    async fn variants(
        &self,
        request: &GetVariantReportRequest,
    ) -> Result<GetVariantReportResponse, CallError> {
        let days = u32::try_from(request.days).map_err(|_| invalid("days", "must not be negative"))?;
        let days = if days == 0 { REPORT_DAYS } else { days };
        let since = now().saturating_sub(days.saturating_mul(24 * 3600));
        let mut found = self.training.store().variants(since).await.map_err(TrainingError::Store)?;
        let counts: Vec<Counts> = self
            .comparing
            .variants
            .all()
            .iter()
            .map(|variant| match found.iter().position(|counts| counts.variant == variant.name) {
                Some(place) => found.swap_remove(place),
                None => Counts { variant: variant.name.clone(), ..Counts::default() },
            })
            .collect();
        Ok(GetVariantReportResponse {
            summary: summary(&counts),
            variants: counts.into_iter().map(render::variant).collect(),
            dropped_events: i64::try_from(self.comparing.readers.dropped()).unwrap_or(i64::MAX),
        })
    }

    async fn job(&self, id: i64) -> Result<Job, CallError> {
        let job = self.training.store().job(id).await.map_err(TrainingError::Store)?;
        Ok(self.training.freshened(job.ok_or(CallError::NoSuchJob)?))
    }

    async fn train(&self, request: &TrainRequest) -> Result<Job, CallError> {
        let kind = match request.model.as_str() {
            "" => self.training.default_kind(),
            name => name
                .parse::<Kind>()
                .map_err(|_| CallError::Invalid(vec![Violation { field: "model", description: &MODELS }]))?,
        };
        let scheduled = self.training.schedule(kind.name(), Cause::Call, request.force).await;
        match scheduled.map_err(TrainingError::Store)? {
            Scheduled::Job(job) => Ok(*job),
            Scheduled::Full | Scheduled::NotNeeded => Err(CallError::TooManyJobs),
        }
    }

    async fn list_jobs(&self, request: &ListJobsRequest) -> Result<ListJobsResponse, CallError> {
        let size = JobPageSize::parse("page_size", request.page_size);
        let size = size.map_err(|violation| CallError::Invalid(vec![violation]))?.get();
        let snapshot = self.current.load_full();
        let list = List { version: snapshot.catalogue.version(), name: "jobs".to_owned() };
        let position = list.position("page_token", &request.page_token);
        let position = position.map_err(|violation| CallError::Invalid(vec![violation]))?;
        // A token holds 31 bits of a number, and the rest of it as an offset.
        let before = match (i64::from(position.offset) << 31) | i64::from(position.last) {
            0 => i64::MAX,
            before => before,
        };
        let count = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let store = self.training.store();
        let (mut jobs, open) = if request.ended {
            let all = store.open_and_ended_jobs(before, count).await.map_err(TrainingError::Store)?;
            let (mut open, ended): (Vec<_>, Vec<_>) = all.into_iter().partition(|job| !job.state.has_ended());
            open.reverse();
            (ended, open)
        } else {
            (store.jobs(before, count).await.map_err(TrainingError::Store)?, Vec::new())
        };
        let next_page_token = match jobs.len() > size {
            true => {
                jobs.truncate(size);
                let last = jobs.last().map_or(0, |job| job.id);
                let low = i32::try_from(last & i64::from(i32::MAX)).unwrap_or_default();
                list.token(usize::try_from(last >> 31).unwrap_or_default(), low)
            }
            false => String::new(),
        };
        let rendered = |jobs: Vec<Job>| {
            jobs.into_iter().map(|job| render::job(self.training.freshened(job))).collect::<Vec<_>>()
        };
        Ok(ListJobsResponse { jobs: rendered(jobs), next_page_token, open: rendered(open) })
    }

    /// Asks a job to stop and waits a moment for it.
    async fn cancel(&self, id: i64) -> Result<Job, CallError> {
        let store = self.training.store();
        let over = store.cancel_job(id).await.map_err(TrainingError::Store)?;
        if over {
            self.job(id).await?;
            return Err(CallError::JobEnded);
        }
        let limit = Instant::now() + STOPPING;
        loop {
            let job = self.job(id).await?;
            if job.state.has_ended() || Instant::now() >= limit {
                return Ok(job);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn models(&self) -> Result<Vec<Model>, CallError> {
        let models = self.training.models().await?;
        let (answering, unusable) = (self.training.answering(), self.training.unusable());
        Ok(models
            .into_iter()
            .take(MAX_MODELS)
            .map(|(model, manifest)| render::model(model, manifest, &answering, unusable.as_ref()))
            .collect())
    }

    async fn model(&self, version: &str) -> Result<Model, CallError> {
        let models = self.models().await?;
        models.into_iter().find(|model| model.version == version).ok_or(CallError::NoSuchModel)
    }
}

#[tonic::async_trait]
impl ModelsService for Service {
    async fn train(&self, request: Request<TrainRequest>) -> Result<Response<TrainResponse>, Status> {
        let job = self.train(request.get_ref()).await?;
        Ok(answer(TrainResponse { job: Some(render::job(job)) }))
    }

    async fn get_job(&self, request: Request<GetJobRequest>) -> Result<Response<GetJobResponse>, Status> {
        let job = self.job(request.get_ref().id).await?;
        Ok(answer(GetJobResponse { job: Some(render::job(job)) }))
    }

    async fn list_jobs(
        &self,
        request: Request<ListJobsRequest>,
    ) -> Result<Response<ListJobsResponse>, Status> {
        Ok(answer(self.list_jobs(request.get_ref()).await?))
    }

    type WatchJobStream = ReceiverStream<Result<WatchJobResponse, Status>>;

    async fn watch_job(
        &self,
        request: Request<WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        let job = self.job(request.get_ref().id).await?;
        let watching = Arc::clone(&self.watchers).try_acquire_owned();
        let watching = watching.map_err(|_| CallError::TooManyWatchers)?;
        Ok(Response::new(watch::start(self.training.clone(), job, self.shutdown.clone(), watching)))
    }

    async fn cancel_job(
        &self,
        request: Request<CancelJobRequest>,
    ) -> Result<Response<CancelJobResponse>, Status> {
        let job = self.cancel(request.get_ref().id).await?;
        Ok(answer(CancelJobResponse { job: Some(render::job(job)) }))
    }

    async fn list_models(
        &self,
        _request: Request<ListModelsRequest>,
    ) -> Result<Response<ListModelsResponse>, Status> {
        Ok(answer(ListModelsResponse { models: self.models().await? }))
    }

    async fn activate_model(
        &self,
        request: Request<ActivateModelRequest>,
    ) -> Result<Response<ActivateModelResponse>, Status> {
        let version = &request.get_ref().version;
        self.training.activate(version).await.map_err(CallError::from)?;
        Ok(answer(ActivateModelResponse { model: Some(self.model(version).await?) }))
    }

    async fn roll_back_model(
        &self,
        _request: Request<RollBackModelRequest>,
    ) -> Result<Response<RollBackModelResponse>, Status> {
        let version = self.training.roll_back().await.map_err(CallError::from)?;
        Ok(answer(RollBackModelResponse { model: Some(self.model(&version).await?) }))
    }

    async fn get_variant_report(
        &self,
        request: Request<GetVariantReportRequest>,
    ) -> Result<Response<GetVariantReportResponse>, Status> {
        Ok(answer(self.variants(request.get_ref()).await?))
    }

    async fn get_statistics(
        &self,
        request: Request<GetStatisticsRequest>,
    ) -> Result<Response<GetStatisticsResponse>, Status> {
        let days =
            statistics::days(request.get_ref()).map_err(|violation| CallError::Invalid(vec![violation]))?;
        let statistics = self.counted.count().await;
        let statistics = statistics.map_err(|error| CallError::of_task(&error, "Counting failed"))?;
        Ok(answer(statistics::render(&statistics, days)))
    }
}

fn invalid(field: &'static str, description: &'static str) -> CallError {
    CallError::Invalid(vec![Violation { field, description }])
}
