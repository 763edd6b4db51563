//! One log line, one set of metrics and one span a call, for gRPC and HTTP alike.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Instant, SystemTime},
};

use axum::extract::MatchedPath;
use http::{HeaderMap, HeaderValue, Request, Response, header::HeaderName};
use http_body::{Body, Frame, SizeHint};
use opentelemetry::trace::SpanKind;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts};
use tonic::Code;
use tower::{Layer, Service};

use super::{Exporter, Metrics, Span};
use crate::{Peer, grpc::code_name, trace::TraceContext};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Upper bounds in seconds, from what a lookup takes to what nobody waits for.
const BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// What a request is called in logs and towards its sender. HTTP only: gRPC has the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub HeaderValue);

/// Counts, times, logs and traces every call of the service below it.
#[derive(Clone, Debug)]
pub struct CallLayer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    protocol: Protocol,
    calls: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
    exporter: Exporter,
}

#[derive(Debug)]
enum Protocol {
    /// With every path that is served. What else is asked for counts as `unknown`, so that a stranger cannot make up
    /// metrics; the same goes for paths and methods of HTTP.
    Grpc(Vec<String>),
    Http,
}

impl CallLayer {
    /// For a gRPC server that has `methods` (paths such as `/Recommendations/Recommend`).
    ///
    /// # Panics
    ///
    /// If `metrics` already has such a layer.
    #[must_use]
    pub fn grpc(metrics: &Metrics, exporter: Exporter, methods: impl IntoIterator<Item = String>) -> Self {
        Self::new(Protocol::Grpc(methods.into_iter().collect()), "grpc_server", metrics, exporter)
    }

    /// For an axum router, whose route patterns are the names. It reads or makes the request's id.
    ///
    /// # Panics
    ///
    /// If `metrics` already has such a layer.
    #[must_use]
    pub fn http(metrics: &Metrics, exporter: Exporter) -> Self {
        Self::new(Protocol::Http, "http_server", metrics, exporter)
    }

    fn new(protocol: Protocol, prefix: &str, metrics: &Metrics, exporter: Exporter) -> Self {
        let labels = ["method", "code"];
        let calls = Opts::new(format!("{prefix}_calls_total"), "Calls that have ended.");
        let calls = IntCounterVec::new(calls, &labels).expect("valid names");
        let seconds = HistogramOpts::new(
            format!("{prefix}_call_seconds"),
            "Time from a call's head to its answer's end.",
        );
        let seconds =
            HistogramVec::new(seconds.buckets(BUCKETS.to_vec()), &labels[..1]).expect("valid names");
        let in_flight =
            IntGauge::new(format!("{prefix}_calls_in_flight"), "Calls that have begun and not ended.");
        let in_flight = in_flight.expect("a valid name");
        let registry = metrics.registry();
        registry.register(Box::new(calls.clone())).expect("one call layer a service");
        registry.register(Box::new(seconds.clone())).expect("one call layer a service");
        registry.register(Box::new(in_flight.clone())).expect("one call layer a service");
        Self(Arc::new(Inner { protocol, calls, seconds, in_flight, exporter }))
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = Calls<S>;

    fn layer(&self, service: S) -> Calls<S> {
        Calls { inner: Arc::clone(&self.0), service }
    }
}

/// See [`CallLayer`].
#[derive(Clone, Debug)]
pub struct Calls<S> {
    inner: Arc<Inner>,
    service: S,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Calls<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = Response<Observed<ResBody>>;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let call = Call::begin(&self.inner, &mut request);
        Answer { future: self.service.call(request), call: Some(call) }
    }
}

/// A call between its head and the end of its answer. What happens to it is written down when it is dropped.
struct Call {
    inner: Arc<Inner>,
    method: Method,
    trace: TraceContext,
    id: Option<HeaderValue>,
    peer: Option<Peer>,
    clock: Instant,
    start: SystemTime,
    outcome: Outcome,
}

enum Method {
    Known(usize),
    Matched(http::Method, MatchedPath),
    Unknown,
}

#[derive(Clone, Copy)]
enum Outcome {
    Grpc(Code),
    Http(u16),
    /// The caller went away, or the process did.
    CutOff,
}

impl Call {
    fn begin<B>(inner: &Arc<Inner>, request: &mut Request<B>) -> Self {
        inner.in_flight.inc();
        let method = match &inner.protocol {
            Protocol::Grpc(methods) => {
                let path = request.uri().path();
                methods.iter().position(|method| method == path).map_or(Method::Unknown, Method::Known)
            }
            Protocol::Http => match request.extensions().get::<MatchedPath>() {
                Some(path) if known(request.method()) => {
                    Method::Matched(request.method().clone(), path.clone())
                }
                _ => Method::Unknown,
            },
        };
        let parent = TraceContext::from_headers(request.headers());
        let trace =
            parent.map_or_else(|| TraceContext::root(inner.exporter.ratio()), |parent| parent.child());
        let id = match inner.protocol {
            Protocol::Grpc(_) => None,
            Protocol::Http => Some(request_id(request.headers(), &trace)),
        };
        let peer = request.extensions().get::<Peer>().copied();
        let extensions = request.extensions_mut();
        extensions.insert(trace.clone());
        if let Some(id) = &id {
            extensions.insert(RequestId(id.clone()));
        }
        let (clock, start) = (Instant::now(), SystemTime::now());
        Self { inner: Arc::clone(inner), method, trace, id, peer, clock, start, outcome: Outcome::CutOff }
    }

