//! Showing the token once, for a session.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Extension, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use serde::Deserialize;
use service::Peer;

use super::{Desk, PATH, elsewhere, is_theirs, see_other, whole};
use crate::{
    operators::{Denied, Shown, Told},
    origin::{OurPage, local},
    sender::Sender,
    shop::Shop,
};

#[derive(Template)]
#[template(path = "operators/sign_in.html")]
struct Page {
    desk: Desk,
    /// Where to go then.
    back: String,
    problem: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    back: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    token: String,
    back: Option<String>,
}

/// `GET /operators/sign-in`
pub(super) async fn page(
    State(shop): State<Arc<Shop>>,
    peer: Option<Extension<Peer>>,
    address: Uri,
    request: HeaderMap,
    Query(Asked { back }): Query<Asked>,
) -> Response {
    match shop.operators.check(&address, &request, peer.map(|Extension(peer)| peer)) {
        Ok(_) => see_other(theirs(back.as_deref())),
        Err(Denied::Elsewhere) => elsewhere(),
        Err(Denied::SignIn) => {
            let (told, forget) = shop.operators.told(&request).unzip();
            let desk = Desk { told, forget, ..Desk::bare("Sign in") };
            desk.show(&Page { desk: desk.clone(), back: theirs(back.as_deref()).to_owned(), problem: None })
        }
    }
}

/// `POST /operators/sign-in`
pub(super) async fn sign_in(
    State(shop): State<Arc<Shop>>,
    Sender(from): Sender,
    _: OurPage,
    Form(Token { token, back }): Form<Token>,
) -> Response {
    let back = theirs(back.as_deref());
    let Some(from) = from.filter(|_| shop.operators.has_token()) else { return elsewhere() };
    match shop.operators.show(token.trim(), from) {
        Shown::Right(cookie) => {
            tracing::info!(%from, "an operator has signed in");
            let mut answer = see_other(back);
            answer.headers_mut().append(header::SET_COOKIE, cookie);
            answer
        }
        Shown::Wrong => {
            tracing::warn!(%from, "a wrong token was shown");
            refused(
                StatusCode::FORBIDDEN,
                back,
                "This is not the token. Nothing is shown without it.".to_owned(),
            )
        }
        Shown::TooOften(seconds) => {
            let problem =
                format!("Too many wrong tokens came from your address. Try again in {seconds} seconds.");
            let mut answer = refused(StatusCode::TOO_MANY_REQUESTS, back, problem);
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            answer
        }
    }
}

/// `POST /operators/sign-out`
pub(super) async fn sign_out(State(shop): State<Arc<Shop>>, _: OurPage) -> Response {
    let mut answer = see_other(super::SIGN_IN);
    answer.headers_mut().append(header::SET_COOKIE, shop.operators.forget());
    let told = Told::done("You are signed out in this browser.");
    answer.headers_mut().append(header::SET_COOKIE, shop.operators.tell(&told));
    answer
}

fn refused(status: StatusCode, back: &str, problem: String) -> Response {
    let desk = Desk::bare("Sign in");
    whole(status, desk.show(&Page { desk: desk.clone(), back: back.to_owned(), problem: Some(problem) }))
}

/// One of the operators' own pages.
fn theirs(back: Option<&str>) -> &str {
    let back = local(back);
    let path = back.split('?').next().unwrap_or_default();
    if is_theirs(path) && !path.starts_with(super::SIGN_IN) { back } else { PATH }
}
