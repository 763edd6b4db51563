use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::Shop;

/// Told a whole line; not to block.
pub type Lines = Arc<dyn Fn(&str) + Send + Sync>;

/// One call of a function.
#[derive(Clone)]
pub struct Call {
    /// The input as JSON, for guests that read the variable `DATA`.
    pub data: Option<String>,
    /// The body: stdin of a command, the payload of an algorithm or a plugin, the body of a request.
    pub payload: Bytes,
    /// The head of the request, for a guest that speaks HTTP.
    pub request: Option<Arc<http::request::Parts>>,
    /// What the guest asks for books, readers and kept values.
    pub shop: Arc<dyn Shop>,
    /// How long it may take, instead of [`crate::Limits::time`], and of [`crate::Limits::cpu`] where that is less.
    pub time: Option<Duration>,
    /// Who is told each line that the guest writes to stderr or to its log, while it runs.
    pub lines: Option<Lines>,
}

/// A call that has ended, however it did.
#[derive(Debug)]
pub struct Ended {
    /// What the guest answered, or why it did not.
    pub result: Result<Answer, CallError>,
    /// What it took.
    pub usage: Usage,
    /// What it wrote to stderr and to the log.
    pub stderr: Bytes,
}

/// What a guest answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200 unless the guest speaks HTTP.
    pub status: StatusCode,
    /// Empty unless the guest speaks HTTP.
    pub headers: HeaderMap,
    /// stdout, or the result.
    pub body: Bytes,
}

/// What a call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// By the clock on the wall.
    pub time: Duration,
    /// Of a processor's time.
    pub cpu: Duration,
    /// What of that went into computing models.
    pub models: Duration,
    /// The most bytes of linear memory at a time.
    pub memory: usize,
    /// Calls out of the guest.
    pub host_calls: u64,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The guest ended with another status than 0.
    #[error("the function ended with exit status {0}")]
    Exit(i32),
    /// The guest said what is wrong.
    #[error("the function refused: {message} ({code})")]
    Refused {
        /// Its name for it.
        code: String,
        /// Its sentence.
        message: String,
    },
    /// What the guest needs is missing on this host; the sentence is for callers.
    #[error("{0}")]
    Missing(String),
    /// The payload is longer than [`crate::Limits::stdin`].
    #[error("the input is longer than {0} bytes")]
    LongInput(usize),
    /// The guest did something that WebAssembly forbids.
    #[error("the function trapped: {0}")]
    Trap(String),
    /// The guest's answer does not hold to what its kind promises.
    #[error("the function's answer is none: {0}")]
    BadAnswer(String),
    /// Its time was over.
    #[error("the function took longer than {0:?}")]
    OutOfTime(Duration),
    /// Its share of the processor was used up.
    #[error("the function took more than {0:?} of a processor's time")]
    OutOfCpu(Duration),
    /// It wanted more memory, and did not go on without.
    #[error("the function needs more than {0} bytes of memory")]
    OutOfMemory(usize),
    /// It wanted more table elements or instances.
    #[error("the function needs more tables or instances than it may have")]
    OutOfTables,
    /// It wrote too much.
    #[error("the function answered more than {0} bytes")]
    LongAnswer(usize),
    /// It asked the host too often.
    #[error("the function called the host more than {0} times")]
    TooManyHostCalls(u64),
    /// As many instances are there as there is room for, so it was not begun.
    #[error("there is no room for a further instance")]
    NoRoom,
    /// The host could not do its part.
    #[error("the host failed: {0}")]
    Host(String),
}

impl Answer {
    /// Bytes, and nothing said about them.
    #[must_use]
    pub fn plain(body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Call").field("bytes", &self.payload.len()).finish_non_exhaustive()
    }
}
