//! Whose pages may call functions from a browser: cross-origin resource sharing, as the Fetch standard has it.
//!
//! Only what calls functions is shared: GET, HEAD and POST. Nobody's page deploys or cancels, and none is shown what a cookie or a
//! certificate would open.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    str::FromStr,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{extract::Request, response::Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use tower::{Layer, Service};

use crate::config::Door;

/// Origins whose pages may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors(Origins);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origins {
    Any,
    These(Arc<[HeaderValue]>),
}

/// Why a text names no origins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOrigin {
    /// A star among others.
    #[error("* means all origins and stands alone")]
    Star,
    /// Not an origin.
    #[error("{0:?}: expected an origin such as https://shop.example, without a path")]
    Origin(String),
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");
/// What a page may read of an answer's head.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("location, preference-applied, retry-after, x-request-id");
/// How long a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

impl Cors {
    /// What an answer says to a page of the origin that the request names: nothing where it names none, or one that may not.
    #[must_use]
    pub fn answer(&self, request: &HeaderMap) -> HeaderMap {
        let mut answer = HeaderMap::new();
        let allowed = match &self.0 {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::These(origins) => {
                // The answer would be another one for another origin, whether or not this one may.
                answer.append(header::VARY, HeaderValue::from_static("origin"));
                let origin = request.get(header::ORIGIN);
                origin.filter(|origin| origins.iter().any(|allowed| allowed == origin)).cloned()
            }
        };
        if let Some(allowed) = allowed.filter(|_| request.contains_key(header::ORIGIN)) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
        answer
    }

    /// What a browser is answered that asks whether it may send a request; none if that is not what it asks.
    #[must_use]
    pub fn preflight(&self, method: &Method, request: &HeaderMap) -> Option<HeaderMap> {
        let asks = method == Method::OPTIONS
            && request.contains_key(header::ORIGIN)
            && request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks {
            return None;
        }
        let mut answer = self.answer(request);
        answer.append(header::VARY, HeaderValue::from_static("access-control-request-headers"));
        if answer.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS).is_some() {
            answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            // Headers tell a function what to do, so any may be sent; what they could open is nothing of the browser's.
            if let Some(headers) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
            }
        }
        Some(answer)
    }
}

impl FromStr for Cors {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let parts: Vec<_> = text.split(',').map(str::trim).collect();
        match parts.as_slice() {
            ["*"] => Ok(Self(Origins::Any)),
            parts if parts.contains(&"*") => Err(BadOrigin::Star),
            parts => {
                parts.iter().map(|part| origin(part)).collect::<Result<_, _>>().map(Origins::These).map(Self)
            }
        }
    }
}

impl fmt::Display for Cors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Origins::Any => formatter.write_str("all origins"),
            Origins::These(origins) => {
                let shown: Vec<_> =
                    origins.iter().map(|origin| String::from_utf8_lossy(origin.as_bytes())).collect();
                formatter.write_str(&shown.join(", "))
            }
        }
    }
}

/// An origin as browsers write it: scheme, host, and the port where it is not the scheme's own.
fn origin(text: &str) -> Result<HeaderValue, BadOrigin> {
    let error = || BadOrigin::Origin(text.to_owned());
    let uri: Uri = text.parse().map_err(|_| error())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(error()) };
    let plain = matches!(scheme, "http" | "https")
        && uri.path() == "/"
        && uri.query().is_none()
        && !authority.as_str().contains('@')
        && !text.ends_with('/');
    if !plain {
        return Err(error());
    }
    let own = match scheme {
        "http" => 80,
        _ => 443,
    };
    let host = authority.host().to_ascii_lowercase();
    let written = match authority.port_u16() {
        Some(port) if port != own => format!("{scheme}://{host}:{port}"),
        Some(_) | None => format!("{scheme}://{host}"),
    };
    HeaderValue::from_str(&written).map_err(|_| error())
}

/// Answers preflights, and says in every other answer who may read it, by the rules of one listener as they are at the moment.
#[derive(Clone, Debug)]
pub struct CorsLayer(Door);

impl CorsLayer {
    /// By the rules of this listener.
    #[must_use]
    pub fn new(door: Door) -> Self {
        Self(door)
    }
}

impl<S> Layer<S> for CorsLayer {
    type Service = Shared<S>;

    fn layer(&self, service: S) -> Shared<S> {
        Shared { service, door: self.0.clone() }
    }
}

/// See [`CorsLayer`].
#[derive(Clone, Debug)]
pub struct Shared<S> {
    service: S,
    door: Door,
}

