//! The admin port, plaintext, for probes and scrapers: `/live`, `/ready`, `/metrics`.

use axum::{Router, extract::State as Extract, http::StatusCode, response::IntoResponse, routing::get};
use tokio::net::TcpListener;

use crate::{Limits, Protocol, Readiness, Server, Shutdown, State, telemetry::Metrics};

/// Where the admin port says that the process is alive, which it is as long as it answers.
pub const LIVE: &str = "/live";
/// Where it says whether the service takes work: 200, or 503 before and after.
pub const READY: &str = "/ready";

/// Serves the admin port until the future is dropped, so that probes are answered to the very end.
pub async fn serve(listener: TcpListener, readiness: Readiness, metrics: Metrics) {
    let app = Router::new()
        .route(LIVE, get(|| async { "alive\n" }))
        .route(READY, get(ready).with_state(readiness))
        .route("/metrics", get(scrape).with_state(metrics));
    let limits = Limits { max_connections: 64, ..Limits::new(Protocol::Http1) };
    Server::new(listener, limits, Shutdown::never()).serve(app).await;
}

async fn ready(Extract(readiness): Extract<Readiness>) -> (StatusCode, &'static str) {
    match readiness.state() {
        State::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        State::Ready => (StatusCode::OK, "ready\n"),
        State::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

async fn scrape(Extract(metrics): Extract<Metrics>) -> impl IntoResponse {
    ([("content-type", "text/plain; version=0.0.4")], metrics.render())
}
