//! From what went wrong to what the caller sees: one table.

use storage::ObjectsError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::{
    artefact::ArtefactError, import::readers::LibraryError, ratings::MAX_HISTORY, readers::WriteError,
    recommend::RecommendError, search::SearchError, training::TrainingError,
};

/// Why a call is not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("the request is invalid")]
    Invalid(Vec<Violation>),
    #[error("no such category")]
    NoSuchCategory,
    #[error("no such book")]
    NoSuchBook,
    #[error("search failed")]
    Search(#[source] SearchError),
    /// What is said of it.
    #[error("{0}: it panicked")]
    Panicked(&'static str),
    #[error("too many searches at a time")]
    Overloaded,
    #[error("the work was interrupted")]
    Interrupted,
    #[error("nothing was stored")]
    Write(#[source] WriteError),
    #[error("too many exports at a time")]
    TooManyExports,
    #[error("too many libraries are imported at a time")]
    TooManyImports,
    #[error("the file is longer than {0} bytes")]
    LibraryTooLong(u64),
    #[error("the library was not imported")]
    Library(#[source] LibraryError),
    #[error("the stream was silent for too long")]
    Silent,
    #[error("the stream broke off")]
    Broken(#[source] Status),
    #[error("no such job")]
    NoSuchJob,
    #[error("no such model")]
    NoSuchModel,
    #[error("the job has ended")]
    JobEnded,
    #[error("too many jobs wait")]
    TooManyJobs,
    #[error("too many jobs are watched")]
    TooManyWatchers,
    #[error("training failed")]
    Training(#[source] TrainingError),
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) field: &'static str,
    pub(super) description: &'static str,
}

impl From<RecommendError> for CallError {
    fn from(error: RecommendError) -> Self {
        match error {
            RecommendError::NoSuchCategory(_) => Self::NoSuchCategory,
        }
    }
}

impl From<WriteError> for CallError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl CallError {
    /// Of work on a thread of its own that came to no end; `what` is said if it panicked.
    pub(super) fn of_task(error: &tokio::task::JoinError, what: &'static str) -> Self {
        if error.is_panic() { Self::Panicked(what) } else { Self::Interrupted }
    }
}

impl From<TrainingError> for CallError {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::NoSuchModel(_) => Self::NoSuchModel,
            TrainingError::Simulated(error) => Self::Write(error),
            error => Self::Training(error),
        }
    }
}

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        const { assert!(MAX_HISTORY == 10_000, "the sentence says 10,000") };
        let (code, message) = match &error {
            CallError::Invalid(_) => (Code::InvalidArgument, "Invalid request"),
            CallError::NoSuchCategory => (Code::NotFound, "Category not found"),
            CallError::NoSuchBook => (Code::NotFound, "Book not found"),
            CallError::Search(_) => (Code::Internal, "Search failed"),
            &CallError::Panicked(what) => (Code::Internal, what),
            CallError::Overloaded => {
                (Code::ResourceExhausted, "Too many searches at a time, try again later")
            }
            CallError::Interrupted | CallError::Write(WriteError::Stopping) => {
                (Code::Unavailable, "The server is stopping")
            }
            CallError::Write(WriteError::NotStored) => {
                (Code::Unavailable, "The database did not store this, try again later")
            }
            CallError::Write(WriteError::Unknown) => {
                (Code::Internal, "It is not known whether this was stored")
            }
            CallError::Write(WriteError::HistoryFull) => {
                (Code::ResourceExhausted, "A reader's history holds at most 10,000 entries")
            }
            CallError::Write(WriteError::NoNumber) => {
                (Code::ResourceExhausted, "There is no number left for a new reader")
            }
            CallError::TooManyExports => {
                (Code::ResourceExhausted, "Too many exports at a time, try again later")
            }
            CallError::TooManyImports => {
                (Code::ResourceExhausted, "Too many libraries are imported at a time, try again later")
            }
            CallError::LibraryTooLong(limit) => {
                let message =
                    format!("The file is longer than {limit} bytes; the rows before that are stored");
                return Self::out_of_range(message);
            }
            CallError::Library(LibraryError::Write(error)) => return CallError::Write(*error).into(),
            CallError::Library(LibraryError::Read(_) | LibraryError::Store(_)) => {
                (Code::Internal, "The file could not be read")
            }
            // Our own words about the file, which whoever sent it needs.
            CallError::Library(error) => return Self::invalid_argument(service::chain(error)),
            CallError::Silent => (Code::DeadlineExceeded, "The stream was silent for too long"),
            CallError::Broken(status) => (status.code(), "The stream broke off"),
            CallError::NoSuchJob => (Code::NotFound, "Job not found"),
            CallError::NoSuchModel => (Code::NotFound, "Model not found"),
            CallError::JobEnded => (Code::FailedPrecondition, "The job has ended already"),
            CallError::TooManyJobs => {
                (Code::ResourceExhausted, "100 trainings wait already, try again later")
            }
            CallError::TooManyWatchers => {
                (Code::ResourceExhausted, "Too many jobs are watched at a time, try again later")
            }
            CallError::Training(TrainingError::NothingBefore) => {
                (Code::FailedPrecondition, "No model answered before this one")
            }
            CallError::Training(TrainingError::Artefact(ArtefactError::Objects { .. })) => {
                (Code::FailedPrecondition, "The model's artefact cannot be reached")
            }
            CallError::Training(TrainingError::Artefact(_)) => {
                (Code::FailedPrecondition, "The model's artefact is refused")
            }
            CallError::Training(TrainingError::Store(_)) => {
                (Code::Unavailable, "The database does not answer, try again later")
            }
            CallError::Training(_) => (Code::Internal, "Training failed"),
        };
        match error {
            CallError::Invalid(violations) => {
                let violations: Vec<_> = violations
                    .iter()
                    .map(|Violation { field, description }| FieldViolation::new(*field, *description))
                    .collect();
                Self::with_error_details(code, message, ErrorDetails::with_bad_request(violations))
            }
            CallError::Search(source) => {
                tracing::error!(error = &source as &dyn std::error::Error, "search failed");
                Self::new(code, message)
            }
            CallError::Training(source) => {
                tracing::error!(error = &source as &dyn std::error::Error, "a call about models failed");
                match source {
                    // Our own words about what lies there, which whoever put it there needs.
                    TrainingError::Artefact(refused) if code == Code::FailedPrecondition => {
                        Self::new(code, format!("{message}: {}", reason(&refused)))
                    }
                    _ => Self::new(code, message),
                }
            }
            CallError::Panicked(_) => {
                tracing::error!(error = message, "the work on a call panicked");
                Self::new(code, message)
            }
            CallError::NoSuchCategory
            | CallError::NoSuchBook
            | CallError::NoSuchJob
            | CallError::NoSuchModel
            | CallError::JobEnded
            | CallError::TooManyJobs
            | CallError::TooManyWatchers
            | CallError::Overloaded
            | CallError::Interrupted
            | CallError::Write(_)
            | CallError::TooManyExports
            | CallError::TooManyImports
            | CallError::LibraryTooLong(_)
            | CallError::Library(_)
            | CallError::Silent
            | CallError::Broken(_) => Self::new(code, message),
        }
    }
}

