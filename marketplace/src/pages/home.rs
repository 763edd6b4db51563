use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use protobufs::recommendations::RecommendationRequest;
use service::trace::TraceContext;

use super::{html_response, keep_private};
use crate::{
    client::CallError,
    controls::Pick,
    fragment::{Assembly, Fragment, takes_gzip},
    reader::Reader,
    shelves::{
        Shown,
        front::{Halves, MYSTERY},
    },
    shop::Shop,
    suggestions::{Lately, Suggestions},
};

/// Books in the first list.
const FIRST: i32 = 3;

/// Books on a reader's own shelf.
const OWN: i32 = 6;

/// A reader's own shelf.
#[derive(Template)]
#[template(path = "own_shelf.html")]
struct Own<'a> {
    lately: Lately<'a>,
    picks: Vec<Pick<'a>>,
    simulated: bool,
}

/// Which lists have learned from simulated readers.
#[derive(Template)]
#[template(path = "simulated.html")]
struct Simulated {
    lists: &'static str,
}

/// `GET /`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    request: HeaderMap,
) -> Response {
    if let Some(reader) = shop.cookies.reader(&request) {
        return known(&shop, &trace, &reader, &request).await;
    }
    let asked = shop.client.recommend_to_anybody(&trace, MYSTERY, FIRST);
    let (answer, shown) = tokio::join!(asked, shop.shelves.first());
    let Halves { before, after, .. } = &shown.home;
    let gzip = takes_gzip(&request);
    let mut page = Assembly::new(gzip);
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
    if shop.client.has_simulated() {
        page.push(&SIMULATED);
    }
    page.push(after);
    send(page, gzip)
}

/// At once, so that nothing moves because a part comes later.
fn send(page: Assembly, gzip: bool) -> Response {
    let mut answer = html_response(page.finish());
    if gzip {
        const GZIP: HeaderValue = HeaderValue::from_static("gzip");
        const BY_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");
        answer.headers_mut().insert(header::CONTENT_ENCODING, GZIP);
        answer.headers_mut().insert(header::VARY, BY_ENCODING);
    }
    answer
}

/// The page of somebody who has a cookie: the same, with lists of their own.
async fn known(shop: &Shop, trace: &TraceContext, reader: &Reader, request: &HeaderMap) -> Response {
    let mystery = RecommendationRequest {
        user_id: reader.id,
        category: MYSTERY,
        max_results: FIRST,
        session_ratings: reader.session.ratings(),
        ..Default::default()
    };
    let (first, own, shown) = tokio::join!(
        shop.client.ask(trace, &mystery),
        Suggestions::of(shop, trace, reader, OWN),
        shop.shelves.first()
    );
    let Halves { before, after, own: place } = &shown.home;
    let (hero, rest) = after.html().split_at(*place);
    let mut page = String::with_capacity(before.html().len() + after.html().len() + 48 * 1024);
    page.push_str(before.html());
    let said = first.as_ref().map_or(shop.client.has_simulated(), |answer| answer.simulated);
    match first {
        Ok(answer) if !answer.recommendations.is_empty() => {
            page.push_str(LIST.html());
            for book in &answer.recommendations {
                page.push_str(ITEM.html());
                page.push_str(shop.cards.card(book, &shown.catalogue).html());
                page.push_str(ITEM_END.html());
            }
            page.push_str(LIST_END.html());
        }
        Ok(_) | Err(CallError::NotFound) => page.push_str(EMPTY.html()),
        Err(CallError::Invalid | CallError::Unavailable) => page.push_str(LATE.html()),
    }
    if said {
        page.push_str(SIMULATED.html());
    }
    page.push_str(hero);
    // What the first list says of the trouble is enough.
    if let Ok(own) = own {
        page.push_str(&own_shelf(&own, &shown, said));
    }
    page.push_str(rest);
    let gzip = takes_gzip(request);
    let mut whole = Assembly::new(gzip);
    whole.push(&Fragment::once(page));
    let mut answer = send(whole, gzip);
    keep_private(&mut answer);
    answer
}

/// `said`: whether the page says already that simulated readers have a part in it.
fn own_shelf(own: &Suggestions, shown: &Shown, said: bool) -> String {
    const FRONT: &str = "/";
    if own.is_empty() {
        return String::new();
    }
    let shelf = Own {
        lately: own.lately(FRONT),
        picks: own.picks(&shown.catalogue, FRONT),
        simulated: own.simulated() && !said,
    };
    shelf.render().unwrap_or_else(|error| {
        tracing::error!(%error, "cannot render a reader's own shelf");
        String::new()
    })
}

type Constant = LazyLock<Fragment>;
static LIST: Constant = LazyLock::new(|| constant("<ul class=\"shelf three\" role=\"list\">"));
static ITEM: Constant = LazyLock::new(|| constant("<li>"));
static ITEM_END: Constant = LazyLock::new(|| constant("</li>"));
static LIST_END: Constant = LazyLock::new(|| constant("</ul>"));
static SIMULATED: Constant = LazyLock::new(|| {
    let note = Simulated { lists: "The lists on this page have" };
    Fragment::new(note.render().expect("a constant"))
});
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
