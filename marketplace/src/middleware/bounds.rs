//! How long a request may be, and how long it may take.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    extract::Request,
    http::{Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use http_body_util::Limited;
use tokio::time::{Sleep, sleep};
use tower::{Layer, Service};

use super::{MAX_BODY, REQUEST_TIME};
use crate::pages::{import, studio};

/// Bounds all requests alike, but for files that readers bring along and pictures that they show.
#[derive(Clone)]
pub(super) struct BoundsLayer;

/// See [`BoundsLayer`].
#[derive(Clone)]
pub(super) struct Bounds<S>(S);

impl<S> Layer<S> for BoundsLayer {
    type Service = Bounds<S>;

    fn layer(&self, service: S) -> Bounds<S> {
        Bounds(service)
    }
}

/// Bytes, and time.
fn limits(request: &Request) -> (usize, Duration) {
    match request.uri().path() {
        import::PATH if *request.method() == Method::POST => (import::MAX_BODY, import::TIME),
        studio::PATH if *request.method() == Method::POST => (studio::MAX_BODY, studio::TIME),
        _ => (MAX_BODY, REQUEST_TIME),
    }
}

impl<S> Service<Request> for Bounds<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Bounded<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Bounded<S::Future> {
        let (bytes, time) = limits(&request);
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let answer = match length {
            Some(length) if length > bytes as u64 => None,
            // Nearly all have none.
            _ if request.method() == Method::GET => Some(self.0.call(request)),
            _ => Some(self.0.call(request.map(|body| Body::new(Limited::new(body, bytes))))),
        };
        Bounded { answer, time: sleep(time) }
    }
}

pin_project_lite::pin_project! {
    /// The answer to come, if there is time for it; none does to a request that is too long.
    pub(super) struct Bounded<F> {
        #[pin]
        answer: Option<F>,
        #[pin]
        time: Sleep,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Bounded<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(answer) = this.answer.as_pin_mut() else {
            return Poll::Ready(Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response()));
        };
        if let Poll::Ready(answer) = answer.poll(context) {
            return Poll::Ready(answer);
        }
        this.time.poll(context).map(|()| Ok(StatusCode::SERVICE_UNAVAILABLE.into_response()))
    }
}
