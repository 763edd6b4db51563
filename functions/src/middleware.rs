//! What happens to every request and answer, whatever the address.

use axum::{Router, response::IntoResponse};
use service::telemetry::CallLayer;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{access::AccessLayer, bounds::BoundsLayer, config::Door, cors::CorsLayer, problem::Problem};

/// What all listeners have.
pub(crate) struct Layers {
    pub(crate) calls: CallLayer,
    pub(crate) access: AccessLayer,
    pub(crate) bounds: BoundsLayer,
}

/// Wraps the routes of one listener. The first layer is the first to see a request.
pub(crate) fn apply(routes: Router, layers: &Layers, door: Door) -> Router {
    let panicked = |_| Problem::Internal.into_response();
    let Layers { calls, access, bounds } = layers;
    routes.layer((
        calls.clone(),
        access.clone(),
        CorsLayer::new(door),
        CatchPanicLayer::custom(panicked),
        *bounds,
    ))
}
