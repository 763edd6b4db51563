//! What callers are told when something is not done: `application/problem+json` of RFC 9457, and one table of statuses.

use std::{borrow::Cow, time::Duration};

use axum::response::{IntoResponse, Response};
use host::CallError;
use http::{HeaderValue, StatusCode, header};

use crate::{bounds::Excess, routes::Missed};

/// Why a request is not answered as its sender wanted. None of them shows what is inside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no function, task or page of this name.
    #[error("there is no {0}")]
    Unknown(String),
    /// What was sent is not what is taken; the sentence says why.
    #[error("{0}")]
    BadInput(String),
    /// The body is longer than this many bytes.
    #[error("the body is longer than {0} bytes")]
    LongBody(usize),
    /// The request's head is longer than it may be.
    #[error("{0}")]
    LongHead(Excess),
    /// The body did not come in time.
    #[error("the body did not come within {0:?}")]
    SlowBody(Duration),
    /// The address is not asked with this method.
    #[error("this address takes {0}")]
    Method(Cow<'static, str>),
    /// The caller does not show the token.
    #[error("{0}")]
    Unauthorized(String),
    /// What was sent cannot be done as things are.
    #[error("{0}")]
    Conflict(String),
    /// A module or manifest cannot be deployed; the sentence says why.
    #[error("{0}")]
    Unfit(String),
    /// The function ended with another status than 0.
    #[error("the function ended with exit status {0}")]
    Exit(i32),
    /// The function said what is wrong, in its own words.
    #[error("{message}")]
    Refused {
        /// Its name for it.
        code: String,
        /// Its sentence.
        message: String,
    },
    /// The function trapped.
    #[error("the function failed")]
    Trap,
    /// The function's answer does not hold to what it promises.
    #[error("the function's answer cannot be used")]
    BadAnswer,
    /// The function used more of something than it may.
    #[error("the function used more {0} than it may")]
    Exceeded(&'static str),
    /// The function took too long.
    #[error("the function took longer than it may")]
    OutOfTime,
    /// As many calls of the function wait as may.
    #[error("too many calls of this function at once")]
    Busy,
    /// The client has called as often as it may, and may again after that long.
    #[error("this client calls too often")]
    TooOften(Duration),
    /// As many calls of all functions wait as may.
    #[error("too many calls at once")]
    Overloaded,
    /// Something that the function needs is not set up; the sentence names the setting.
    #[error("{0}")]
    Missing(String),
    /// A part that this needs does not answer.
    #[error("{0} cannot be reached at the moment")]
    Unavailable(&'static str),
    /// The process that worked on a task has ended in the middle, and the task is not begun again.
    #[error("the service was interrupted, and the function may not be called twice")]
    Interrupted,
    /// The service itself failed.
    #[error("the service failed; its log says why")]
    Internal,
}

/// How long a caller is asked to wait where too many are there.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

impl Problem {
    /// The status that it is told with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::BadInput(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowBody(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::LongBody(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::LongHead(excess) => excess.status(),
            Self::Unfit(_) | Self::Exit(_) | Self::Refused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy | Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Interrupted | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Trap | Self::BadAnswer | Self::Exceeded(_) => StatusCode::BAD_GATEWAY,
            Self::Overloaded | Self::Missing(_) | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::OutOfTime => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Its name for programs, the last part of the type.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BadInput(_) => "bad-input",
            Self::Unauthorized(_) => "unauthorized",
            Self::Unknown(_) => "unknown",
            Self::Method(_) => "method-not-allowed",
            Self::SlowBody(_) => "slow-body",
            Self::Conflict(_) => "conflict",
            Self::LongBody(_) => "long-body",
            Self::LongHead(_) => "long-head",
            Self::Unfit(_) => "unfit",
            Self::Exit(_) => "exit",
            Self::Refused { .. } => "refused",
            Self::Busy => "busy",
            Self::TooOften(_) => "too-often",
            Self::Interrupted => "interrupted",
            Self::Internal => "internal",
            Self::Trap => "trap",
            Self::BadAnswer => "bad-answer",
            Self::Exceeded(_) => "exceeded",
            Self::Overloaded => "overloaded",
            Self::Missing(_) => "missing",
            Self::Unavailable(_) => "unavailable",
            Self::OutOfTime => "out-of-time",
        }
    }

    /// As a JSON object: type, title, status, and where a function said it, its code.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::json!({
            "type": format!("urn:shelfwise:functions:{}", self.name()),
            "title": self.to_string(),
            "status": self.status().as_u16(),
        });
        match self {
            Self::Refused { code, .. } => json["code"] = code.as_str().into(),
            Self::Exit(status) => json["exit"] = (*status).into(),
            _ => {}
        }
        json
    }
}

impl From<&CallError> for Problem {
    fn from(error: &CallError) -> Self {
        match error {
            CallError::Exit(status) => Self::Exit(*status),
            CallError::Refused { code, message } => {
                Self::Refused { code: code.clone(), message: message.clone() }
            }
            CallError::Missing(what) => Self::Missing(what.clone()),
            CallError::LongInput(limit) => Self::LongBody(*limit),
            CallError::Trap(_) => Self::Trap,
            CallError::BadAnswer(_) => Self::BadAnswer,
            CallError::OutOfTime(_) | CallError::OutOfCpu(_) => Self::OutOfTime,
            CallError::OutOfMemory(_) => Self::Exceeded("memory"),
            CallError::OutOfTables => Self::Exceeded("tables or instances"),
            CallError::LongAnswer(_) => Self::Exceeded("output"),
            CallError::TooManyHostCalls(_) => Self::Exceeded("host calls"),
            CallError::NoRoom => Self::Overloaded,
            CallError::Host(_) => Self::Internal,
        }
    }
}

impl From<Missed> for Problem {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Path => Self::Unknown("such address".to_owned()),
            Missed::Method(methods) => {
                let methods: Vec<_> = methods.iter().map(http::Method::as_str).collect();
                Self::Method(methods.join(", ").into())
            }
            Missed::Headers(names) => {
                let names: Vec<_> = names.iter().map(http::HeaderName::as_str).collect();
                Self::BadInput(format!("nothing answers here to what this says in {}", names.join(", ")))
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut answer = (status, self.to_json().to_string()).into_response();
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Busy | Self::Overloaded => drop(headers.insert(header::RETRY_AFTER, RETRY_AFTER)),
            Self::TooOften(wait) => {
                headers.insert(header::RETRY_AFTER, wait.as_secs().saturating_add(1).into());
            }
            Self::Method(allowed) => {
                // Whatever is no header says no more than the sentence does.
                if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                    headers.insert(header::ALLOW, allowed);
                }
            }
            Self::Unauthorized(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        answer
    }
}
