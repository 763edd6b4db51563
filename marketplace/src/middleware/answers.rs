//! What the shop says about each of its answers: that failures are pages, and what a browser may do with them.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header},
    response::{IntoResponse as _, Response},
};
use tower::{Layer, Service};

use super::{MAX_ADDRESS, MAX_HEAD};
use crate::pages::{
    NotOurs,
    error::{Asked, Whole},
};

/// Nothing is loaded by what is not ours, and none of it runs or belongs to this origin.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Refuses addresses and heads that are too long, and hosts in doubt, turns failures into pages, and adds headers to every answer.
///
/// One service for all three, and none of axum's functions as layers: those box a future and clone what is below for each
/// request, which took longer than their work.
#[derive(Clone)]
pub(super) struct AnswerLayer {
    headers: Arc<HeaderMap>,
}

impl AnswerLayer {
    pub(super) fn new(headers: HeaderMap) -> Self {
        Self { headers: Arc::new(headers) }
    }
}

impl<S> Layer<S> for AnswerLayer {
    type Service = Answers<S>;

    fn layer(&self, service: S) -> Answers<S> {
        Answers { service, headers: Arc::clone(&self.headers) }
    }
}

/// See [`AnswerLayer`].
#[derive(Clone)]
pub(super) struct Answers<S> {
    service: S,
    headers: Arc<HeaderMap>,
}

impl<S, B> Service<Request> for Answers<S>
where
    S: Service<Request, Response = Response<B>, Error = Infallible>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answer<S::Future> {
        let asked = Asked::of(&request);
        let answer = match refused(&request) {
            None => Answered::Later { answer: self.service.call(request) },
            Some(status) => Answered::Refused { status },
        };
        Answer { answer, asked, headers: Arc::clone(&self.headers) }
    }
}

/// Why nobody is to see the request.
fn refused(request: &Request) -> Option<StatusCode> {
    let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if address > MAX_ADDRESS {
        return Some(StatusCode::URI_TOO_LONG);
    }
    // A colon, a space and the end of the line.
    let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    let head = address + request.headers().iter().map(line).sum::<usize>();
    if head > MAX_HEAD {
        return Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    // RFC 9112, 3.2: of two, a proxy in front may have gone by the other.
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let doubt = hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11);
    doubt.then_some(StatusCode::BAD_REQUEST)
}

pin_project_lite::pin_project! {
    #[project = AnsweredNow]
    enum Answered<F> {
        Later { #[pin] answer: F },
        Refused { status: StatusCode },
    }
}

pin_project_lite::pin_project! {
    /// The answer to come, or to make.
    pub(super) struct Answer<F> {
        #[pin]
        answer: Answered<F>,
        asked: Asked,
        headers: Arc<HeaderMap>,
    }
}

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = match this.answer.project() {
            AnsweredNow::Later { answer } => ready!(answer.poll(context))?.map(Body::new),
            AnsweredNow::Refused { status } => status.into_response(),
        };
        let failed = answer.status().is_client_error() || answer.status().is_server_error();
        if failed && answer.extensions().get::<Whole>().is_none() {
            answer = this.asked.failed(&answer);
        }
        answer.headers_mut().extend(this.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        if answer.extensions().get::<NotOurs>().is_some() {
            answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
        }
        Poll::Ready(Ok(answer))
    }
}