    /// Reads what is already known when the head of the answer is sent.
    fn answered(&mut self, head: &http::response::Parts) {
        match self.inner.protocol {
            Protocol::Http => self.outcome = Outcome::Http(head.status.as_u16()),
            Protocol::Grpc(_) => self.trailed(&head.headers),
        }
    }

    fn trailed(&mut self, headers: &HeaderMap) {
        if let (Protocol::Grpc(_), Some(code)) = (&self.inner.protocol, headers.get("grpc-status")) {
            self.outcome = Outcome::Grpc(Code::from_bytes(code.as_bytes()));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let inner = &self.inner;
        let elapsed = self.clock.elapsed();
        let mut name = String::new();
        let method = match (&inner.protocol, &self.method) {
            (Protocol::Grpc(methods), Method::Known(index)) => methods[*index].as_str(),
            (_, Method::Matched(method, path)) => {
                name.push_str(method.as_str());
                name.push(' ');
                name.push_str(path.as_str());
                name.as_str()
            }
            _ => "unknown",
        };
        let mut digits = [0; 3];
        let code = self.outcome.text(&mut digits);
        inner.in_flight.dec();
        inner.calls.with_label_values(&[method, code]).inc();
        inner.seconds.with_label_values(&[method]).observe(elapsed.as_secs_f64());
        let failed = self.outcome.failed();
        let span = Span {
            context: &self.trace,
            kind: SpanKind::Server,
            name: method,
            start: self.start,
            code,
            failed,
        };
        inner.exporter.export(&span);

        let ms = elapsed.as_micros() as f64 / 1000.0;
        let trace = format_args!("{:032x}", self.trace.trace_id());
        let peer = self.peer.map(|peer| tracing::field::display(peer.address.ip()));
        let id = self.id.as_ref().and_then(|id| id.to_str().ok());
        if failed {
            tracing::warn!(target: "call", method, code, ms, peer, trace, request = id);
        } else {
            tracing::info!(target: "call", method, code, ms, peer, trace, request = id);
        }
    }
}

impl Outcome {
    fn text(self, digits: &mut [u8; 3]) -> &str {
        match self {
            Self::CutOff => "cut_off",
            Self::Http(status) => {
                *digits = [status / 100, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8);
                std::str::from_utf8(digits).expect("digits")
            }
            Self::Grpc(code) => code_name(code),
        }
    }

    /// Whether the server is to blame, and an operator may want to know.
    fn failed(self) -> bool {
        match self {
            Self::CutOff => false,
            Self::Http(status) => status >= 500,
            Self::Grpc(code) => {
                matches!(code, Code::Unknown | Code::Internal | Code::DataLoss | Code::Unavailable)
            }
        }
    }
}

/// The methods that any address is asked with.
fn known(method: &http::Method) -> bool {
    use http::Method;
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    )
}

/// The sender's id if it is harmless, else one made from the span.
fn request_id(headers: &HeaderMap, trace: &TraceContext) -> HeaderValue {
    let harmless = |id: &&HeaderValue| {
        let id = id.as_bytes();
        (1..=64).contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
    };
    headers.get(REQUEST_ID).filter(harmless).cloned().unwrap_or_else(|| {
        HeaderValue::try_from(format!("{:016x}", trace.span_id())).expect("hexadecimal digits")
    })
}

pin_project_lite::pin_project! {
    /// The answer to come.
    pub struct Answer<F> {
        #[pin]
        future: F,
        call: Option<Call>,
    }
}

impl<F, B, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<Observed<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.future.poll(context))?;
        let mut call = this.call.take();
        let (mut head, body) = answer.into_parts();
        if let Some(call) = &mut call {
            call.answered(&head);
            if let Some(id) = &call.id {
                head.headers.insert(REQUEST_ID, id.clone());
            }
        }
        Poll::Ready(Ok(Response::from_parts(head, Observed { body, call })))
    }
}

pin_project_lite::pin_project! {
    /// An answer's body, which ends the call when it ends.
    pub struct Observed<B> {
        #[pin]
        body: B,
        call: Option<Call>,
    }
}

impl<B: Body> Body for Observed<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(context));
        match (&frame, this.call.as_mut()) {
            (Some(Ok(frame)), Some(call)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    call.trailed(trailers);
                }
            }
            (None | Some(Err(_)), Some(_)) => *this.call = None,
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
