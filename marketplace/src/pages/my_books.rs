use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use futures_util::future::join_all;
use protobufs::catalogue::Book;
use serde::Deserialize;
use service::trace::TraceContext;

use super::{
    error::Problem,
    listing::{self, LAST_PAGE, Link, Listing, PAGE, Pager},
    personal,
};
use crate::{
    cards::{foreign, names, slug},
    catalogue::Catalogue,
    client::CallError,
    controls::Mine,
    covers::{self, Form},
    history::{History, Part},
    layout::Layout,
    reader::Opinion,
    shop::Shop,
};

#[derive(Template)]
#[template(path = "my_books.html")]
struct Page<'a> {
    layout: Layout,
    /// Whether there is a cookie.
    known: bool,
    /// None where there is no book at all.
    tabs: Vec<Tab>,
    part: &'static str,
    total: usize,
    shown: usize,
    by_stars: bool,
    by_date: String,
    by_rating: String,
    rows: Vec<Row<'a>>,
    pager: Option<Pager>,
}

struct Tab {
    address: String,
    name: &'static str,
    count: usize,
    here: bool,
}

struct Row<'a> {
    id: i32,
    /// `None`: it has left the catalogue.
    book: Option<Known<'a>>,
}

struct Known<'a> {
    title: &'a str,
    lang: Option<&'a str>,
    by: String,
    cover: String,
    control: Mine<'a>,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    part: Option<String>,
    order: Option<String>,
    page: Option<String>,
}

/// `GET /my-books?part=&order=&page=`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    Query(asked): Query<Asked>,
    request: HeaderMap,
) -> Response {
    let part = asked.part.as_deref().map_or(Some(Part::All), Part::from_slug);
    let number = listing::number(asked.page.as_deref()).filter(|page| *page <= LAST_PAGE);
    let Some((part, number)) = part.zip(number) else { return Problem::NotFound.into_response() };
    let by_stars = asked.order.as_deref() == Some("stars");

    let reader = shop.cookies.reader(&request);
    let history = match &reader {
        Some(reader) => History::of(&shop.client, &trace, reader).await,
        None => Ok(History::default()),
    };
    let history = match history {
        Ok(history) => history,
        Err(error) => return Problem::from(error).into_response(),
    };
    let books = history.part(part, by_stars);
    let shown = books.len();
    // The last book of a page may have been taken off it.
    let listing = |page| Listing { books: Vec::new(), total: i32::try_from(shown).unwrap_or(i32::MAX), page };
    let number = number.min(listing(1).pages());
    let opinions: Vec<_> = books.into_iter().skip((number - 1) * PAGE).take(PAGE).collect();
    let (found, catalogue) = tokio::join!(
        join_all(opinions.iter().map(|(book, _)| shop.client.book(&trace, *book))),
        shop.shelves.first()
    );
    if found.iter().any(|book| book.as_ref().is_err_and(|error| *error != CallError::NotFound)) {
        return Problem::Unavailable.into_response();
    }

    let back = address(part, by_stars, number);
    let rows = opinions.iter().zip(&found).map(|((id, opinion), book)| {
        let book = book.as_ref().ok();
        Row { id: *id, book: book.map(|book| known(book, *opinion, &back, &catalogue.catalogue)) }
    });
    let tab = |tab: Part| Tab {
        address: address(tab, by_stars, 1),
        name: tab.name(),
        count: history.count(tab),
        here: tab == part,
    };
    let tabs = if history.is_empty() { Vec::new() } else { Part::EVERY.map(tab).into() };
    personal(&Page {
        layout: shop.layout("My books – Shelfwise", "/my-books").unlisted(),
        known: reader.is_some(),
        tabs,
        part: part.name(),
        total: history.count(Part::All),
        shown,
        by_stars,
        by_date: address(part, false, 1),
        by_rating: address(part, true, 1),
        rows: rows.collect(),
        pager: Pager::new(&listing(number), |page| address(part, by_stars, page)),
    })
}

fn known<'a>(book: &'a Book, opinion: Opinion, back: &'a str, catalogue: &Catalogue) -> Known<'a> {
    let slug = slug(&book.categories, catalogue).unwrap_or_default();
    Known {
        title: &book.title,
        lang: foreign(&book.title_language),
        by: names(&book.authors),
        cover: covers::draw(&book.title, &book.authors, &slug, Form::Inline),
        control: Mine::new(book, opinion, back).removable(),
    }
}

fn address(part: Part, by_stars: bool, page: usize) -> String {
    let part = (part != Part::All).then(|| format!("part={}", part.slug()));
    let order = by_stars.then(|| "order=stars".to_owned());
    let page = (page > 1).then(|| format!("page={page}"));
    let query = [part, order, page].into_iter().flatten().collect::<Vec<_>>().join("&");
    if query.is_empty() { "/my-books".to_owned() } else { format!("/my-books?{query}") }
}
