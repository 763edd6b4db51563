//! What happens to every request and answer, whatever the page.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn, map_response},
    response::{IntoResponse as _, Response},
};
use service::telemetry::CallLayer;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, CompressionLevel},
    limit::RequestBodyLimitLayer,
    timeout::TimeoutLayer,
};

use crate::pages::error;

/// No page takes a body yet; what a browser sends unasked is small.
pub(crate) const MAX_BODY: usize = 16 * 1024;
/// The longest address, in bytes of path and query.
pub(crate) const MAX_ADDRESS: usize = 2048;
/// A page that takes longer than this is given up. Calls have deadlines of their own, far below.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(5);

/// Wraps the routes. The last layer is the first to see a request.
pub(crate) fn apply(routes: Router, https: bool, calls: CallLayer) -> Router {
    let headers = Arc::new(security_headers(https));
    routes
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIME))
        .layer(from_fn(bound_address))
        .layer(CatchPanicLayer::new())
        .layer(from_fn(error::render))
        // The fastest level: a page is compressed for every reader anew.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(map_response(move |answer: Response| secure(answer, Arc::clone(&headers))))
        .layer(calls)
}

async fn bound_address(request: Request, next: Next) -> Response {
    if request.uri().path_and_query().is_some_and(|address| address.as_str().len() > MAX_ADDRESS) {
        return StatusCode::URI_TOO_LONG.into_response();
    }
    next.run(request).await
}

async fn secure(mut answer: Response, headers: Arc<HeaderMap>) -> Response {
    answer.headers_mut().extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    answer
}

/// Everything a page loads comes from this host, nothing is written into it, and nobody frames it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn security_headers(https: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), browsing-topics=()",
    );
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains");
    }
    headers
}
