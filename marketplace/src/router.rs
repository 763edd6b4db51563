use std::sync::Arc;

use axum::{Router, routing::get};

use crate::{
    pages::{book, categories, category, cover, home, robots, search},
    shop::Shop,
    statics,
};

/// Every address of the shop. What is not here is a 404; another method than GET or HEAD a 405.
pub(crate) fn routes(shop: Arc<Shop>) -> Router {
    Router::new()
        .route("/", get(home::page))
        .route("/categories", get(categories::page))
        .route("/categories/{slug}", get(category::page))
        .route("/books/{id}", get(book::page))
        .route("/search", get(search::page))
        .route("/covers/{file}", get(cover::file))
        .route("/robots.txt", get(robots::text))
        .route("/favicon.ico", get(statics::favicon_ico))
        .route("/favicon.svg", get(statics::favicon_svg))
        .route("/static/{file}", get(statics::file))
        .with_state(shop)
}
