//! What a Dapr sidecar asks the service that it stands beside.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};

use crate::app::App;

/// Where it asks for subscriptions.
pub(crate) const SUBSCRIPTIONS: &str = "/dapr/subscribe";

/// `/healthz`: whether calls are taken.
pub(crate) async fn health(State(app): State<App>) -> (StatusCode, &'static str) {
    match *app.state.borrow() {
        service::State::Ready => (StatusCode::OK, "ok\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}

/// The messages that functions want to be sent: none.
pub(crate) async fn subscriptions() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], "[]").into_response()
}
