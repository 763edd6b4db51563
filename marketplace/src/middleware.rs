//! What happens to every request and answer, whatever the page.

mod answers;
mod bounds;

use std::time::Duration;

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};
use service::telemetry::CallLayer;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, CompressionLevel},
};

use self::{answers::AnswerLayer, bounds::BoundsLayer};

/// Forms are small; files have a limit of their own.
pub(crate) const MAX_BODY: usize = 16 * 1024;
/// The longest address, in bytes of path and query.
pub(crate) const MAX_ADDRESS: usize = 2048;
/// The longest head of a request, in bytes as HTTP/1.1 writes them. hyper itself refuses longer ones that come over HTTP/1.1.
pub(crate) const MAX_HEAD: usize = 16 * 1024;
/// The longest head that HTTP/2 hands on, to be refused with a page like all others, under a request's id and with a log
/// line. Longer ones h2 refuses by itself, where none of that can be had, so this is far above what a browser sends by
/// mistake; and it is memory that one connection may take before anybody has looked at what it asks.
pub(crate) const MAX_HEAD_HEARD: u32 = 256 * 1024;
/// A page that takes longer than this is given up. Calls have deadlines of their own, far below.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(5);

/// Wraps the routes. The first layer is the first to see a request.
pub(crate) fn apply(routes: Router, https: bool, calls: CallLayer) -> Router {
    // As one layer: the router boxes what it is given, and clones it for every request.
    routes.layer((
        calls,
        // The fastest level: a page is compressed for every reader anew.
        CompressionLayer::new().quality(CompressionLevel::Fastest),
        AnswerLayer::new(security_headers(https)),
        CatchPanicLayer::new(),
        BoundsLayer,
    ))
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
