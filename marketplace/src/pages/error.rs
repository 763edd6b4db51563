//! Whatever goes wrong is said on a page like all others, with the request's id for whoever asks the shop
//! about it.

use askama::Template;
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use service::telemetry::RequestId;

use super::{html_response, operators};
use crate::{catalogue::Catalogue, client::CallError, layout::Layout};

/// Why a page cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// There is no such page, category or book.
    NotFound,
    /// The address asks for something that makes no sense, which the text explains.
    Invalid(&'static str),
    /// A form that another site has sent.
    Foreign,
    /// Too many visitors of this address have become readers.
    TooMany,
    /// Recommendations is down or late.
    Unavailable,
    /// A mistake of this program.
    Internal,
}

impl Problem {
    const fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Foreign => StatusCode::FORBIDDEN,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotFound => Self::NotFound,
            CallError::Invalid => Self::Invalid("The address asks for something that we do not understand."),
            CallError::Unavailable => Self::Unavailable,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut answer = self.status().into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}

/// An answer that is a page already, whatever its status.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole;

/// What a reader has sent and could not be stored. It goes along with the failure, so that it can be sent again.
#[derive(Clone, Debug)]
pub(crate) struct Unsaved {
    /// Where the form goes to.
    pub(crate) action: String,
    pub(crate) fields: Vec<(&'static str, String)>,
    /// The page that it stands on.
    pub(crate) back: String,
}

#[derive(Template)]
#[template(path = "error.html")]
struct Page<'a> {
    layout: Layout,
    heading: &'a str,
    text: &'a str,
    again: Option<String>,
    unsaved: Option<&'a Unsaved>,
    status: u16,
    request_id: &'a str,
}

/// What the page says about the request that has failed.
pub(crate) struct Asked {
    read: bool,
    address: Uri,
    id: Option<RequestId>,
}

impl Asked {
    pub(crate) fn of(request: &Request) -> Self {
        let read = matches!(*request.method(), Method::GET | Method::HEAD);
        let id = request.extensions().get::<RequestId>().cloned();
        Self { read, address: request.uri().clone(), id }
    }

    /// The page in place of a failed answer, whoever made it.
    pub(crate) fn failed(&self, answer: &Response) -> Response {
        let status = answer.status();
        let mut page = if operators::is_theirs(self.address.path()) {
            let words = words(status, answer.extensions().get::<Problem>());
            operators::failed(answer, words, self.again(status), self.id())
        } else {
            self.page(answer)
        };
        *page.status_mut() = status;
        keep(answer.headers(), page.headers_mut());
        let wait = match status {
            StatusCode::SERVICE_UNAVAILABLE => Some("2"),
            StatusCode::TOO_MANY_REQUESTS => Some("60"),
            _ => None,
        };
        if let Some(wait) = wait {
            page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(wait));
        }
        page.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        page
    }

    fn page(&self, answer: &Response) -> Response {
        let status = answer.status();
        let unsaved = answer.extensions().get::<Unsaved>();
        let (heading, text) = match unsaved {
            Some(_) => UNSAVED,
            None => words(status, answer.extensions().get::<Problem>()),
        };
        let layout =
            Layout::new(format!("{heading} – Shelfwise"), String::new(), None, &Catalogue::default())
                .unlisted();
        let (again, request_id) = (self.again(status), self.id());
        let page = Page { layout, heading, text, again, unsaved, status: status.as_u16(), request_id };
        html_response(page.to_string())
    }

    /// The page that may be tried again.
    fn again(&self, status: StatusCode) -> Option<String> {
        (self.read && status.is_server_error()).then(|| self.address.to_string())
    }

    fn id(&self) -> &str {
        self.id.as_ref().and_then(|id| id.0.to_str().ok()).unwrap_or("unknown")
    }
}

/// What a client needs to know beyond the page.
fn keep(from: &HeaderMap, to: &mut HeaderMap) {
    for name in [header::ALLOW, header::CONNECTION] {
        if let Some(value) = from.get(&name) {
            to.insert(name, value.clone());
        }
    }
}

const UNSAVED: (&str, &str) = (
    "We could not save that",
    "The part of the shop that remembers does not answer. Nothing is lost yet: wait a moment, then send it again.",
);

fn words(status: StatusCode, problem: Option<&Problem>) -> (&'static str, &'static str) {
    if let Some(Problem::Invalid(why)) = problem {
        return ("That did not work", why);
    }
    match status {
        StatusCode::NOT_FOUND => (
            "We do not have this page",
            "The address may be mistyped, or the book has left our shelves. Search for it, or look around.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => ("That cannot be done here", "This page can only be read."),
        StatusCode::FORBIDDEN => (
            "We did not do that",
            "Your browser says that another site has sent this in your name, or does not say who has. Nothing was \
             changed. If it was you: open the page here, and press the button again.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("That was too much", "Nothing of this size can be sent here."),
        StatusCode::TOO_MANY_REQUESTS => (
            "One moment, please",
            "Very many new readers come from your network at this moment. Nothing was changed: wait a minute, then press the \
             button again.",
        ),
        StatusCode::URI_TOO_LONG => ("The address is too long", "Shorten what you look for, and try again."),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            "That was too much",
            "Your browser sends more about itself than we read. Remove the shop's cookies, and try again.",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "We cannot reach our shelves",
            "The part of the shop that knows the books does not answer. It should be back soon: wait a moment, then try \
             again.",
        ),
        status if status.is_client_error() => {
            ("That did not work", "The address asks for something that we do not understand.")
        }
        _ => (
            "Something went wrong here",
            "This is our fault. Try again; if it stays like this, tell us the number below.",
        ),
    }
}
