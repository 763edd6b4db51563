use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse as _, Response},
};
use service::{stable::fnv1a, trace::TraceContext};

use super::{NO_CACHE, book::number, error::Problem};
use crate::{
    cards::slug,
    covers::{self, Form},
    shop::Shop,
    statics::{A_DAY, cached, etag},
};

/// `GET /covers/{id}.svg`
pub(crate) async fn file(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    Path(file): Path<String>,
    request: HeaderMap,
) -> Response {
    let Some(id) = file.strip_suffix(".svg").and_then(number) else {
        return Problem::NotFound.into_response();
    };
    let (book, shown) = tokio::join!(shop.client.book(&trace, id), shop.shelves.first());
    let book = match book {
        Ok(book) => book,
        Err(error) => return Problem::from(error).into_response(),
    };
    let category = slug(&book.categories, &shown.catalogue);
    // A cover whose category is not known yet must not stay.
    let settled = category.is_some() || book.categories.is_empty();
    let cache = if settled { A_DAY } else { NO_CACHE.1 };
    let svg = covers::draw(&book.title, &book.authors, &category.unwrap_or_default(), Form::File);
    cached(&request, etag(fnv1a(svg.bytes())), cache, HeaderValue::from_static("image/svg+xml"), svg)
}
