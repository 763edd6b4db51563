//! `/{function}` and the routes that lead to functions.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use host::Kind;
use http::{Method, Request, StatusCode, header};
use http_body::Body as _;
use service::telemetry::RequestId;
use tokio::time::{Instant, timeout_at};

use crate::{
    app::App,
    deployed::Deployed,
    handlers::sidecar::{self, SUBSCRIPTIONS},
    invoke::{Invocation, below as under},
    name::Name,
    problem::Problem,
    statics::{BELOW, Pages},
    tasks::Preferences,
};

/// What functions are asked with, unless they speak HTTP themselves.
const METHODS: &str = "GET, HEAD, POST";

/// `/{function}`.
pub(crate) async fn named(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    // What is no text is no name.
    let Ok(Path(name)) = name else { return routed(State(app), request).await };
    match app.modules.current(&name) {
        Some(deployed) => answer(&app, &deployed, request, &format!("/{name}")).await,
        // Not every address of this form is a function's.
        None if name.parse::<Name>().is_err() => routed(State(app), request).await,
        None => Err(Problem::Unknown("such function".to_owned())),
    }
}

/// `/{function}/…`, for functions that speak HTTP.
pub(crate) async fn below(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let name = match path {
        Ok(Path((name, _))) => name,
        // What follows the name is the function's own affair, and may be no text.
        Err(_) => request.uri().path().split('/').nth(1).unwrap_or_default().to_owned(),
    };
    match app.modules.current(&name) {
        Some(deployed) if deployed.function.kind() == Kind::Http => {
            answer(&app, &deployed, request, &format!("/{name}")).await
        }
        _ => routed(State(app), request).await,
    }
}

/// Any other address: what the routes say, those of the settings before those of manifests. A further listener has only the
/// first, and perhaps pages.
pub(crate) async fn routed(State(app): State<App>, request: Request<Body>) -> Result<Response, Problem> {
    let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
    if path.starts_with(BELOW) {
        let pages = app.door.pages();
        if pages != Pages::None {
            return pages.answer(method, path, headers).await;
        }
    }
    let own = app.door.resolve(method, path, headers);
    let found = match own {
        Err(missed) if app.door.is_main() => {
            app.routes.load().resolve(method, path, headers).cloned().map_err(|other| missed.or(other))
        }
        own => own,
    };
    match found {
        Ok(name) => {
            let deployed = app.modules.current(&name);
            let deployed = deployed.ok_or_else(|| Problem::Unknown("such function".to_owned()))?;
            answer(&app, &deployed, request, "").await
        }
        Err(_) if app.door.empty_get() && matches!(*method, Method::GET | Method::HEAD) => {
            // To a sidecar that stands before this listener, nothing at all would be no list.
            Ok(match path {
                SUBSCRIPTIONS => sidecar::subscriptions().await,
                _ => StatusCode::OK.into_response(),
            })
        }
        Err(missed) => Err(missed.into()),
    }
}

/// Calls a function with a request whose path below `prefix` is the guest's.
pub(super) async fn answer(
    app: &App,
    deployed: &Arc<Deployed>,
    request: Request<Body>,
    prefix: &str,
) -> Result<Response, Problem> {
    let kind = deployed.function.kind();
    let head_only = request.method() == Method::HEAD;
    if kind != Kind::Http && !head_only && !matches!(*request.method(), Method::GET | Method::POST) {
        return Err(Problem::Method(METHODS.into()));
    }
    app.clients.admit(&request)?;
    let id = request.extensions().get::<RequestId>().and_then(|id| id.0.to_str().ok()).unwrap_or_default();
    let id: Arc<str> = id.into();
    let (mut head, body) = request.into_parts();
    let until = Instant::now() + app.timeout;
    let body = match timeout_at(until, read(body, deployed.most_body)).await {
        Ok(read) => read?,
        Err(_) => return Err(Problem::SlowBody(app.timeout)),
    };
    if kind == Kind::Http {
        head.uri = under(&head.uri, prefix);
    }
    let preferences = Preferences::of(&head.headers);
    let request = Request::from_parts(head, body);
    if preferences.task() && !head_only {
        return app.tasks.call(&deployed.name, request, preferences).await;
    }
    let invocation = Invocation { deployed, request, id, shop: app.shop.clone(), time: None, lines: None };
    // A call that is given up ends its guest.
    let response =
        timeout_at(until, app.invoker.invoke(invocation)).await.unwrap_or(Err(Problem::OutOfTime))?;
    Ok(if head_only { without_body(response, kind) } else { response.map(Body::from) })
}

/// What HEAD is answered. Of a guest that speaks HTTP and sends no body, only its own head says how long one would be.
fn without_body(response: Response<Bytes>, kind: Kind) -> Response {
    let (mut head, body) = response.into_parts();
    if kind != Kind::Http || !body.is_empty() {
        head.headers.insert(header::CONTENT_LENGTH, body.len().into());
    }
    // A body whose length is not known, or it would be said to be 0.
    Response::from_parts(head, Body::from_stream(stream::empty::<Result<Bytes, Infallible>>()))
}

/// The whole body, if it is short enough.
async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Problem::LongBody(limit));
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match to_bytes(body, limit).await {
        Ok(bytes) => Ok(bytes),
        Err(error) if is_too_long(&error) => Err(Problem::LongBody(limit)),
        Err(_) => Err(Problem::BadInput("the body ends before its end".to_owned())),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, routing::any};
    use bytes::Bytes;
    use host::Kind;
    use http::{Request, Response, header};
    use http_body_util::BodyExt as _;
    use tower::Service as _;

    use super::without_body;

    /// How long it is said to be, when it has been through the routes.
    async fn length(kind: Kind, said: Option<&'static str>, body: &'static str) -> Option<String> {
        let answer = move || async move {
            let mut answer = Response::new(Bytes::from(body));
            if let Some(said) = said {
                answer.headers_mut().insert(header::CONTENT_LENGTH, said.parse().unwrap());
            }
            without_body(answer, kind)
        };
        let mut routes = Router::new().route("/", any(answer));
        let answer = routes.call(Request::head("/").body(Body::empty()).unwrap()).await.unwrap();
        let length = answer.headers().get(header::CONTENT_LENGTH).cloned();
        assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
        length.map(|length| length.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_head_is_as_long_as_its_body_would_be_and_nobody_guesses() {
        for kind in [Kind::Command, Kind::Http] {
            assert_eq!(length(kind, None, "four").await.as_deref(), Some("4"), "{kind}");
        }
        assert_eq!(length(Kind::Command, None, "").await.as_deref(), Some("0"));
        assert_eq!(length(Kind::Http, Some("42"), "").await.as_deref(), Some("42"));
        assert_eq!(length(Kind::Http, None, "").await, None);
    }
}
