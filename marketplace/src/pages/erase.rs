//! Forgetting a reader: asked once more, then done.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use service::trace::TraceContext;

use super::{
    error::{Problem, Unsaved},
    personal,
};
use crate::{client::CallError, layout::Layout, origin::OurPage, shop::Shop};

#[derive(Template)]
#[template(path = "erase.html")]
struct Page {
    layout: Layout,
    known: bool,
    erased: bool,
}

const PATH: &str = "/my-books/erase";

/// `GET /my-books/erase`
pub(crate) async fn ask(State(shop): State<Arc<Shop>>, request: HeaderMap) -> Response {
    let known = shop.cookies.reader(&request).is_some();
    let layout = shop.layout("Erase everything – Shelfwise", PATH).unlisted();
    personal(&Page { layout, known, erased: false })
}

/// `POST /my-books/erase`
pub(crate) async fn erase(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    request: HeaderMap,
    _: OurPage,
) -> Response {
    if let Some(reader) = shop.cookies.reader(&request) {
        match shop.client.erase_reader(&trace, reader.id).await {
            // Somebody who is not known is forgotten already.
            Ok(_) | Err(CallError::NotFound) => {}
            Err(error) => {
                let mut answer = Problem::from(error).into_response();
                let back = "/my-books".to_owned();
                answer.extensions_mut().insert(Unsaved { action: PATH.to_owned(), fields: Vec::new(), back });
                return answer;
            }
        }
    }
    let place = HeaderValue::from_static("/my-books/erased");
    let mut answer = (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response();
    for cookie in shop.cookies.forget() {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}

/// `GET /my-books/erased`
pub(crate) async fn erased(State(shop): State<Arc<Shop>>, request: HeaderMap) -> Response {
    // Whoever comes here unasked is not told what has not happened.
    let known = shop.cookies.reader(&request).is_some();
    let layout = shop.layout("Erased – Shelfwise", "/my-books/erased").unlisted();
    personal(&Page { layout, known, erased: !known })
}
