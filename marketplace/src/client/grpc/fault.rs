use h2::Reason;
use thiserror::Error;
use tonic::Code;

use crate::client::CallError;

/// Why an attempt has failed.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    /// No server can be reached.
    #[error("no server is connected")]
    Nobody,
    /// Too many calls are waiting already.
    #[error("too many calls in flight")]
    Crowded,
    /// The server has not begun to work on it: it is leaving, or had gone already.
    #[error("the connection takes no more calls: {0}")]
    Refused(h2::Error),
    /// The connection broke while the server worked on it.
    #[error("the connection broke: {0}")]
    Lost(h2::Error),
    /// The server gave up this call, and only this one.
    #[error("the server broke off: {0}")]
    Cut(h2::Error),
    /// No answer in time.
    #[error("no answer in time")]
    Late,
    /// The server said no.
    #[error("{code:?}: {message}")]
    Status { code: Code, message: String },
    /// Not an answer.
    #[error("wrong answer: {0}")]
    Wrong(String),
}

/// What a server says no to, where whoever asked can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum No {
    /// To what was asked.
    Invalid,
    /// To how much of it there is.
    TooMuch,
    /// There is no such thing.
    NotFound,
    /// To the moment: things stand otherwise.
    NotNow,
    /// To one more: it does as many as it takes on.
    Full,
    /// To who asks.
    Stranger,
}

impl Fault {
    /// What it is called in metrics.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Nobody | Self::Refused(_) | Self::Lost(_) | Self::Cut(_) => Code::Unavailable,
            Self::Crowded => Code::ResourceExhausted,
            Self::Late => Code::DeadlineExceeded,
            Self::Status { code, .. } => *code,
            Self::Wrong(_) => Code::Internal,
        }
    }

    /// The server's own no and its words for callers. `None`: there is nothing to be done but to wait.
    pub(crate) fn no(&self) -> Option<(No, &str)> {
        let Self::Status { code, message } = self else { return None };
        let no = match code {
            Code::InvalidArgument => No::Invalid,
            Code::OutOfRange => No::TooMuch,
            Code::NotFound => No::NotFound,
            Code::FailedPrecondition => No::NotNow,
            Code::ResourceExhausted => No::Full,
            Code::Unauthenticated => No::Stranger,
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Aborted
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => return None,
        };
        Some((no, message))
    }

    /// What a page is told.
    pub(crate) fn error(&self) -> CallError {
        match self.no() {
            Some((No::NotFound, _)) => CallError::NotFound,
            Some((No::Invalid | No::TooMuch, _)) => CallError::Invalid,
            Some((No::NotNow | No::Full | No::Stranger, _)) | None => CallError::Unavailable,
        }
    }

    pub(super) fn in_flight(error: h2::Error) -> Self {
        match error.reason() {
            Some(Reason::REFUSED_STREAM) => Self::Refused(error),
            Some(Reason::NO_ERROR) if error.is_go_away() && error.is_remote() => Self::Refused(error),
            _ if error.is_reset() => Self::Cut(error),
            _ => Self::Lost(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_learns_only_what_it_can_act_on() {
        let status = |code| Fault::Status { code, message: String::new() };
        for number in 0..=16 {
            let code = Code::from_i32(number);
            let expected = match code {
                Code::NotFound => CallError::NotFound,
                Code::InvalidArgument | Code::OutOfRange => CallError::Invalid,
                _ => CallError::Unavailable,
            };
            assert_eq!(status(code).error(), expected, "{code:?}");
        }
        for own in [Fault::Late, Fault::Crowded, Fault::Wrong(String::new())] {
            assert_eq!((own.no(), own.error()), (None, CallError::Unavailable));
        }
    }
}
