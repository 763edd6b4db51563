//! `/{function}` and the routes that lead to functions.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use host::Kind;
use http::{Method, Request, header};
use http_body::Body as _;
use service::telemetry::RequestId;
use tokio::time::timeout;

use crate::{
    app::App,
    deployed::Deployed,
    invoke::{Invocation, below as under},
    problem::Problem,
};

/// How long a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(30);
/// What functions are asked with, unless they speak HTTP themselves.
const METHODS: &str = "GET, HEAD, POST";

/// `/{function}`.
pub(crate) async fn named(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let deployed = find(&app, &name)?;
    answer(&app, &deployed, request, &format!("/{name}")).await
}

/// `/{function}/…`, for functions that speak HTTP.
pub(crate) async fn below(
    State(app): State<App>,
    Path((name, _)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    match app.modules.current(&name) {
        Some(deployed) if deployed.function.kind() == Kind::Http => {
            answer(&app, &deployed, request, &format!("/{name}")).await
        }
        _ => routed(State(app), request).await,
    }
}

/// Any other address: what the routes say.
pub(crate) async fn routed(State(app): State<App>, request: Request<Body>) -> Result<Response, Problem> {
    let routes = app.routes.load_full();
    let name = routes.resolve(request.method(), request.uri().path(), request.headers());
    let Ok(name) = name else { return Err(Problem::Unknown("such address".to_owned())) };
    let deployed = find(&app, name)?;
    answer(&app, &deployed, request, "").await
}

fn find(app: &App, name: &str) -> Result<Arc<Deployed>, Problem> {
    app.modules.current(name).ok_or_else(|| Problem::Unknown("such function".to_owned()))
}

/// Calls a function with a request whose path below `prefix` is the guest's.
async fn answer(
    app: &App,
    deployed: &Arc<Deployed>,
    request: Request<Body>,
    prefix: &str,
) -> Result<Response, Problem> {
    let kind = deployed.function.kind();
    let head_only = request.method() == Method::HEAD;
    if kind != Kind::Http && !head_only && !matches!(*request.method(), Method::GET | Method::POST) {
        return Err(Problem::Method(METHODS));
    }
    let id = request.extensions().get::<RequestId>().and_then(|id| id.0.to_str().ok()).unwrap_or_default();
    let id: Arc<str> = id.into();
    let (mut head, body) = request.into_parts();
    let body = read(body, deployed.most_body).await?;
    if kind == Kind::Http {
        head.uri = under(&head.uri, prefix);
    }
    let request = Request::from_parts(head, body);
    let invocation = Invocation { deployed, request, id, shop: app.shop.clone() };
    let response = app.invoker.invoke(invocation).await?;
    let (head, mut body) = response.into_parts();
    let length = body.len();
    if head_only {
        body = Bytes::new();
    }
    let mut response = Response::from_parts(head, Body::from(body));
    if head_only {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    Ok(response.into_response())
}

/// The whole body, if it is short enough and comes in time.
async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Problem::LongBody(limit));
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match timeout(BODY_TIME, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => Err(Problem::LongBody(limit)),
        Ok(Err(_)) => Err(Problem::BadInput("the body ends before its end".to_owned())),
        Err(_) => Err(Problem::SlowBody(BODY_TIME)),
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
