use axum::http::StatusCode;

use crate::{functions::CallError, studio::Full};

/// Why nothing came of a picture.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Neither a file nor an earlier picture.
    NothingChosen,
    /// The file is no picture.
    NoPicture,
    TooLong,
    /// The form did not arrive whole.
    Broken,
    /// The chosen function is none that takes pictures.
    NoFunction,
    /// The result is no longer kept.
    Forgotten,
    /// The answer is neither a picture nor text.
    Odd,
    Full(Full),
    Call(CallError),
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl Trouble {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NothingChosen | Self::Broken | Self::NoFunction => StatusCode::BAD_REQUEST,
            Self::NoPicture => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong | Self::Call(CallError::TooLong) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Forgotten | Self::Call(CallError::Unknown) => StatusCode::NOT_FOUND,
            Self::Full(Full::Theirs | Full::TooOften) => StatusCode::TOO_MANY_REQUESTS,
            Self::Call(CallError::Refused(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Odd | Self::Call(CallError::Failed) => StatusCode::BAD_GATEWAY,
            Self::Call(CallError::Late) => StatusCode::GATEWAY_TIMEOUT,
            Self::Full(Full::All)
            | Self::Call(CallError::Busy | CallError::Missing(_) | CallError::Unavailable) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// What happened, and what to do.
    pub(super) fn words(&self) -> &str {
        match self {
            Self::NothingChosen => "Choose a picture first.",
            Self::NoPicture => {
                "This file is no picture that we know. We take PNG, JPEG, GIF, WebP and BMP: save it as one of these, and \
                 send it again."
            }
            Self::TooLong => "The picture is larger than 8 MB. Make it smaller, and send it again.",
            Self::Broken => "The picture did not arrive whole. Check your connection, and send it again.",
            Self::NoFunction | Self::Call(CallError::Unknown) => {
                "What you chose is not here any more. Choose another way, and send the picture again."
            }
            Self::Forgotten => "This picture is gone: we keep them for ten minutes at most. Send it again.",
            Self::Odd => "What came back is neither a picture nor text, so that we cannot show it.",
            Self::Full(Full::Theirs) => {
                "Two pictures of yours, or of your network, are worked on already. Wait for one of them, then send this one \
                 again."
            }
            Self::Full(Full::TooOften) => {
                "Very many pictures come from your network at this moment. Wait a minute, then send it again."
            }
            Self::Full(Full::All) | Self::Call(CallError::Busy) => {
                "Many readers are at the studio at this moment. Wait a moment, then send the picture again."
            }
            Self::Call(CallError::Refused(Some(words))) => words,
            Self::Call(CallError::Refused(None)) => {
                "Nothing could be made of this picture. It may be damaged, or of a kind that is not understood: try another \
                 one."
            }
            Self::Call(CallError::TooLong) => {
                "The picture is larger than this takes. Make it smaller, and send it again."
            }
            Self::Call(CallError::Missing(_)) => {
                "This is not set up here yet. Try another way; we are sorry for your trouble."
            }
            Self::Call(CallError::Failed) => {
                "It went wrong while your picture was worked on. This is our fault: try another way, or another picture."
            }
            Self::Call(CallError::Late) => {
                "It took too long, and was ended. A smaller picture is quicker; or wait a moment, and send it again."
            }
            Self::Call(CallError::Unavailable) => {
                "The part of the shop that works on pictures does not answer. Wait a moment, then send it again."
            }
        }
    }

    /// What operators are told beyond that.
    pub(super) fn inside(&self) -> Option<&str> {
        match self {
            Self::Call(CallError::Missing(what)) if !what.is_empty() => Some(what),
            _ => None,
        }
    }

    /// Whether the words are a function's own.
    pub(super) fn is_quoted(&self) -> bool {
        matches!(self, Self::Call(CallError::Refused(Some(_))))
    }
}
