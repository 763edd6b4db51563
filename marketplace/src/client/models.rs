//! Models and the jobs that make them, for operators.

use std::time::Duration;

use prost::Message;
use protobufs::models::{
    ActivateModelRequest, ActivateModelResponse, CancelJobRequest, CancelJobResponse, GetStatisticsRequest,
    GetStatisticsResponse, GetVariantReportRequest, GetVariantReportResponse, Job, ListJobsRequest,
    ListJobsResponse, ListModelsRequest, ListModelsResponse, Model, RollBackModelRequest,
    RollBackModelResponse, TrainRequest, TrainResponse,
};
use service::trace::TraceContext;
use thiserror::Error;

use super::{
    Client,
    grpc::{self, Fault, Method, No},
};

/// A list may take longer than a page of books: an object store may have to be asked.
const LOOK: Duration = Duration::from_secs(2);
/// What is asked for may have to be read first, or to stop. Less than a page may take.
const ACT: Duration = Duration::from_secs(4);

/// Why an operator's call was not answered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OperatorError {
    /// The server said no. Says why, in its own words for callers.
    #[error("refused: {0}")]
    Refused(String),
    /// The server asks for another token than this process has.
    #[error("recommendations asks for another token")]
    Token,
    /// Recommendations is down, late, overloaded, or gave a wrong answer.
    #[error("recommendations is unavailable")]
    Unavailable,
}

impl Client {
    /// The models that are kept, the latest first.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`].
    pub async fn models(&self, trace: &TraceContext) -> Result<Vec<Model>, OperatorError> {
        let answer: ListModelsResponse =
            self.operate(trace, Method::ListModels, &ListModelsRequest {}, LOOK).await?;
        Ok(answer.models)
    }

    /// All jobs that have not ended, and a page of those that have, the latest first.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`].
    pub async fn jobs(
        &self,
        trace: &TraceContext,
        page_size: i32,
        page_token: &str,
    ) -> Result<ListJobsResponse, OperatorError> {
        let question = ListJobsRequest { page_size, page_token: page_token.to_owned(), ended: true };
        self.operate(trace, Method::ListJobs, &question, LOOK).await
    }

    /// Ratings by day, and how likes and recommendations are spread.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`].
    pub async fn statistics(
        &self,
        trace: &TraceContext,
        days: i32,
    ) -> Result<GetStatisticsResponse, OperatorError> {
        self.operate(trace, Method::GetStatistics, &GetStatisticsRequest { days }, LOOK).await
    }

    /// How the variants compare.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`].
    pub async fn variants(
        &self,
        trace: &TraceContext,
        days: i32,
    ) -> Result<GetVariantReportResponse, OperatorError> {
        self.operate(trace, Method::GetVariantReport, &GetVariantReportRequest { days }, LOOK).await
    }

    /// Schedules a training of this model; an empty name is what the server is set to.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`]. After `Unavailable` it may be scheduled or not.
    pub async fn train(
        &self,
        trace: &TraceContext,
        model: &str,
        force: bool,
    ) -> Result<Option<Job>, OperatorError> {
        let question = TrainRequest { model: model.to_owned(), force };
        let answer: TrainResponse = self.operate(trace, Method::Train, &question, ACT).await?;
        Ok(answer.job)
    }

    /// Stops a job.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`]. After `Unavailable` it may be stopped or not.
    pub async fn cancel_job(&self, trace: &TraceContext, id: i64) -> Result<Option<Job>, OperatorError> {
        let answer: CancelJobResponse =
            self.operate(trace, Method::CancelJob, &CancelJobRequest { id }, ACT).await?;
        Ok(answer.job)
    }

    /// Lets a model answer, whatever its quality.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`]. After `Unavailable` it may answer or not.
    pub async fn activate_model(&self, trace: &TraceContext, version: &str) -> Result<(), OperatorError> {
        let question = ActivateModelRequest { version: version.to_owned() };
        let _: ActivateModelResponse = self.operate(trace, Method::ActivateModel, &question, ACT).await?;
        Ok(())
    }

    /// Lets the model answer that did before the active one.
    ///
    /// # Errors
    ///
    /// See [`OperatorError`]. After `Unavailable` it may answer or not.
    pub async fn roll_back_model(&self, trace: &TraceContext) -> Result<Option<Model>, OperatorError> {
        let answer: RollBackModelResponse =
            self.operate(trace, Method::RollBackModel, &RollBackModelRequest {}, ACT).await?;
        Ok(answer.model)
    }

    async fn operate<A: Message + Default>(
        &self,
        trace: &TraceContext,
        method: Method,
        question: &impl Message,
        time: Duration,
    ) -> Result<A, OperatorError> {
        let time = time.max(self.0.deadline);
        self.0.try_send(trace, method, grpc::frame(question), time).await.map_err(|fault| refusal(&fault))
    }
}

fn refusal(fault: &Fault) -> OperatorError {
    match fault.no() {
        Some((No::Invalid | No::NotFound | No::NotNow | No::Full, why)) => {
            OperatorError::Refused(why.to_owned())
        }
        Some((No::Stranger, _)) => OperatorError::Token,
        Some((No::TooMuch, _)) | None => OperatorError::Unavailable,
    }
}