impl<S, B> Service<Request> for Shared<S>
where
    S: Service<Request, Response = Response<B>, Error = Infallible>,
    B: Default,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answer<S::Future> {
        let Some(cors) = self.door.cors() else {
            return Answer {
                inner: Inner::Later { answer: self.service.call(request) },
                headers: HeaderMap::new(),
            };
        };
        if let Some(headers) = cors.preflight(request.method(), request.headers()) {
            return Answer { inner: Inner::Preflight, headers };
        }
        let headers = cors.answer(request.headers());
        Answer { inner: Inner::Later { answer: self.service.call(request) }, headers }
    }
}

pin_project_lite::pin_project! {
    #[project = InnerNow]
    enum Inner<F> {
        Later { #[pin] answer: F },
        Preflight,
    }
}

pin_project_lite::pin_project! {
    /// The answer to come.
    pub struct Answer<F> {
        #[pin]
        inner: Inner<F>,
        headers: HeaderMap,
    }
}

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: Default,
{
    type Output = Result<Response<B>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = match this.inner.project() {
            InnerNow::Later { answer } => ready!(answer.poll(context))?,
            InnerNow::Preflight => {
                let mut answer = Response::new(B::default());
                *answer.status_mut() = StatusCode::NO_CONTENT;
                answer
            }
        };
        // What a guest says of it counts for nothing.
        for name in [header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_ALLOW_CREDENTIALS] {
            answer.headers_mut().remove(name);
        }
        for (name, value) in &*this.headers {
            answer.headers_mut().append(name, value.clone());
        }
        Poll::Ready(Ok(answer))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, Method};

    use super::{BadOrigin, Cors};

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn said<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
        headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn any_origin_may_where_all_may() {
        let cors: Cors = "*".parse().unwrap();
        let answer = cors.answer(&headers(&[("origin", "https://a.example")]));
        assert_eq!(said(&answer, "access-control-allow-origin"), Some("*"));
        assert_eq!(said(&answer, "access-control-allow-credentials"), None);
        assert!(cors.answer(&HeaderMap::new()).is_empty());
    }

    #[test]
    fn of_named_origins_only_these_may() {
        let cors: Cors = "https://Shop.example, http://localhost:3000,https://x.example:443".parse().unwrap();
        for (origin, may) in [
            ("https://shop.example", true),
            ("http://localhost:3000", true),
            ("https://x.example", true),
            ("http://shop.example", false),
            ("https://shop.example:444", false),
            ("https://shop.example.evil.example", false),
            ("null", false),
        ] {
            let answer = cors.answer(&headers(&[("origin", origin)]));
            assert_eq!(said(&answer, "access-control-allow-origin"), may.then_some(origin));
            assert_eq!(said(&answer, "vary"), Some("origin"), "a cache must not mix them up");
        }
        assert_eq!(cors.to_string(), "https://shop.example, http://localhost:3000, https://x.example");
    }

    #[test]
    fn a_preflight_is_answered_and_nothing_else_is_taken_for_one() {
        let cors: Cors = "https://shop.example".parse().unwrap();
        let asked = headers(&[
            ("origin", "https://shop.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "api, content-type"),
        ]);
        let answer = cors.preflight(&Method::OPTIONS, &asked).unwrap();
        assert_eq!(said(&answer, "access-control-allow-origin"), Some("https://shop.example"));
        assert_eq!(said(&answer, "access-control-allow-methods"), Some("GET, HEAD, POST"));
        assert_eq!(said(&answer, "access-control-allow-headers"), Some("api, content-type"));
        assert_eq!(cors.preflight(&Method::POST, &asked), None);
        assert_eq!(cors.preflight(&Method::OPTIONS, &headers(&[("origin", "https://shop.example")])), None);
        let other = headers(&[("origin", "https://evil.example"), ("access-control-request-method", "POST")]);
        let answer = cors.preflight(&Method::OPTIONS, &other).unwrap();
        assert!(answer.keys().all(|name| name == "vary"), "{answer:?}");
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for bad in [
            "",
            "shop.example",
            "https://",
            "ftp://a.example",
            "https://a.example/",
            "https://a.example/x",
            "https://u@a.example",
            "https://a.example,",
        ] {
            assert!(matches!(bad.parse::<Cors>(), Err(BadOrigin::Origin(_))), "{bad}");
        }
        assert_eq!("*,https://a.example".parse::<Cors>(), Err(BadOrigin::Star));
    }
}
