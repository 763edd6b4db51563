//! One line a request, in Apache's combined format, then the time taken in microseconds and the request's id:
//!
//! `127.0.0.1 - - [26/Nov/2026:20:15:18 +0000] "GET /gojson HTTP/1.1" 200 58 "-" "curl/8.7.1" 842 5c2e…`
//!
//! The request path hands a line's parts over and goes on; a thread of its own writes them. Where it cannot keep up, lines are
//! lost and counted.

mod line;
mod writer;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Instant, SystemTime},
};

use bytes::Buf as _;
use http::{HeaderValue, Method, Request, Response, Uri, Version, header};
use http_body::{Body, Frame, SizeHint};
use prometheus::IntCounter;
use service::{
    Failure, Peer,
    telemetry::{LogTarget, Metrics, Reopen, RequestId},
};
use tower::{Layer, Service};

use line::Line;
use writer::Writer;

/// Where lines are handed in. Cheap to clone; the last clone that is dropped ends the writing.
#[derive(Clone, Debug)]
pub struct AccessLog(Arc<Writer>);

impl AccessLog {
    /// Opens the file and starts the thread. Lines that are lost count in `functions_access_log_lost_total`.
    ///
    /// # Errors
    ///
    /// If the file cannot be written to.
    ///
    /// # Panics
    ///
    /// If `metrics` already has such a log.
    pub fn open(target: &LogTarget, metrics: &Metrics) -> Result<Self, Failure> {
        let lost = IntCounter::new(
            "functions_access_log_lost_total",
            "Lines that the access log was too slow or unable to take.",
        );
        let lost = lost.expect("a valid name");
        metrics.registry().register(Box::new(lost.clone())).expect("one access log a service");
        let opened = Writer::start(target, lost);
        opened
            .map(|writer| Self(Arc::new(writer)))
            .map_err(|error| Failure::io(format!("accesslog {target}: {error}")))
    }

    /// Opens the file anew when it is asked to.
    #[must_use]
    pub fn reopen(&self) -> Reopen {
        self.0.reopen()
    }
}

/// Writes a line for each request of the service below it, which is to lie within the layer that makes request ids. Without a
/// log, it does nothing.
#[derive(Clone, Debug)]
pub struct AccessLayer(Option<AccessLog>);

impl AccessLayer {
    /// To this log.
    #[must_use]
    pub fn new(log: Option<AccessLog>) -> Self {
        Self(log)
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Accesses<S>;

    fn layer(&self, service: S) -> Accesses<S> {
        Accesses { service, log: self.0.clone() }
    }
}

/// See [`AccessLayer`].
#[derive(Clone, Debug)]
pub struct Accesses<S> {
    service: S,
    log: Option<AccessLog>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Accesses<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = Response<Logged<ResBody>>;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let access = self.log.as_ref().map(|log| Access::begin(log, &request));
        Answer { future: self.service.call(request), access }
    }
}

/// A request between its head and the end of its answer. Its line is written when it is dropped.
struct Access {
    log: AccessLog,
    peer: Option<Peer>,
    method: Method,
    uri: Uri,
    version: Version,
    referer: Option<HeaderValue>,
    agent: Option<HeaderValue>,
    id: Option<HeaderValue>,
    at: SystemTime,
    clock: Instant,
    status: Option<u16>,
    bytes: u64,
}

impl Access {
    fn begin<B>(log: &AccessLog, request: &Request<B>) -> Self {
        let header = |name| request.headers().get(name).cloned();
        Self {
            log: log.clone(),
            peer: request.extensions().get().copied(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            referer: header(header::REFERER),
            agent: header(header::USER_AGENT),
            id: request.extensions().get().map(|RequestId(id)| id.clone()),
            at: SystemTime::now(),
            clock: Instant::now(),
            status: None,
            bytes: 0,
        }
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        self.log.0.write(Line {
            peer: self.peer.map(|peer| peer.address.ip().to_canonical()),
            method: std::mem::take(&mut self.method),
            uri: std::mem::take(&mut self.uri),
            version: self.version,
            referer: self.referer.take(),
            agent: self.agent.take(),
            id: self.id.take(),
            at: self.at,
            took: self.clock.elapsed(),
            status: self.status,
            bytes: self.bytes,
        });
    }
}

pin_project_lite::pin_project! {
    /// The answer to come.
    pub struct Answer<F> {
        #[pin]
        future: F,
        access: Option<Access>,
    }
}

impl<F, B, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<Logged<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.future.poll(context))?;
        let mut access = this.access.take();
        if let Some(access) = &mut access {
            access.status = Some(answer.status().as_u16());
        }
        Poll::Ready(Ok(answer.map(|body| Logged { body, access })))
    }
}

pin_project_lite::pin_project! {
    /// An answer's body, which ends the request when it ends.
    pub struct Logged<B> {
        #[pin]
        body: B,
        access: Option<Access>,
    }
}

impl<B: Body> Body for Logged<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(context));
        match (&frame, this.access.as_mut()) {
            (Some(Ok(frame)), Some(access)) => {
                access.bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64);
            }
            (None | Some(Err(_)), Some(_)) => *this.access = None,
            (_, None) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
