//! A reader's books from elsewhere: a file that is sent on as it comes in.

use std::{fmt::Write as _, net::IpAddr, sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use multer::{Constraints, Multipart, SizeLimit};
use protobufs::readers::{LibraryError, LibraryFormat, LibraryUnmatched};
use serde_json::json;
use service::trace::TraceContext;

use super::{error::Problem, personal};
use crate::{
    client::{ImportError, Imported},
    layout::{Layout, thousands},
    origin::OurPage,
    reader::{Reader, Session},
    sender::Sender,
    shop::Shop,
    suggestions::recommendation as plain,
};

/// Where files are sent.
pub(crate) const PATH: &str = "/my-books/import";
/// The longest request: the longest file and what is around it.
pub(crate) const MAX_BODY: usize = MAX_FILE + 64 * 1024;
const MAX_FILE: usize = 20_000_000;
/// The longest time: a slow line and a busy server.
pub(crate) const TIME: Duration = Duration::from_secs(600);
/// The longest field but the file.
const MAX_FIELD: u64 = 256;

#[derive(Template)]
#[template(path = "import.html")]
struct Page {
    layout: Layout,
    /// What this upload is called while it runs.
    name: String,
    problem: Option<String>,
    done: Option<Done>,
}

/// What came of it.
struct Done {
    stored: String,
    missed: String,
    one: bool,
    unmatched: i64,
    wrong: i64,
    unread: String,
    format: Option<&'static str>,
    errors: Vec<LibraryError>,
    missing: Vec<LibraryUnmatched>,
    /// What was not stored, to be mended.
    mend: Option<Mend>,
}

/// A file that is in the page itself: it needs no script, and no memory of ours.
struct Mend {
    name: &'static str,
    address: String,
    /// How many of the lines did not fit, if any.
    more: Option<String>,
}

/// `GET /my-books/import`
pub(crate) async fn page(State(shop): State<Arc<Shop>>) -> Response {
    show(&shop, StatusCode::OK, None, None)
}

/// `GET /my-books/import/{name}`: how far it is, for the page's script.
pub(crate) async fn progress(State(shop): State<Arc<Shop>>, Path(name): Path<String>) -> Response {
    let Some(progress) = shop.imports.progress(&name) else { return Problem::NotFound.into_response() };
    let body = json!({"bytes": progress.bytes, "rows": progress.rows, "stored": progress.stored,
        "unmatched": progress.unmatched, "wrong": progress.wrong});
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (head, body.to_string()).into_response()
}

/// `POST /my-books/import`
pub(crate) async fn upload(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    Sender(address): Sender,
    request: HeaderMap,
    _: OurPage,
    body: Body,
) -> Response {
    match read(&shop, &trace, address, &request, body).await {
        Ok((reader, imported)) => {
            let mut answer = show(&shop, StatusCode::OK, None, Some(Done::new(imported)));
            // What the file says may be newer than what was said in the last minutes.
            for cookie in shop.cookies.remember(&Reader { session: Session::default(), ..reader }) {
                answer.headers_mut().append(header::SET_COOKIE, cookie);
            }
            answer
        }
        Err((reader, why)) => {
            let mut answer = show(&shop, StatusCode::OK, Some(why), None);
            // What came before the trouble is stored, under this number.
            for cookie in reader.iter().flat_map(|reader| shop.cookies.remember(reader)) {
                answer.headers_mut().append(header::SET_COOKIE, cookie);
            }
            answer
        }
    }
}

/// Whose it is and what came of it, or why nothing did, in a sentence.
async fn read(
    shop: &Shop,
    trace: &TraceContext,
    address: Option<IpAddr>,
    request: &HeaderMap,
    body: Body,
) -> Result<(Reader, Imported), (Option<Reader>, String)> {
    let no = |why: &str| (None, why.to_owned());
    let boundary =
        request.get(header::CONTENT_TYPE).and_then(|kind| multer::parse_boundary(kind.to_str().ok()?).ok());
    let Some(boundary) = boundary else { return Err(no("Choose a file first.")) };
    let limits = SizeLimit::new().per_field(MAX_FIELD).for_field("file", MAX_FILE as u64);
    let limits = Constraints::new().allowed_fields(vec!["name", "file"]).size_limit(limits);
    let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, limits);
    let mut name = None;
    let file = loop {
        match form.next_field().await {
            Ok(Some(field)) if field.name() == Some("file") => break field,
            Ok(Some(field)) => name = field.text().await.ok().filter(|name| plain(name).is_some()),
            Ok(None) => return Err(no("Choose a file first.")),
            Err(_) => return Err(no("The file did not arrive whole. Send it again.")),
        }
    };
    if file.file_name().is_none_or(str::is_empty) {
        return Err(no("Choose a file first."));
    }
    let name = name.unwrap_or_else(name_of_its_own);
    let Some(import) = shop.imports.begin(&name) else {
        return Err(no(
            "Many readers are bringing books along at this moment. Wait a minute, then send it again.",
        ));
    };
    let reader = match shop.cookies.reader(request) {
        Some(reader) => reader,
        None if shop.newcomers.take(address).is_err() => return Err(no(CROWDED)),
        None => match shop.client.create_reader(trace).await {
            Ok(id) => Reader::new(id),
            Err(_) => return Err(no(UNAVAILABLE)),
        },
    };
    let pieces = stream::try_unfold(file, |mut file| async move {
        file.chunk().await.map(|piece| piece.map(|piece| (piece, file)))
    });
    match shop.client.import_library(trace, reader.id, pieces, |progress| import.tell(progress)).await {
        Ok(imported) => Ok((reader, imported)),
        Err(error) => Err((Some(reader), sentence(error))),
    }
}

