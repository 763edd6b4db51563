//! From what went wrong to what the caller sees: one table.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::{recommend::RecommendError, search::SearchError};

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
    #[error("the search panicked")]
    Panicked,
    #[error("too many searches at a time")]
    Overloaded,
    #[error("the work was interrupted")]
    Interrupted,
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

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        let (code, message) = match &error {
            CallError::Invalid(_) => (Code::InvalidArgument, "Invalid request"),
            CallError::NoSuchCategory => (Code::NotFound, "Category not found"),
            CallError::NoSuchBook => (Code::NotFound, "Book not found"),
            CallError::Search(_) | CallError::Panicked => (Code::Internal, "Search failed"),
            CallError::Overloaded => {
                (Code::ResourceExhausted, "Too many searches at a time, try again later")
            }
            CallError::Interrupted => (Code::Unavailable, "The server is stopping"),
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
            CallError::NoSuchCategory
            | CallError::NoSuchBook
            | CallError::Panicked
            | CallError::Overloaded
            | CallError::Interrupted => Self::new(code, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};
    use tonic_types::StatusExt as _;

    use super::{CallError, Violation};
    use crate::search::SearchError;

    #[test]
    fn each_error_has_its_code_and_no_inner_text() {
        let inner = tantivy::TantivyError::InternalError("secret".to_owned());
        for (error, code, message) in [
            (CallError::NoSuchCategory, Code::NotFound, "Category not found"),
            (CallError::NoSuchBook, Code::NotFound, "Book not found"),
            (CallError::Search(SearchError::Search(inner)), Code::Internal, "Search failed"),
            (CallError::Panicked, Code::Internal, "Search failed"),
            (CallError::Overloaded, Code::ResourceExhausted, "Too many searches at a time, try again later"),
            (CallError::Interrupted, Code::Unavailable, "The server is stopping"),
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
}
