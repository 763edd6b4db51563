//! How long a request's head may be, as gunicorn counts it.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use futures_util::future::{Either, Ready, ready};
use http::{HeaderName, HeaderValue, StatusCode};
use tower::{Layer, Service};

use crate::{config::Config, problem::Problem};

/// Bounds of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    line: usize,
    fields: usize,
    field_size: usize,
}

/// What of a head is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// The first line.
    #[error("the request's first line has more than {0} bytes")]
    Line(usize),
    /// How many header fields there are.
    #[error("the request has more than {0} header fields")]
    Fields(usize),
    /// One of them.
    #[error("a header field of the request has more than {0} bytes")]
    FieldSize(usize),
}

impl Bounds {
    /// As set.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            line: config.limit_request_line as usize,
            fields: config.limit_request_fields as usize,
            field_size: config.limit_request_field_size as usize,
        }
    }

    /// Whether a head keeps to them.
    ///
    /// # Errors
    ///
    /// What does not.
    pub fn check<B>(&self, request: &http::Request<B>) -> Result<(), Excess> {
        // Two blanks and the version stand around the address, whatever version it is.
        let address = request.uri().path_and_query().map_or(1, |address| address.as_str().len());
        if request.method().as_str().len() + address + " HTTP/1.1".len() + 1 > self.line {
            return Err(Excess::Line(self.line));
        }
        if request.headers().len() > self.fields {
            return Err(Excess::Fields(self.fields));
        }
        // A colon and a blank.
        let long = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len() + value.len() + 2 > self.field_size
        };
        if request.headers().iter().any(long) {
            return Err(Excess::FieldSize(self.field_size));
        }
        Ok(())
    }
}

impl Excess {
    /// How the request is answered.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Line(_) => StatusCode::URI_TOO_LONG,
            Self::Fields(_) | Self::FieldSize(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }
}

/// Refuses requests whose head is too long, before anything looks at them.
#[derive(Clone, Copy, Debug)]
pub struct BoundsLayer(Bounds);

impl BoundsLayer {
    /// As set.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self(Bounds::new(config))
    }
}

impl<S> Layer<S> for BoundsLayer {
    type Service = Bounded<S>;

    fn layer(&self, service: S) -> Bounded<S> {
        Bounded { service, bounds: self.0 }
    }
}

/// See [`BoundsLayer`].
#[derive(Clone, Debug)]
pub struct Bounded<S> {
    service: S,
    bounds: Bounds,
}

impl<S> Service<Request> for Bounded<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.bounds.check(&request) {
            Ok(()) => Either::Left(self.service.call(request)),
            Err(excess) => Either::Right(ready(Ok(Problem::LongHead(excess).into_response()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::{Bounds, Excess};

    fn head(path: &str, fields: &[(String, String)]) -> Request<()> {
        let request = Request::get(path);
        let request = fields.iter().fold(request, |request, (name, value)| request.header(name, value));
        request.body(()).unwrap()
    }

    #[test]
    fn each_bound_is_kept_to_the_byte() {
        let bounds = Bounds { line: 30, fields: 3, field_size: 20 };
        // `GET ` and ` HTTP/1.1` are 13.
        let path = |length: usize| format!("/{}", "a".repeat(length - 1));
        assert_eq!(bounds.check(&head(&path(17), &[])), Ok(()));
        assert_eq!(bounds.check(&head(&path(18), &[])), Err(Excess::Line(30)));
        let fields =
            |count| (0..count).map(|number| (format!("x-{number}"), "1".to_owned())).collect::<Vec<_>>();
        assert_eq!(bounds.check(&head("/", &fields(3))), Ok(()));
        assert_eq!(bounds.check(&head("/", &fields(4))), Err(Excess::Fields(3)));
        let field = |length: usize| [("x".to_owned(), "v".repeat(length - 3))];
        assert_eq!(bounds.check(&head("/", &field(20))), Ok(()));
        assert_eq!(bounds.check(&head("/", &field(21))), Err(Excess::FieldSize(20)));
        assert_eq!(Excess::Line(1).status(), 414);
        assert_eq!(Excess::Fields(1).status(), 431);
    }
}
