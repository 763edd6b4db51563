//! A reader's books as a file, in the form that imports take.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{
    future::join_all,
    stream::{self, Stream},
};
use protobufs::{
    catalogue::Book,
    readers::{Entry, ListHistoryResponse},
};
use service::trace::TraceContext;

use super::error::Problem;
use crate::{client::CallError, reader::Opinion, shop::Shop};

/// What the first line says. The title and the authors are for people.
const HEAD: &str = "book,stars,shelf,dismissed,owned,interacted,changed_at,title,authors\r\n";
/// Titles that are asked for at a time.
const TOGETHER: usize = 64;

/// `GET /my-books/export.csv`
pub(crate) async fn file(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    request: HeaderMap,
) -> Response {
    let Some(reader) = shop.cookies.reader(&request) else { return Problem::NotFound.into_response() };
    // What fails at once still can be said; later, the file breaks off, and the browser says that it did.
    let first = match shop.client.history(&trace, reader.id, "").await {
        Ok(first) => first,
        Err(error) => return Problem::from(error).into_response(),
    };
    let lines = lines(shop, trace, reader.id, first);
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"my-books.csv\"")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    (head, Body::from_stream(lines)).into_response()
}

/// What is left to be written.
enum Left {
    Answer(ListHistoryResponse),
    Token(String),
    Nothing,
}

fn lines(
    shop: Arc<Shop>,
    trace: TraceContext,
    reader: i32,
    first: ListHistoryResponse,
) -> impl Stream<Item = Result<String, CallError>> {
    let start = (Left::Answer(first), HEAD.to_owned());
    stream::try_unfold(start, move |(left, mut text)| {
        let (shop, trace) = (Arc::clone(&shop), trace.clone());
        async move {
            let answer = match left {
                Left::Answer(answer) => answer,
                Left::Token(token) => shop.client.history(&trace, reader, &token).await?,
                Left::Nothing => return Ok(None),
            };
            for entries in answer.entries.chunks(TOGETHER) {
                let books =
                    join_all(entries.iter().map(|entry| shop.client.book(&trace, entry.book_id))).await;
                for (entry, book) in entries.iter().zip(books) {
                    let book = match book {
                        Ok(book) => Some(book),
                        // It has left the catalogue.
                        Err(CallError::NotFound) => None,
                        Err(error) => return Err(error),
                    };
                    line(&mut text, entry, book.as_ref());
                }
            }
            let token = answer.next_page_token;
            let left = if token.is_empty() { Left::Nothing } else { Left::Token(token) };
            Ok(Some((text, (left, String::new()))))
        }
    })
}

fn line(text: &mut String, entry: &Entry, book: Option<&Book>) {
    let opinion = Opinion::from(entry);
    let stars = if opinion.halves > 0 { format!("{}", opinion.stars()) } else { String::new() };
    let shelf = ["", "want_to_read", "reading", "read", "did_not_finish"][usize::from(opinion.shelf.min(4))];
    let changed = entry.changed_at.map(|at| date(at.seconds)).unwrap_or_default();
    let title = book.map(|book| book.title.as_str()).unwrap_or_default();
    let authors = book.map(|book| book.authors.join("; ")).unwrap_or_default();
    let fields = [
        entry.book_id.to_string(),
        stars,
        shelf.to_owned(),
        entry.dismissed.to_string(),
        entry.owned.to_string(),
        entry.interacted.to_string(),
        changed,
        field(title),
        field(&authors),
    ];
    text.push_str(&fields.join(","));
    text.push_str("\r\n");
}

/// Quoted where it must be. A spreadsheet would take what begins like a formula for one.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r', '\'']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// RFC 3339, in UTC.
fn date(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Howard Hinnant's civil_from_days: years begin in March, eras have 400 of them.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, more) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + more;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(date(951_868_799), "2000-02-29T23:59:59Z");
        assert_eq!(date(1_795_258_861), "2026-11-21T11:01:01Z");
    }

    #[test]
    fn fields_are_quoted_and_no_formulas() {
        assert_eq!(field("Dune"), "Dune");
        assert_eq!(field("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(field("=1+1"), "\"'=1+1\"");
        assert_eq!(field("1984"), "1984");
    }
}
