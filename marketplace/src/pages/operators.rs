//! The operators' pages: models, jobs, what readers say, and variants. They are no readers' pages: plainer, denser, in a
//! layout of their own, and nothing leads to them.

mod acts;
mod jobs;
mod models;
mod ratings;
mod sign_in;
mod variants;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};

use super::{
    error::{Problem, Whole},
    page,
};
use crate::{
    client::OperatorError,
    operators::{Operator, Told},
    plots::Plot,
    shop::Shop,
    statics::{OPERATORS_SCRIPT, OPERATORS_STYLE, STYLE},
};

/// Where they begin.
pub(crate) const PATH: &str = "/operators";
const SIGN_IN: &str = "/operators/sign-in";

/// Every address of theirs.
pub(crate) fn routes() -> Router<Arc<Shop>> {
    Router::new()
        .route(PATH, get(models::page))
        .route("/operators/jobs", get(jobs::page))
        .route("/operators/ratings", get(ratings::page))
        .route("/operators/variants", get(variants::page))
        .route("/operators/train", post(acts::train))
        .route("/operators/jobs/{id}/cancel", post(acts::cancel))
        .route("/operators/activate", post(acts::activate))
        .route("/operators/roll-back", post(acts::roll_back))
        .route(SIGN_IN, get(sign_in::page).post(sign_in::sign_in))
        .route("/operators/sign-out", post(sign_in::sign_out))
}

/// Whether an address is one of theirs.
pub(crate) fn is_theirs(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Which page it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Models,
    Jobs,
    Ratings,
    Variants,
}

/// One entry of the navigation.
struct Way {
    name: &'static str,
    address: &'static str,
    here: bool,
}

/// What surrounds an operators' page.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    title: String,
    /// `None` where nobody is known to be an operator: then there is no navigation.
    place: Option<Place>,
    /// Whether there is a session that can be ended.
    session: bool,
    /// What came of the form that led here.
    told: Option<Told>,
    /// What makes the browser forget that.
    forget: Option<HeaderValue>,
    style: &'static str,
    own_style: &'static str,
    script: &'static str,
}

impl Desk {
    /// For somebody who is not known to be an operator.
    fn bare(title: &str) -> Self {
        Self {
            title: format!("{title} – Shelfwise operators"),
            place: None,
            session: false,
            told: None,
            forget: None,
            style: &STYLE.address,
            own_style: &OPERATORS_STYLE.address,
            script: &OPERATORS_SCRIPT.address,
        }
    }

    fn new(shop: &Shop, operator: Operator, request: &HeaderMap, title: &str, place: Place) -> Self {
        let (told, forget) = shop.operators.told(request).unzip();
        Self { place: Some(place), session: operator.session, told, forget, ..Self::bare(title) }
    }

    fn ways(&self) -> Vec<Way> {
        let way = |place, name, address| Way { name, address, here: self.place == Some(place) };
        vec![
            way(Place::Models, "Models", PATH),
            way(Place::Jobs, "Jobs", "/operators/jobs"),
            way(Place::Ratings, "Ratings", "/operators/ratings"),
            way(Place::Variants, "Variants", "/operators/variants"),
        ]
    }

    /// The page, for this browser at this moment alone.
    fn show(&self, template: &impl Template) -> Response {
        let mut answer = page(template);
        self.seal(&mut answer);
        answer
    }

    /// What goes along with every page.
    fn seal(&self, answer: &mut Response) {
        answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
        answer.headers_mut().insert(ROBOTS, HeaderValue::from_static("noindex"));
        if let Some(forget) = &self.forget {
            answer.headers_mut().append(header::SET_COOKIE, forget.clone());
        }
    }

    /// In place of a page that cannot be shown.
    fn trouble(self, error: &OperatorError) -> Response {
        let mut answer = Problem::Unavailable.into_response();
        let token = *error == OperatorError::Token;
        answer.extensions_mut().insert(Trouble { desk: self, token });
        answer
    }
}

/// Goes along with a failure, so that its page is whole.
#[derive(Clone, Debug)]
struct Trouble {
    desk: Desk,
    /// Whether recommendations asks for another token.
    token: bool,
}

#[derive(Template)]
#[template(path = "operators/trouble.html")]
struct TroublePage<'a> {
    desk: Desk,
    status: u16,
    heading: &'a str,
    text: &'a str,
    again: Option<String>,
    request_id: &'a str,
}

/// The page in place of a failed answer to an operator: `words` unless there are better ones.
pub(crate) fn failed(
    answer: &Response,
    words: (&str, &str),
    again: Option<String>,
    request_id: &str,
) -> Response {
    let trouble = answer.extensions().get::<Trouble>();
    let (heading, text) = match trouble {
        Some(Trouble { token: true, .. }) => OTHER_TOKEN,
        _ if answer.status() == StatusCode::SERVICE_UNAVAILABLE => UNAVAILABLE,
        _ if answer.status() == StatusCode::NOT_FOUND => NOT_FOUND,
        _ => words,
    };
    let desk = trouble.map_or_else(|| Desk::bare(heading), |trouble| trouble.desk.clone());
    let status = answer.status().as_u16();
    let mut page = page(&TroublePage { desk: desk.clone(), status, heading, text, again, request_id });
    desk.seal(&mut page);
    page
}

const UNAVAILABLE: (&str, &str) = (
    "Recommendations does not answer",
    "It is down, starting, or too busy to answer in time; its log says more. Readers still see what the shop can show \
     without it. These pages ask again each time: wait a moment, then try again.",
);
const OTHER_TOKEN: (&str, &str) = (
    "Recommendations asks for another token",
    "The storefront and recommendations must have the same SHELFWISE_TOKEN. Without one, recommendations answers \
     only calls from its own machine.",
);
const NOT_FOUND: (&str, &str) = ("There is no such page", "The address may be mistyped.");

#[derive(Template)]
#[template(path = "operators/elsewhere.html")]
struct Elsewhere {
    desk: Desk,
}

/// For whoever comes from elsewhere where there is no token.
pub(crate) fn elsewhere() -> Response {
    let desk = Desk::bare("Not from here");
    whole(StatusCode::FORBIDDEN, desk.show(&Elsewhere { desk: desk.clone() }))
}

/// To where the token is shown, and from there to `back`; without it, something was to be done, and was not.
pub(crate) fn to_sign_in(shop: &Shop, back: Option<&Uri>) -> Response {
    let Some(back) = back.and_then(|uri| uri.path_and_query()).filter(|back| back.as_str() != PATH) else {
        let mut answer = see_other(SIGN_IN);
        if back.is_none() {
            let told = Told::not_done("You are not signed in, so nothing was done.");
            answer.headers_mut().append(header::SET_COOKIE, shop.operators.tell(&told));
        }
        return answer;
    };
    let back: String = form_urlencoded::byte_serialize(back.as_str().as_bytes()).collect();
    see_other(&format!("{SIGN_IN}?back={back}"))
}

/// An answer that is a page already, whatever its status.
fn whole(status: StatusCode, mut answer: Response) -> Response {
    *answer.status_mut() = status;
    answer.extensions_mut().insert(Whole);
    answer
}

/// Leads to another page, with GET.
fn see_other(address: &str) -> Response {
    let place = HeaderValue::try_from(address).unwrap_or(HeaderValue::from_static(PATH));
    let no_store = HeaderValue::from_static("no-store");
    (StatusCode::SEE_OTHER, [(header::LOCATION, place), (header::CACHE_CONTROL, no_store)]).into_response()
}

/// A plot with its words.
struct Figure {
    name: &'static str,
    /// What it shows, in a few words.
    about: &'static str,
    plot: Plot,
}
