//! One page, one file: its template, its handler, what it asks for.

pub(crate) mod listing;
pub(crate) mod home;
pub(crate) mod categories;
pub(crate) mod category;
pub(crate) mod book;
pub(crate) mod search;
pub(crate) mod opinion;
pub(crate) mod for_you;
pub(crate) mod welcome;
pub(crate) mod my_books;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod erase;
pub(crate) mod cover;
pub(crate) mod studio;
pub(crate) mod robots;
pub(crate) mod operators;
pub(crate) mod error;

use askama::Template;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};

/// Pages change with the catalogue: a browser asks again before it shows a kept one.
pub(crate) const NO_CACHE: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));

/// A rendered template as an answer.
pub(crate) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => html_response(html),
        Err(error) => {
            tracing::error!(%error, "cannot render a page");
            error::Problem::Internal.into_response()
        }
    }
}

/// As [`page`], for one reader's eyes.
pub(crate) fn personal(template: &impl Template) -> Response {
    let mut answer = page(template);
    keep_private(&mut answer);
    answer
}

/// What depends on the cookie is no other reader's.
pub(crate) fn keep_private(answer: &mut Response) {
    const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");
    answer.headers_mut().insert(header::CACHE_CONTROL, PRIVATE);
    answer.headers_mut().append(header::VARY, HeaderValue::from_static("cookie"));
}

/// An answer whose bytes are a reader's or a guest's: no page of ours, whatever a browser takes it for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotOurs;

/// Room for all headers that a page gets on its way out, so that the map need not grow for them.
const HEADERS: usize = 24;

/// HTML as an answer.
pub(crate) fn html_response(html: impl Into<Body>) -> Response {
    const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.extend([(header::CONTENT_TYPE, HTML), NO_CACHE]);
    let mut answer = Response::new(html.into());
    *answer.headers_mut() = headers;
    answer
}
