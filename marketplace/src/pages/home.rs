use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use protobufs::recommendations::BookCategory;
use service::trace::TraceContext;

use super::{html_response, layout::Layout};
use crate::{
    client::CallError,
    fragment::{Assembly, Fragment, takes_gzip},
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

/// The first list of every page load is fresh, and nothing else is: what stands around it is rendered
/// beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Halves {
    before: Arc<Fragment>,
    after: Arc<Fragment>,
}

/// Where the halves meet; nothing that a catalogue holds can read like this once it is escaped.
const SEAM: &str = "<!-- the list -->";

impl Halves {
    pub(crate) fn render(layout: Layout, catalogue: &Catalogue, shelves: &[Shelf]) -> Self {
        let page = Home { layout, catalogue, shelves, list: SEAM }.to_string();
        let (before, after) = page.split_once(SEAM).expect("the template writes the seam");
        let half = |html: &str| Arc::new(Fragment::new(html.to_owned()));
        Self { before: half(before), after: half(after) }
    }
}

/// `GET /`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    request: HeaderMap,
) -> Response {
    let asked = shop.client.recommend(&trace, NOBODY, MYSTERY, FIRST);
    let (answer, shown) = tokio::join!(asked, shop.shelves.first());
    let Halves { before, after } = &shown.home;
    let gzip = takes_gzip(&request);
    let mut page = Assembly::new(gzip, before.html().len() + after.html().len() + 12 * 1024);
    page.push(before);
    match answer {
        Ok(books) if books.is_empty() => page.push(&EMPTY),
        Ok(books) => {
            page.push(&LIST);
            for book in &books {
                page.push(&ITEM);
                page.push(&shop.cards.card(book, &shown.catalogue));
                page.push(&ITEM_END);
            }
            page.push(&LIST_END);
        }
        // A shop without mystery books.
        Err(CallError::NotFound) => page.push(&EMPTY),
        Err(CallError::Invalid | CallError::Unavailable) => page.push(&LATE),
    }
    page.push(after);
    let mut answer = html_response(page.finish());
    if gzip {
        const GZIP: HeaderValue = HeaderValue::from_static("gzip");
        const BY_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");
        answer.headers_mut().insert(header::CONTENT_ENCODING, GZIP);
        answer.headers_mut().insert(header::VARY, BY_ENCODING);
    }
    answer
}

type Constant = LazyLock<Fragment>;
static LIST: Constant = LazyLock::new(|| constant("<ul class=\"shelf three\" role=\"list\">"));
static ITEM: Constant = LazyLock::new(|| constant("<li>"));
static ITEM_END: Constant = LazyLock::new(|| constant("</li>"));
static LIST_END: Constant = LazyLock::new(|| constant("</ul>"));
static EMPTY: Constant = LazyLock::new(|| {
    constant(
        "<p class=\"notice\">There are no mystery books on our shelves yet. \
         <a href=\"/categories\">See what else we have</a></p>",
    )
});
static LATE: Constant = LazyLock::new(|| {
    constant(
        "<p class=\"notice\" role=\"status\">We cannot suggest books at the moment. This is our fault, and it \
         should be over soon. <a href=\"/\">Try again</a></p>",
    )
});

fn constant(html: &str) -> Fragment {
    Fragment::new(html.to_owned())
}
