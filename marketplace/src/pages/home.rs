use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::State, response::Response};
use protobufs::recommendations::BookCategory;
use service::trace::TraceContext;

use super::{html_response, layout::Layout};
use crate::{
    client::CallError,
    shelves::Shelf,
    shop::{Catalogue, Shop},
};

/// The tutorial's title, which its integration test looks for.
pub(crate) const TITLE: &str = "Online Books For You";
pub(crate) const MYSTERY: i32 = BookCategory::Mystery as i32;
/// Books in the first list.
const FIRST: i32 = 3;
/// A visitor of whom nothing is known.
const NOBODY: i32 = 0;

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    layout: Layout,
    catalogue: &'a Catalogue,
    shelves: &'a [Shelf],
    list: &'static str,
}

/// The first list of every page load is fresh, and nothing else is: what stands around it is rendered beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Halves {
    before: String,
    after: String,
}

/// Where the halves meet; nothing that a catalogue holds can read like this once it is escaped.
const SEAM: &str = "<!-- the list -->";

impl Halves {
    pub(crate) fn render(layout: Layout, catalogue: &Catalogue, shelves: &[Shelf]) -> Self {
        let page = Home { layout, catalogue, shelves, list: SEAM }.to_string();
        let (before, after) = page.split_once(SEAM).expect("the template writes the seam");
        Self { before: before.to_owned(), after: after.to_owned() }
    }
}

/// `GET /`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
) -> Response {
    let asked = shop.client.recommend(&trace, NOBODY, MYSTERY, FIRST);
    let (answer, shown) = tokio::join!(asked, shop.shelves.first());
    let Halves { before, after } = &shown.home;
    let mut html = String::with_capacity(before.len() + after.len() + 12 * 1024);
    html.push_str(before);
    match answer {
        Ok(books) if books.is_empty() => html.push_str(EMPTY),
        Ok(books) => {
            html.push_str("<ul class=\"shelf three\" role=\"list\">");
            for book in &books {
                html.push_str("<li>");
                shop.cards.write(&mut html, book, &shown.catalogue);
                html.push_str("</li>");
            }
            html.push_str("</ul>");
        }
        // A shop without mystery books.
        Err(CallError::NotFound) => html.push_str(EMPTY),
        Err(CallError::Invalid | CallError::Unavailable) => html.push_str(LATE),
    }
    html.push_str(after);
    html_response(html)
}

const EMPTY: &str = "<p class=\"notice\">There are no mystery books on our shelves yet. \
    <a href=\"/categories\">See what else we have</a></p>";
const LATE: &str = "<p class=\"notice\" role=\"status\">We cannot suggest books at the moment. This is our fault, and it \
    should be over soon. <a href=\"/\">Try again</a></p>";
