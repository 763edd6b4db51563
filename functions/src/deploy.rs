//! How functions are deployed, looked at and rolled back over HTTP. What changes something needs the token, wherever it comes
//! from; so does what reveals something, which is what functions have written.
//!
//! | | |
//! |---|---|
//! | `GET /functions` | all functions, and what was refused; for browsers, a page |
//! | `GET /functions/{name}` | one of them with the versions that are kept |
//! | `PUT /functions/{name}` | deploys; see [`upload`] for what may be sent |
//! | `POST /functions/{name}/rollback[?version=N]` | lets the version before, or the given one, answer |
//! | `DELETE /functions/{name}` | removes it with all its versions |
//! | `GET /functions/{name}/logs[?lines=N&request=ID]` | the last lines that it has written |

mod render;
pub mod upload;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use service::token::Guard;
use tokio::sync::Semaphore;

use crate::{
    logs::Logs,
    modules::{ChangeError, Modules},
    name::{BadName, Name},
    page,
    problem::Problem,
};

pub use render::{entry, list};

/// Uploads at a time: each may hold a module in memory.
const UPLOADS: usize = 2;
/// The most lines of a log that are given at once.
const MOST_LINES: usize = 1_000;

/// What it takes to deploy functions and to look at them.
#[derive(Debug)]
pub struct Deploying {
    modules: Modules,
    logs: Logs,
    guard: Guard,
    /// The longest module, in bytes.
    longest: usize,
    uploads: Semaphore,
}

impl Deploying {
    /// Modules of up to `longest` bytes may be sent by whoever shows the token of `guard`.
    #[must_use]
    pub fn new(modules: Modules, logs: Logs, guard: Guard, longest: usize) -> Self {
        Self { modules, logs, guard, longest, uploads: Semaphore::new(UPLOADS) }
    }

    fn check(&self, request: &HeaderMap) -> Result<(), Problem> {
        self.guard.check_shown(request).map_err(|refused| Problem::Unauthorized(refused.to_string()))
    }
}

/// Every address under `/functions`. Each longest body is said where it is read.
pub fn routes(deploying: Arc<Deploying>) -> Router {
    let other = |allowed: &'static str| move || async move { Problem::Method(allowed.into()) };
    Router::new()
        .route("/functions", get(all).fallback(other("GET, HEAD")))
        .route(
            "/functions/{name}",
            get(one).put(put).delete(delete).fallback(other("GET, HEAD, PUT, DELETE")),
        )
        .route("/functions/{name}/rollback", post(roll_back).fallback(other("POST")))
        .route("/functions/{name}/logs", get(logs).fallback(other("GET, HEAD")))
        .with_state(deploying)
}

/// `GET /functions`
async fn all(
    State(deploying): State<Arc<Deploying>>,
    asked: Result<Query<Asked>, QueryRejection>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let table = deploying.modules.table();
    let mut shown = if page::wants_page(&request) {
        let Query(Asked { page: number }) =
            asked.map_err(|_| Problem::BadInput("expected ?page=N or nothing".to_owned()))?;
        page::page(&table, number.unwrap_or(1))?
    } else {
        answer(StatusCode::OK, &list(&table))
    };
    shown.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    Ok(shown)
}

#[derive(Deserialize)]
struct Asked {
    page: Option<usize>,
}

/// `GET /functions/{name}`
async fn one(State(deploying): State<Arc<Deploying>>, name: Named) -> Result<Response, Problem> {
    let name = named(name)?;
    let table = deploying.modules.table();
    if table.get(&name).is_none() && table.refusal(&name).is_none() {
        return Err(Problem::Unknown(format!("function {name}")));
    }
    let mut shown = render::named(&table, &name);
    // Where the store is away there still is the rest.
    let kept = deploying.modules.versions(&name).await;
    shown["versions"] = kept.map_or(Value::Null, |kept| render::versions(&kept, table.get(&name)));
    Ok(answer(StatusCode::OK, &shown))
}

/// `PUT /functions/{name}`
async fn put(
    State(deploying): State<Arc<Deploying>>,
    name: Named,
    request: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    deploying.check(&request)?;
    let name = named(name)?;
    let _upload = deploying.uploads.try_acquire().map_err(|_| Problem::Overloaded)?;
    let change = upload::read(&request, body, deploying.longest).await?;
    let (deployed, is_new) =
        deploying.modules.deploy(name.clone(), change).await.map_err(|error| problem(error, &name))?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer(status, &entry(&deployed)))
}

/// `DELETE /functions/{name}`
async fn delete(
    State(deploying): State<Arc<Deploying>>,
    name: Named,
    request: HeaderMap,
) -> Result<StatusCode, Problem> {
    deploying.check(&request)?;
    let name = named(name)?;
    deploying.modules.delete(name.clone()).await.map_err(|error| problem(error, &name))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    version: Option<String>,
}

/// `POST /functions/{name}/rollback`
async fn roll_back(
    State(deploying): State<Arc<Deploying>>,
    name: Named,
    which: Result<Query<Which>, QueryRejection>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    deploying.check(&request)?;
    let name = named(name)?;
    let Query(Which { version }) =
        which.map_err(|_| Problem::BadInput("expected ?version=N or nothing".to_owned()))?;
    let number = |text: String| {
        // A whole label is as good: 3-1a2b3c4d5e6f.
        let number = text.split('-').next().and_then(|number| number.parse().ok());
        number.ok_or_else(|| Problem::BadInput("a version is a number such as 3".to_owned()))
    };
    let number = version.map(number).transpose()?;
    let now = deploying.modules.roll_back(name.clone(), number).await;
    Ok(answer(StatusCode::OK, &entry(&now.map_err(|error| problem(error, &name))?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    lines: Option<usize>,
    request: Option<String>,
}

/// `GET /functions/{name}/logs`
async fn logs(
    State(deploying): State<Arc<Deploying>>,
    name: Named,
    wanted: Result<Query<Wanted>, QueryRejection>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    deploying.check(&request)?;
    let name = named(name)?;
    if deploying.modules.current(&name).is_none() {
        return Err(Problem::Unknown(format!("function {name}")));
    }
    let Query(Wanted { lines, request }) = wanted
        .map_err(|_| Problem::BadInput("expected ?lines=N, ?request=ID, both or neither".to_owned()))?;
    let mut all = deploying.logs.of(&name);
    all.retain(|line| request.as_deref().is_none_or(|wanted| *line.id == *wanted));
    let first = all.len().saturating_sub(lines.unwrap_or(MOST_LINES).min(MOST_LINES));
    let lines: Vec<_> = all[first..].iter().map(render::line).collect();
    Ok(answer(StatusCode::OK, &json!({ "lines": lines })))
}

/// The function that an address names.
type Named = Result<Path<String>, PathRejection>;

fn named(name: Named) -> Result<Name, Problem> {
    let name = name.map_err(|_| BadName::Letters).and_then(|Path(name)| name.parse());
    name.map_err(|bad| Problem::BadInput(bad.to_string()))
}

/// What a change that was not made is told with. What the store says stays in the log.
fn problem(error: ChangeError, name: &Name) -> Problem {
    match error {
        ChangeError::Unfit(why) => Problem::Unfit(why),
        ChangeError::Unknown => Problem::Unknown(format!("function {name}")),
        ChangeError::NoVersion(why) => Problem::Conflict(why),
        ChangeError::Busy => Problem::Overloaded,
        ChangeError::Ending => Problem::Unavailable("the service"),
        ChangeError::Store(_) => Problem::Unavailable("the store of modules"),
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, head, body.to_string()).into_response()
}
