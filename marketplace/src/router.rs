use std::sync::Arc;

use axum::{
    Router,
    extract::OriginalUri,
    response::Redirect,
    routing::{get, post},
};

use crate::{
    pages::{
        book, categories, category, cover, erase, export, for_you, home, import, my_books, operators,
        opinion, robots, search, studio, welcome,
    },
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
        .route("/books/{id}/opinion", post(opinion::say))
        .route("/search", get(search::page))
        .route("/for-you", get(for_you::page))
        .route("/welcome", get(welcome::page))
        .route("/my-books", get(my_books::page))
        .route("/my-books/import", get(import::page).post(import::upload))
        .route("/my-books/import/{name}", get(import::progress))
        .route("/my-books/export.csv", get(export::file))
        .route("/my-books/erase", get(erase::ask).post(erase::erase))
        .route("/my-books/erased", get(erase::erased))
        .route(studio::PATH, get(studio::page).post(studio::work))
        .route("/studio/{name}", get(studio::result))
        .route("/studio/{name}/before", get(studio::before))
        .route("/studio/{name}/after", get(studio::after))
        .merge(operators::routes())
        .route("/categories/", get(without_slash))
        .route("/categories/{slug}/", get(without_slash))
        .route("/books/{id}/", get(without_slash))
        .route("/search/", get(without_slash))
        .route("/studio/", get(without_slash))
        .route("/operators/", get(without_slash))
        .route("/covers/{file}", get(cover::file))
        .route("/robots.txt", get(robots::text))
        .route("/favicon.ico", get(statics::favicon_ico))
        .route("/favicon.svg", get(statics::favicon_svg))
        .route("/static/{file}", get(statics::file))
        .with_state(shop)
}

/// Every page has one address, and it does not end with a slash: 308. The routes above begin with a name, so
/// that what is left of the path cannot be read as another host.
async fn without_slash(OriginalUri(address): OriginalUri) -> Redirect {
    let path = address.path().trim_end_matches('/');
    match address.query() {
        Some(query) => Redirect::permanent(&format!("{path}?{query}")),
        None => Redirect::permanent(path),
    }
}
