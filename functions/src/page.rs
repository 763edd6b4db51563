//! `GET /functions` for people: every function with what it may take, what its calls came to, and forms to try it with. It needs
//! no script.

mod figures;
mod forms;
mod negotiation;

use std::sync::LazyLock;

use askama::Template;
use axum::response::{IntoResponse, Response};
use host::Kind;
use http::{HeaderMap, HeaderName, HeaderValue, header};

pub(crate) use self::negotiation::wants_page;
use self::{
    figures::{bytes, count, milliseconds, percent, span, when},
    forms::Forms,
};
use crate::{
    manifest::{self, Manifest},
    modules::{Entry, Refused, Table},
    problem::Problem,
    statics::Static,
};

/// Where its style and its icon lie. No function's name has a dot.
pub(crate) const STYLE_PATH: &str = "/functions/page.css";
pub(crate) const ICON_PATH: &str = "/functions/icon.svg";
/// Functions on one page.
const PAGE: usize = 50;

static STYLE: LazyLock<Static> =
    LazyLock::new(|| Static::new("page.css", include_bytes!("../static/functions.css")));
static ICON: LazyLock<Static> =
    LazyLock::new(|| Static::new("icon.svg", include_bytes!("../static/functions.svg")));
/// The address that a browser may keep the style under.
static STYLE_ADDRESS: LazyLock<String> = LazyLock::new(|| format!("{STYLE_PATH}?v={}", STYLE.digits()));
/// How long a browser need not ask for either again.
const A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// All comes from this address, nothing runs, and nobody frames it.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

#[derive(Template)]
#[template(path = "functions.html")]
struct Page<'a> {
    style: &'static str,
    away: bool,
    /// How many there are in all.
    total: usize,
    shown: Vec<Row<'a>>,
    refused: Vec<RefusedRow<'a>>,
    page: usize,
    pages: usize,
    /// Whether there is so little that all of it is shown at once.
    open: bool,
}

/// A function that answers.
struct Row<'a> {
    name: &'a str,
    description: &'a str,
    kind: Kind,
    version: String,
    since: String,
    size: String,
    /// Whether something newer lies there, and was refused.
    outdated: bool,
    calls: String,
    errors: String,
    given_up: String,
    not_begun: String,
    running: String,
    p50: String,
    p99: String,
    time: String,
    cpu: String,
    memory: String,
    limits: Vec<(&'static str, String)>,
    grants: String,
    routes: String,
    schedule: String,
    forms: Forms<'a>,
}

struct RefusedRow<'a> {
    name: &'a str,
    reason: &'a str,
    at: String,
    /// The version that goes on answering.
    answers: Option<String>,
}

/// The page with this number, the first of which is 1.
///
/// # Errors
///
/// If there is no page of this number.
pub(crate) fn page(table: &Table, number: usize) -> Result<Response, Problem> {
    let total = table.entries().len();
    let pages = total.div_ceil(PAGE).max(1);
    if !(1..=pages).contains(&number) {
        return Err(Problem::Unknown("such page".to_owned()));
    }
    let entries = table.entries().skip((number - 1) * PAGE).take(PAGE);
    let refused = table.refused().map(|(name, refused)| RefusedRow::new(table, name, refused));
    let page = Page {
        style: &STYLE_ADDRESS,
        away: table.is_store_away(),
        total,
        shown: entries.map(|entry| Row::new(entry, table)).collect(),
        refused: refused.collect(),
        page: number,
        pages,
        open: total == 1,
    };
    let html = page.render().map_err(|error| {
        tracing::error!(%error, "cannot render a page");
        Problem::Internal
    })?;
    let mut answer = html.into_response();
    let headers = answer.headers_mut();
    let fixed = |text| HeaderValue::from_static(text);
    headers.insert(header::CONTENT_TYPE, fixed("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, fixed("DENY"));
    headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(header::CACHE_CONTROL, fixed("no-store"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), fixed("same-origin"));
    Ok(answer)
}

/// `GET /functions/page.css`
pub(crate) async fn style(request: HeaderMap) -> Response {
    STYLE.answer(&request, [(header::CACHE_CONTROL, A_DAY)])
}

/// `GET /functions/icon.svg`
pub(crate) async fn icon(request: HeaderMap) -> Response {
    ICON.answer(&request, [(header::CACHE_CONTROL, A_DAY)])
}

impl<'a> Row<'a> {
    fn new(entry: &'a Entry, table: &Table) -> Self {
        let deployed = &*entry.deployed;
        let (manifest, counted) = (&deployed.manifest, deployed.counters.counted());
        // What nobody waited for is a call, and no error of the function's.
        let ended = counted.answered + counted.failed + counted.given_up;
        let unless_none = |text: String| if ended == 0 { "–".to_owned() } else { text };
        Self {
            name: &deployed.name,
            description: manifest.description.trim(),
            kind: deployed.function.kind(),
            version: entry.version.to_string(),
            since: when(entry.since),
            size: bytes(entry.bytes),
            outdated: table.refusal(&deployed.name).is_some(),
            calls: count(ended),
            errors: unless_none(percent(counted.failed, ended)),
            given_up: count(counted.given_up),
            not_begun: count(counted.refused),
            running: count(counted.running),
            p50: unless_none(milliseconds(counted.p50)),
            p99: unless_none(milliseconds(counted.p99)),
            time: unless_none(span(counted.time)),
            cpu: unless_none(span(counted.cpu)),
            memory: unless_none(bytes(counted.memory)),
            limits: limits(entry),
            grants: grants(manifest).join(", "),
            routes: manifest.routes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            schedule: manifest.schedule.iter().map(|schedule| &*schedule.text).collect::<Vec<_>>().join("; "),
            forms: Forms::new(deployed),
        }
    }
}

impl<'a> RefusedRow<'a> {
    fn new(table: &Table, name: &'a str, refused: &'a Refused) -> Self {
        let answers = table.get(name).map(|entry| entry.version.to_string());
        Self { name, reason: &refused.reason, at: when(refused.at), answers }
    }
}

fn limits(entry: &Entry) -> Vec<(&'static str, String)> {
    let limits = entry.deployed.function.limits();
    let lane = entry.deployed.lane.limits();
    let size = |length: usize| bytes(length as u64);
    let many = |number: usize| count(number as u64);
    vec![
        ("Time", span(limits.time)),
        ("Processor time", span(limits.cpu)),
        ("Memory", size(limits.memory)),
        ("Table elements", many(limits.table_elements)),
        ("Instances", many(limits.instances)),
        ("Body", size(entry.deployed.most_body)),
        ("Standard input", size(limits.stdin)),
        ("Standard output", size(limits.stdout)),
        ("Standard error", size(limits.stderr)),
        ("Host calls", count(limits.host_calls)),
        ("Calls at a time", many(lane.calls)),
        ("Waiting", format!("{} for {}", many(lane.queue), span(lane.queue_time))),
    ]
}

/// What it may see beyond its input; neither values nor folders of the machine.
fn grants(manifest: &Manifest) -> Vec<String> {
    let grants = &manifest.grants;
    let flags = manifest::granted(grants).map(|(_, words)| words.to_owned());
    let variables = grants.environment.keys().map(|name| format!("the variable {name}"));
    let folders = grants.folders.iter().map(|folder| {
        let how = if folder.write { "to write" } else { "to read" };
        format!("the folder {} {how}", folder.guest)
    });
    flags.chain(variables).chain(folders).collect()
}
