//! What happens to every request and answer, whatever the address.

use axum::{Router, response::IntoResponse};
use service::telemetry::CallLayer;
use tower_http::catch_panic::CatchPanicLayer;

use crate::problem::Problem;

/// The longest head of a request, in bytes.
pub(crate) const MAX_HEAD: u32 = 16 * 1024;

/// Wraps the routes. The first layer is the first to see a request.
pub(crate) fn apply(routes: Router, calls: CallLayer) -> Router {
    let panicked = |_| Problem::Internal.into_response();
    routes.layer((calls, CatchPanicLayer::custom(panicked)))
}
