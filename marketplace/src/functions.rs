//! How the storefront asks functions: which of them take pictures, and what one makes of a picture.
//!
//! Plain HTTP/1.1, as everybody else asks them, so that what lies between may be a sidecar or a proxy.

mod exchange;
mod list;
mod measure;
mod problem;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use service::{telemetry::Metrics, tls::ClientTls, trace::TraceContext, url::HttpUrl};
use thiserror::Error;
use tokio::time::timeout;

pub(crate) use self::list::{Function, cut};
use self::{
    exchange::{Fault, exchange},
    list::List,
    measure::Measures,
};

/// How long one call of a function may take, from the connection to the last byte of the answer.
const CALL_TIME: Duration = Duration::from_secs(15);
/// The longest answer, in bytes: what functions give by default at the most.
const MOST_ANSWER: usize = 16 << 20;

/// Asks functions. Clones share what is known.
#[derive(Clone)]
pub(crate) struct Functions(Arc<Inner>);

struct Inner {
    url: HttpUrl,
    tls: Option<ClientTls>,
    list: List,
    /// How long a page waits for the list.
    deadline: Duration,
    measures: Measures,
}

/// What a function answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What it is said to be; empty if nobody says.
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

/// Why a function gave no answer. What exactly went wrong is in the log.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum CallError {
    /// There is no function of this name.
    #[error("there is no such function")]
    Unknown,
    /// The function, or the service before it, takes nothing of this kind; why, in words for people, where they were given.
    #[error("refused: {0:?}")]
    Refused(Option<String>),
    /// What was sent is longer than the function takes.
    #[error("too long for the function")]
    TooLong,
    /// The function needs something that is not set up; the sentence names the setting, for operators alone.
    #[error("something is not set up: {0}")]
    Missing(String),
    /// Too many call it at the moment.
    #[error("too many calls at once")]
    Busy,
    /// The function failed, or answered with more than is taken.
    #[error("the function failed")]
    Failed,
    /// It took longer than it may.
    #[error("out of time")]
    Late,
    /// Functions cannot be reached, or something else answers in its place.
    #[error("functions is unavailable")]
    Unavailable,
}

impl Functions {
    /// Asks at `url`, over TLS with `tls` if that is what it says. `deadline` is how long a page waits for the list. Opens nothing
    /// yet.
    ///
    /// # Panics
    ///
    /// If `metrics` already counts calls to functions.
    pub(crate) fn new(url: HttpUrl, tls: Option<ClientTls>, deadline: Duration, metrics: &Metrics) -> Self {
        let tls = tls.filter(|_| url.is_https());
        Self(Arc::new(Inner { url, tls, list: List::default(), deadline, measures: Measures::new(metrics) }))
    }

    /// The functions that take pictures, by name, as they were a few seconds ago.
    ///
    /// # Errors
    ///
    /// [`CallError::Unavailable`] if there is no answer within the deadline.
    pub(crate) async fn of_pictures(&self, trace: &TraceContext) -> Result<Arc<[Function]>, CallError> {
        let (inner, trace) = (Arc::clone(&self.0), trace.child());
        self.0.list.get(async move { inner.fetch_list(&trace).await }).await
    }

    /// Has a function work on a picture of this type. Dropping the future ends the call.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub(crate) async fn call(
        &self,
        trace: &TraceContext,
        function: &str,
        content_type: &'static str,
        picture: Bytes,
    ) -> Result<Answer, CallError> {
        let inner = &*self.0;
        let request = inner.request(Method::POST, function, trace, Full::new(picture));
        let mut request = request.ok_or(CallError::Unknown)?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let measured = inner.measures.begin();
        let asked = timeout(CALL_TIME, inner.ask(request, MOST_ANSWER)).await;
        let answer = match asked {
            Ok(Ok(answer)) if answer.status().is_success() => {
                let said = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
                Ok(Answer { content_type: said.unwrap_or_default().to_owned(), body: answer.into_body() })
            }
            Ok(Ok(answer)) => Err(problem::read(&answer)),
            Ok(Err(fault)) => Err(fault.tell(function, trace)),
            Err(_) => Err(CallError::Late),
        };
        measured.ended(answer.as_ref().err());
        answer
    }
}

impl Inner {
    async fn fetch_list(&self, trace: &TraceContext) -> Result<Arc<[Function]>, CallError> {
        let request = self.request(Method::GET, "functions", trace, Full::default());
        let mut request = request.ok_or(CallError::Unavailable)?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let asked = timeout(self.deadline, self.ask(request, list::MOST_BYTES));
        match asked.await {
            Ok(Ok(answer)) if answer.status() == StatusCode::OK => {
                list::read(answer.body()).ok_or(CallError::Unavailable)
            }
            Ok(Ok(answer)) => {
                tracing::warn!(status = answer.status().as_u16(), "functions does not say what there is");
                Err(CallError::Unavailable)
            }
            Ok(Err(fault)) => Err(fault.tell("functions", trace)),
            Err(_) => {
                tracing::warn!("functions does not say in time what there is");
                Err(CallError::Unavailable)
            }
        }
    }

    async fn ask(&self, request: Request<Full<Bytes>>, most: usize) -> Result<Response<Bytes>, Fault> {
        exchange(&self.url, self.tls.as_ref(), request, most).await
    }

    /// `None` if the name cannot be in an address.
    fn request(
        &self,
        method: Method,
        name: &str,
        trace: &TraceContext,
        body: Full<Bytes>,
    ) -> Option<Request<Full<Bytes>>> {
        let (path, host) = (self.url.path_of(name), self.url.authority());
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
        trace.child().inject(request.headers_mut()?);
        request.body(body).ok()
    }
}
