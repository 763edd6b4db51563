use std::sync::{Arc, LazyLock};

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use service::trace::TraceContext;

use super::html_response;
use crate::{
    client::CallError,
    fragment::{Assembly, Fragment, takes_gzip},
    shelves::front::{Halves, MYSTERY},
    shop::Shop,
};

/// Books in the first list.
const FIRST: i32 = 3;

/// `GET /`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    request: HeaderMap,
) -> Response {
    let asked = shop.client.recommend_to_anybody(&trace, MYSTERY, FIRST);
    let (answer, shown) = tokio::join!(asked, shop.shelves.first());
    let Halves { before, after } = &shown.home;
    let gzip = takes_gzip(&request);
    let mut page = Assembly::new(gzip, before.html().len() + after.html().len() + 12 * 1024);
    page.push(before);
    match answer {
        Ok(books) if books.is_empty() => page.push(&EMPTY),
        Ok(books) => {
            page.push(&LIST);
            for book in books.iter() {
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
