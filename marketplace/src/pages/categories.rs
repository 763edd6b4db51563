use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};

use super::{error::Problem, page as render};
use crate::{catalogue::Category, layout::Layout, shop::Shop};

#[derive(Template)]
#[template(path = "categories.html")]
struct Categories<'a> {
    layout: Layout,
    categories: Vec<&'a Category>,
}

/// `GET /categories`
pub(crate) async fn page(State(shop): State<Arc<Shop>>) -> Response {
    let shown = shop.shelves.first().await;
    if !shown.known() {
        return Problem::Unavailable.into_response();
    }
    let layout = shop.layout("All categories – Shelfwise", "/categories");
    let layout = layout.describe("All the shelves of the shop, with the number of books on each.");
    render(&Categories { layout, categories: shown.catalogue.stocked().collect() })
}
