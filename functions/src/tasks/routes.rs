//! `/tasks`, `/tasks/{id}`, `/tasks/{id}/result`.

use axum::{
    Extension, Router,
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, header};
use service::Peer;

use super::{Preferences, Tasks};
use crate::problem::Problem;

/// How many tasks the list of all shows.
const LISTED: u32 = 100;

/// Where tasks are looked at, and cancelled.
pub fn routes(tasks: Tasks) -> Router {
    Router::new()
        .route("/tasks", get(list).fallback(method))
        .route("/tasks/{id}", get(look).delete(cancel).fallback(method_of_task))
        .route("/tasks/{id}/result", get(result).fallback(method))
        .with_state(tasks)
}

async fn method() -> Problem {
    Problem::Method("GET, HEAD".into())
}

async fn method_of_task() -> Problem {
    Problem::Method("GET, HEAD, DELETE".into())
}

/// The latest tasks, for those who show the token.
async fn list(
    State(tasks): State<Tasks>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let peer = peer.map(|Extension(peer)| peer);
    tasks.0.guard.check(&headers, peer).map_err(|refused| Problem::Unauthorized(refused.to_string()))?;
    tasks.latest(LISTED).await
}

async fn look(
    State(tasks): State<Tasks>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    tasks.look(&name(id), Preferences::of(&headers)).await
}

async fn cancel(
    State(tasks): State<Tasks>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    tasks.cancel(&name(id)).await
}

async fn result(
    State(tasks): State<Tasks>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let task = tasks.find(&name(id)).await?;
    match tasks.result(&task).await {
        Err(problem) if !task.state.has_ended() => {
            let mut answer = problem.into_response();
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            Ok(answer)
        }
        answer => answer,
    }
}

/// What cannot be read is no task's name, as is nothing.
fn name(id: Result<Path<String>, PathRejection>) -> String {
    id.map_or_else(|_| String::new(), |Path(id)| id)
}
