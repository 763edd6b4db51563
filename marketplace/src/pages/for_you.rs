use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use service::trace::TraceContext;

use super::{error::Problem, personal};
use crate::{
    controls::Pick,
    layout::Layout,
    reader::Reader,
    shop::Shop,
    suggestions::{Lately, Suggestions},
};

#[derive(Template)]
#[template(path = "for_you.html")]
struct Page<'a> {
    layout: Layout,
    /// Whether there is a reader, or just somebody.
    known: bool,
    lately: Lately<'a>,
    picks: Vec<Pick<'a>>,
    simulated: bool,
}

const PATH: &str = "/for-you";
/// Four rows of six.
const BOOKS: i32 = 24;

/// `GET /for-you`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    request: HeaderMap,
) -> Response {
    let reader = shop.cookies.reader(&request);
    let known = reader.is_some();
    let reader = reader.unwrap_or_else(Reader::nobody);
    let (answer, shown) = tokio::join!(Suggestions::of(&shop, &trace, &reader, BOOKS), shop.shelves.first());
    let suggestions = match answer {
        Ok(suggestions) => suggestions,
        Err(error) => return Problem::from(error).into_response(),
    };
    let layout = shop.layout("For you – Shelfwise", PATH).unlisted();
    personal(&Page {
        layout,
        known,
        lately: suggestions.lately(PATH),
        picks: suggestions.picks(&shown.catalogue, PATH),
        simulated: suggestions.simulated(),
    })
}
