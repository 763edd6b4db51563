use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use service::trace::TraceContext;

use super::{
    error::Problem,
    listing::{self, Link, Listing, PAGE, Pager},
    page as render,
};
use crate::{
    cards::Card,
    catalogue::Category,
    layout::{Layout, thousands},
    shop::Shop,
};

#[derive(Template)]
#[template(path = "category.html")]
struct Page<'a> {
    layout: Layout,
    category: &'a Category,
    cards: Vec<Card<'a>>,
    total: String,
    one: bool,
    range: Option<(usize, usize)>,
    cut_off: bool,
    pager: Option<Pager>,
    others: Vec<&'a Category>,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    page: Option<String>,
}

/// `GET /categories/{slug}?page=`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    Path(slug): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let Some(number) = listing::number(asked.page.as_deref()) else {
        return Problem::NotFound.into_response();
    };
    let shown = shop.shelves.first().await;
    let Some(category) = shown.catalogue.categories.iter().find(|category| category.slug == slug) else {
        // A category that is not known because nothing is known may exist.
        return if shown.known() { Problem::NotFound } else { Problem::Unavailable }.into_response();
    };
    let ask = |size, token: String| {
        let (client, trace) = (&shop.client, &trace);
        async move {
            let answer = client.books(trace, Some(category.number), size, &token).await?;
            Ok((answer.books, answer.next_page_token, answer.total_size))
        }
    };
    let listing = match Listing::fetch(number, ask).await {
        Ok(listing) => listing,
        Err(error) => return Problem::from(error).into_response(),
    };

    let address = |page: usize| match page {
        1 => format!("/categories/{slug}"),
        page => format!("/categories/{slug}?page={page}"),
    };
    let pager = Pager::new(&listing, address);
    let title = match number {
        1 => format!("{} books – Shelfwise", category.name),
        page => format!("{} books, page {page} – Shelfwise", category.name),
    };
    let first = (number - 1) * PAGE + 1;
    let layout = shop.layout(title, address(number));
    render(&Page {
        layout: layout.describe(format!("{} books, by title.", category.name)),
        category,
        cards: listing.books.iter().map(|book| Card::of_book(book, &shown.catalogue)).collect(),
        total: thousands(listing.total),
        one: listing.total == 1,
        range: pager.as_ref().map(|_| (first, first + listing.books.len() - 1)),
        cut_off: listing.cut_off(),
        pager,
        others: shown.catalogue.stocked().filter(|other| other.number != category.number).collect(),
    })
}
