//! Trainings: the one at work, those that wait, and those that were.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};
use protobufs::models::{Job, JobState};
use serde::Deserialize;
use service::trace::TraceContext;

use super::{Desk, Place, see_other};
use crate::{
    client::OperatorError,
    figures::{When, duration},
    operators::Operator,
    reader::now,
    shop::Shop,
};

const PATH: &str = "/operators/jobs";
/// Jobs a page, but those that have not ended: these are on each.
const PAGE: i32 = 20;
/// How often a page without script asks again, in seconds, if it was asked to.
const REFRESH: HeaderValue = HeaderValue::from_static("2");
/// What can be trained, with what it is good for.
pub(super) const KINDS: [(&str, &str); 9] = [
    ("", "as the server is set"),
    ("blend", "blend: several at once, tuned"),
    ("slim", "slim: books that go together"),
    ("ease", "ease: the same, faster"),
    ("als", "als: tastes, for large catalogues"),
    ("knn-bm25", "knn-bm25: neighbours, by BM25"),
    ("knn-cosine", "knn-cosine: neighbours, by cosine"),
    ("content", "content: author, series, subjects"),
    ("popular", "popular: what many like"),
];

#[derive(Template)]
#[template(path = "operators/jobs.html")]
struct Page {
    desk: Desk,
    /// At work or waiting, the first in line first.
    open: Vec<Row>,
    ended: Vec<Row>,
    /// What a screen reader is told of the one at work.
    said: String,
    follows: bool,
    first: bool,
    older: Option<String>,
    kinds: &'static [(&'static str, &'static str)],
}

struct Row {
    id: i64,
    state: Standing,
    model: String,
    cause: &'static str,
    step: String,
    /// 0 to 100.
    percent: u32,
    message: String,
    version: String,
    asked: When,
    /// How long it took, or has taken so far.
    took: Option<String>,
}

/// A state as a word and a shape.
#[derive(Clone, Copy)]
struct Standing {
    word: &'static str,
    class: &'static str,
    runs: bool,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    /// A page token.
    from: Option<String>,
    /// Whether the page is to be asked for again by itself.
    follow: Option<String>,
}

/// `GET /operators/jobs`
pub(super) async fn page(
    State(shop): State<Arc<Shop>>,
    operator: Operator,
    Extension(trace): Extension<TraceContext>,
    request: HeaderMap,
    Query(Asked { from, follow }): Query<Asked>,
) -> Response {
    let desk = Desk::new(&shop, operator, &request, "Jobs", Place::Jobs);
    let from = from.unwrap_or_default();
    let first = from.is_empty();
    let answer = match shop.client.jobs(&trace, PAGE, &from).await {
        Ok(answer) => answer,
        // A token that is not known, or no longer.
        Err(OperatorError::Refused(_)) if !first => return see_other(PATH),
        Err(error) => return desk.trouble(&error),
    };
    let now = i64::try_from(now()).unwrap_or(i64::MAX);
    let rows = |jobs: &[Job]| jobs.iter().map(|job| Row::new(job, now)).collect::<Vec<_>>();
    let (open, ended) = (rows(&answer.open), rows(&answer.jobs));
    let older = (!answer.next_page_token.is_empty()).then(|| {
        let token: String = form_urlencoded::byte_serialize(answer.next_page_token.as_bytes()).collect();
        format!("{PATH}?from={token}")
    });
    let said = said(&open, if first { &ended } else { &[] });
    let follows = follow.is_some() && !open.is_empty();
    let page = Page { desk: desk.clone(), open, ended, said, follows, first, older, kinds: &KINDS };
    let mut shown = desk.show(&page);
    if follows {
        shown.headers_mut().insert(HeaderName::from_static("refresh"), REFRESH);
    }
    shown
}

/// What has changed is told, and no more: how many hundredths are done is seen, not heard. `lately` are the latest that have
/// ended, if the page has them.
fn said(open: &[Row], lately: &[Row]) -> String {
    match (open.iter().find(|row| row.state.runs), open.first(), lately.first()) {
        (Some(row), ..) => format!("Job {} trains {}: {}.", row.id, row.model, row.step),
        (None, Some(row), _) => format!("Job {} waits.", row.id),
        (None, None, Some(row)) => format!("Job {}: {}. {}", row.id, row.state.word, row.message),
        (None, None, None) => String::new(),
    }
}

impl Row {
    fn new(job: &Job, now: i64) -> Self {
        let state = match job.state() {
            JobState::Unspecified | JobState::Scheduled => {
                Standing { word: "Waits", class: "waits", runs: false }
            }
            JobState::Running => Standing { word: "Runs", class: "runs", runs: true },
            JobState::Succeeded => Standing { word: "Succeeded", class: "good", runs: false },
            JobState::Failed => Standing { word: "Failed", class: "bad", runs: false },
            JobState::Cancelled => Standing { word: "Cancelled", class: "off", runs: false },
        };
        let ended =
            job.ended_at.as_ref().map_or(now as f64, |at| at.seconds as f64 + f64::from(at.nanos) / 1e9);
        let started = job.started_at.as_ref().map(|at| at.seconds as f64 + f64::from(at.nanos) / 1e9);
        Self {
            id: job.id,
            state,
            model: job.model.clone(),
            cause: match job.cause.as_str() {
                "call" => "by hand",
                "schedule" => "by schedule",
                "ratings" => "new ratings",
                "start" => "first start",
                _ => "other",
            },
            step: if job.step.is_empty() { "beginning".to_owned() } else { job.step.clone() },
            percent: (100.0 * job.progress.clamp(0.0, 1.0)).round() as u32,
            message: job.message.clone(),
            version: job.model_version.clone(),
            asked: When::at(job.created_at.as_ref().map_or(0, |at| at.seconds)),
            took: started.map(|started| duration(ended - started)),
        }
    }
}