/// Why an artefact is refused. What an object store says stays in the log.
fn reason(error: &ArtefactError) -> String {
    match error {
        ArtefactError::Objects { source: ObjectsError::Missing { name }, .. } => {
            format!("there is no {name}")
        }
        ArtefactError::Objects { .. } => "the object store failed".to_owned(),
        error => service::chain(error),
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};
    use tonic_types::StatusExt as _;

    use super::{CallError, Violation};
    use crate::{readers::WriteError, search::SearchError};

    #[test]
    fn each_error_has_its_code_and_no_inner_text() {
        let inner = tantivy::TantivyError::InternalError("secret".to_owned());
        for (error, code, message) in [
            (CallError::NoSuchCategory, Code::NotFound, "Category not found"),
            (CallError::NoSuchBook, Code::NotFound, "Book not found"),
            (CallError::Search(SearchError::Search(inner)), Code::Internal, "Search failed"),
            (CallError::Panicked("Counting failed"), Code::Internal, "Counting failed"),
            (CallError::Overloaded, Code::ResourceExhausted, "Too many searches at a time, try again later"),
            (CallError::Interrupted, Code::Unavailable, "The server is stopping"),
            (CallError::Write(WriteError::Stopping), Code::Unavailable, "The server is stopping"),
            (
                CallError::Write(WriteError::Unknown),
                Code::Internal,
                "It is not known whether this was stored",
            ),
        ] {
            let status = Status::from(error);
            assert_eq!((status.code(), status.message()), (code, message));
        }
        let violation = Violation { field: "max_results", description: "must not be negative" };
        let status = Status::from(CallError::Invalid(vec![violation]));
        assert_eq!(status.code(), Code::InvalidArgument);
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(
            (violations[0].field.as_str(), violations[0].description.as_str()),
            ("max_results", "must not be negative")
        );
    }

    #[tokio::test]
    async fn a_panic_is_told_from_the_end_of_the_process() {
        let panicked = tokio::spawn(async { panic!("on purpose") }).await.unwrap_err();
        let status = Status::from(CallError::of_task(&panicked, "Counting failed"));
        assert_eq!((status.code(), status.message()), (Code::Internal, "Counting failed"));
        let ended = tokio::spawn(std::future::pending::<()>());
        ended.abort();
        let status = Status::from(CallError::of_task(&ended.await.unwrap_err(), "Counting failed"));
        assert_eq!(status.code(), Code::Unavailable);
    }
}