const CROWDED: &str =
    "Very many new readers come from your network at this moment. Wait a minute, then send the file again.";

const UNAVAILABLE: &str = "The part of the shop that remembers does not answer. Wait a moment, then send the file again: \
     what is stored already counts once.";

fn sentence(error: ImportError) -> String {
    match error {
        ImportError::Refused(why) if why.is_empty() => "This file is none that we can read.".to_owned(),
        ImportError::Refused(why) => format!("We cannot read this file: {why}."),
        ImportError::TooLong => {
            "The file is longer than we take. What came before that is stored; split the rest off and send it, too."
                .to_owned()
        }
        ImportError::Busy => {
            "Many readers are bringing books along at this moment. Wait a minute, then send it again.".to_owned()
        }
        ImportError::Broken => "The file did not arrive whole, or is longer than 20 MB. What came is stored; send it again.".to_owned(),
        ImportError::Unavailable => UNAVAILABLE.to_owned(),
    }
}

fn show(shop: &Shop, status: StatusCode, problem: Option<String>, done: Option<Done>) -> Response {
    let layout = shop.layout("Bring your books along – Shelfwise", PATH).unlisted();
    let mut page = personal(&Page { layout, name: name_of_its_own(), problem, done });
    *page.status_mut() = status;
    page.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    page
}

fn name_of_its_own() -> String {
    format!("{:032x}", rand::random::<u128>())
}

impl Done {
    fn new(imported: Imported) -> Self {
        let format = match imported.format() {
            LibraryFormat::Goodreads => Some("Goodreads"),
            LibraryFormat::Storygraph => Some("StoryGraph"),
            LibraryFormat::ShelfwiseCsv | LibraryFormat::ShelfwiseJsonl => Some("Shelfwise"),
            LibraryFormat::Unspecified => None,
        };
        let total = imported.total.unwrap_or_default();
        Self {
            stored: thousands(total.stored),
            missed: thousands(total.unmatched),
            one: total.stored == 1,
            unmatched: total.unmatched,
            wrong: total.wrong,
            unread: thousands(total.wrong),
            format,
            mend: Mend::new(&imported),
            errors: imported.errors,
            missing: imported.unmatched,
        }
    }
}

impl Mend {
    /// `None` if all was stored.
    fn new(imported: &Imported) -> Option<Self> {
        if imported.not_stored.is_empty() {
            return None;
        }
        let (name, kind) = match imported.format() {
            LibraryFormat::ShelfwiseJsonl => ("to-mend.jsonl", "application/jsonl"),
            LibraryFormat::Goodreads
            | LibraryFormat::Storygraph
            | LibraryFormat::ShelfwiseCsv
            | LibraryFormat::Unspecified => ("to-mend.csv", "text/csv"),
        };
        let mut address = format!("data:{kind};charset=utf-8,");
        for &byte in &imported.not_stored {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b',' | b'-' | b'_' => {
                    address.push(byte.into())
                }
                byte => write!(address, "%{byte:02X}").expect("text takes all"),
            }
        }
        let total = imported.total.unwrap_or_default();
        let more = total.unmatched + total.wrong - imported.not_stored_rows;
        Some(Self { name, address, more: (more > 0).then(|| thousands(more)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_stored_is_a_file() {
        let mut imported =
            Imported { not_stored: "title\n\"a, b\",é\n".into(), not_stored_rows: 1, ..Default::default() };
        let mend = Mend::new(&imported).unwrap();
        assert_eq!(
            (mend.name, mend.address.as_str()),
            ("to-mend.csv", "data:text/csv;charset=utf-8,title%0A%22a,%20b%22,%C3%A9%0A")
        );
        imported.set_format(LibraryFormat::ShelfwiseJsonl);
        assert_eq!(Mend::new(&imported).unwrap().name, "to-mend.jsonl");
        imported.not_stored.clear();
        assert!(Mend::new(&imported).is_none());
    }
}
