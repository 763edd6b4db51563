//! What the forms of the page of functions send: browsers wrap files and texts up, and functions are to get them as they are.

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body::Body as _;
use http_body_util::Limited;
use multer::{Constraints, Multipart, SizeLimit};
use service::proxies;
use tokio::time::timeout;

use super::call::answer;
use crate::{app::App, problem::Problem};

/// What stands around the parts of a form, in bytes.
const FORM: usize = 16 << 10;

/// `POST /functions/{name}/try` with a part `file` or `json`: what is in it is sent to the function, and its answer is the answer.
pub(crate) async fn send(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let unknown = || Problem::Unknown("such function".to_owned());
    let Path(name) = name.map_err(|_| unknown())?;
    let deployed = app.modules.current(&name).ok_or_else(unknown)?;
    let (mut head, body) = request.into_parts();
    let read = timeout(app.timeout, unwrap(&head.headers, body, deployed.most_body));
    let (content_type, body) = read.await.map_err(|_| Problem::SlowBody(app.timeout))??;
    head.method = Method::POST;
    head.uri = format!("/{name}").parse().unwrap_or_else(|_| Uri::from_static("/"));
    // Whoever fills a form in is a client like any other, behind a proxy, too.
    let forwarded = head.headers.iter().filter(|(name, _)| proxies::HEADERS.contains(name));
    let forwarded = forwarded.map(|(name, value)| (name.clone(), value.clone()));
    head.headers = forwarded.chain([(header::CONTENT_TYPE, content_type)]).collect();
    answer(&app, &deployed, Request::from_parts(head, Body::from(body)), &format!("/{name}")).await
}

/// The first part that is not empty, and its type.
async fn unwrap(headers: &HeaderMap, body: Body, most: usize) -> Result<(HeaderValue, Bytes), Problem> {
    const ANYTHING: HeaderValue = HeaderValue::from_static("application/octet-stream");
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let said = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(said)
        .map_err(|_| Problem::BadInput("expected multipart/form-data with a part file or json".to_owned()))?;
    let whole = most.saturating_add(FORM);
    if body.size_hint().lower() > whole as u64 {
        return Err(Problem::LongBody(most));
    }
    let limits = SizeLimit::new().per_field(most as u64);
    let limits = Constraints::new().allowed_fields(vec!["file", "json"]).size_limit(limits);
    let body = Body::new(Limited::new(body, whole));
    let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, limits);
    let broken = |error| match error {
        multer::Error::FieldSizeExceeded { .. } => Problem::LongBody(most),
        _ => Problem::BadInput("the form is not whole".to_owned()),
    };
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let kind = match field.name() {
            Some("json") => JSON,
            _ => field
                .content_type()
                .and_then(|kind| HeaderValue::try_from(kind.essence_str()).ok())
                .unwrap_or(ANYTHING),
        };
        let bytes = field.bytes().await.map_err(broken)?;
        if !bytes.is_empty() {
            return Ok((kind, bytes));
        }
    }
    Err(Problem::BadInput("the form is empty: choose a file, or write JSON".to_owned()))
}
