use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::{IntoResponse as _, Response},
};
use protobufs::MAX_QUERY_CHARACTERS;
use serde::Deserialize;
use service::trace::TraceContext;

use super::{
    error::Problem,
    listing::{self, Link, Listing, Pager},
    page as render,
};
use crate::{
    cards::Card,
    catalogue::Category,
    layout::{Layout, thousands},
    shop::Shop,
};

#[derive(Template)]
#[template(path = "search.html")]
struct Page<'a> {
    layout: Layout,
    query: &'a str,
    /// What was found, in one sentence.
    found: String,
    cards: Vec<Card<'a>>,
    cut_off: bool,
    pager: Option<Pager>,
    categories: Vec<&'a Category>,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    q: Option<String>,
    page: Option<String>,
}

/// `GET /search?q=&page=`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    Query(asked): Query<Asked>,
) -> Response {
    let query = asked.q.as_deref().unwrap_or_default().trim();
    if query.chars().count() > MAX_QUERY_CHARACTERS {
        const { assert!(MAX_QUERY_CHARACTERS == 200, "the sentence says 200") };
        return Problem::Invalid("What you look for may have at most 200 characters.").into_response();
    }
    let Some(number) = listing::number(asked.page.as_deref()) else {
        return Problem::NotFound.into_response();
    };
    let shown = shop.shelves.first().await;
    let categories = shown.catalogue.stocked().collect();
    if query.is_empty() {
        let layout = shop.layout("Search – Shelfwise", "/search").unlisted();
        let found = String::new();
        return render(&Page {
            layout,
            query,
            found,
            cards: Vec::new(),
            cut_off: false,
            pager: None,
            categories,
        });
    }

    let ask = |size, token: String| {
        let (client, trace) = (&shop.client, &trace);
        async move {
            let answer = client.search(trace, query, size, &token).await?;
            Ok((answer.books, answer.next_page_token, answer.total_size))
        }
    };
    let listing = match Listing::fetch(number, ask).await {
        Ok(listing) => listing,
        Err(error) => return Problem::from(error).into_response(),
    };
    let address = |page: usize| {
        const PATH: &str = "/search?";
        let mut text = form_urlencoded::Serializer::for_suffix(PATH.to_owned(), PATH.len());
        text.append_pair("q", query);
        if page > 1 {
            text.append_pair("page", &page.to_string());
        }
        text.finish()
    };
    let found = match listing.total {
        0 => format!("Nothing found for “{query}”"),
        1 => format!("1 book found for “{query}”"),
        total => format!("{} books found for “{query}”", thousands(total)),
    };
    let layout =
        shop.layout(format!("{query} – Search – Shelfwise"), address(number)).unlisted().query(query);
    render(&Page {
        layout,
        query,
        found,
        cards: listing.books.iter().map(|book| Card::of_book(book, &shown.catalogue)).collect(),
        cut_off: listing.cut_off(),
        pager: Pager::new(&listing, address),
        categories,
    })
}
