//! What a reader says of a book, sent as a form: stars, a shelf, ownership, "not for me".

use std::sync::Arc;

use axum::{
    Extension, Form,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use protobufs::readers::Shelf;
use serde::Deserialize;
use service::trace::TraceContext;

use super::{
    book::number,
    error::{Problem, Unsaved},
};
use crate::{
    client::{CallError, Word},
    history::History,
    origin::{OurPage, local},
    reader::{Opinion, Reader},
    sender::Sender,
    shop::Shop,
    suggestions::recommendation,
};

/// A form about a book.
#[derive(Deserialize)]
pub(crate) struct Said {
    /// Which of its buttons was pressed; see [`Act::read`].
    #[serde(rename = "do")]
    act: Option<String>,
    stars: Option<String>,
    /// The page that it stands on.
    back: Option<String>,
    /// The recommendation that led to it.
    from: Option<String>,
}

/// What a button does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Rate(u8),
    Unrate,
    Dismiss,
    Undismiss,
    Shelve(u8),
    Own(bool),
    /// Takes back all of it.
    Remove,
}

/// `POST /books/{id}/opinion`
pub(crate) async fn say(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    Path(id): Path<String>,
    Sender(address): Sender,
    headers: HeaderMap,
    _: OurPage,
    Form(said): Form<Said>,
) -> Response {
    let Some(book) = number(&id) else { return Problem::NotFound.into_response() };
    let Some(act) = Act::read(said.act.as_deref(), said.stars.as_deref()) else {
        return Problem::Invalid("Choose between half a star and five stars first.").into_response();
    };
    let back = local(said.back.as_deref());
    let from = said.from.as_deref().and_then(recommendation);
    let known = shop.cookies.reader(&headers);
    if known.is_none() && shop.newcomers.take(address).is_err() {
        return Problem::TooMany.into_response();
    }
    match store(&shop, &trace, known, book, act, from).await {
        Ok(reader) => answer(&shop, &reader, back, book),
        Err(CallError::Unavailable) => {
            let mut answer = Problem::Unavailable.into_response();
            answer.extensions_mut().insert(unsaved(&said, book, back));
            answer
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Who said it, with it among the things said lately.
async fn store(
    shop: &Shop,
    trace: &TraceContext,
    known: Option<Reader>,
    book: i32,
    act: Act,
    from: Option<&str>,
) -> Result<Reader, CallError> {
    let (mut reader, before) = match known {
        Some(reader) => {
            let before = match reader.session.about(book) {
                Some(opinion) => opinion,
                None => History::of(&shop.client, trace, &reader).await?.about(book),
            };
            (reader, before)
        }
        None => {
            // Nobody becomes a reader by rating what there is not.
            shop.client.book(trace, book).await?;
            (Reader::new(shop.client.create_reader(trace).await?), Opinion::default())
        }
    };
    let (words, after) = act.on(before);
    for word in words {
        shop.client.say(trace, reader.id, book, word, from).await?;
    }
    reader.session.say(book, after);
    Ok(reader)
}

/// Back to the page, at the book.
fn answer(shop: &Shop, reader: &Reader, back: &str, book: i32) -> Response {
    let place = HeaderValue::try_from(format!("{back}#book-{book}")).expect("it was looked at");
    let mut answer = (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response();
    for cookie in shop.cookies.remember(reader) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}

/// The same form, for the reader to send again.
fn unsaved(said: &Said, book: i32, back: &str) -> Unsaved {
    let fields = [("do", &said.act), ("stars", &said.stars), ("from", &said.from)];
    let given = fields.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    Unsaved {
        action: format!("/books/{book}/opinion"),
        fields: given.chain([("back", back.to_owned())]).collect(),
        back: back.to_owned(),
    }
}

impl Act {
    /// A form that names nothing came from its stars.
    fn read(act: Option<&str>, stars: Option<&str>) -> Option<Self> {
        match act.unwrap_or("rate") {
            "rate" => halves(stars?).map(Self::Rate),
            "unrate" => Some(Self::Unrate),
            "dismiss" => Some(Self::Dismiss),
            "undismiss" => Some(Self::Undismiss),
            "own" => Some(Self::Own(true)),
            "disown" => Some(Self::Own(false)),
            "remove" => Some(Self::Remove),
            other => {
                let shelf = other.strip_prefix("shelf-")?.parse().ok()?;
                (shelf <= 4).then_some(Self::Shelve(shelf))
            }
        }
    }

    /// What to say, and what then holds.
    fn on(self, before: Opinion) -> (Vec<Word>, Opinion) {
        let shelve = |shelf: u8| Word::Shelve(Shelf::try_from(i32::from(shelf)).unwrap_or_default());
        match self {
            Self::Rate(halves) => {
                (vec![Word::Rate(f32::from(halves) / 2.0)], Opinion { halves, dismissed: false, ..before })
            }
            Self::Unrate => (vec![Word::Unrate], Opinion { halves: 0, interacted: false, ..before }),
            Self::Dismiss => (vec![Word::Dismiss], Opinion { halves: 0, dismissed: true, ..before }),
            Self::Undismiss => (vec![Word::Undismiss], Opinion { dismissed: false, ..before }),
            Self::Shelve(shelf) => (vec![shelve(shelf)], Opinion { shelf, ..before }),
            Self::Own(owned) => (vec![Word::Own(owned)], Opinion { owned, ..before }),
            Self::Remove => {
                let words = [
                    // Stars, or that it was met without any, as an import may say.
                    Some(Word::Unrate),
                    before.dismissed.then_some(Word::Undismiss),
                    (before.shelf > 0).then_some(Word::Shelve(Shelf::Unspecified)),
                    before.owned.then_some(Word::Own(false)),
                ];
                (words.into_iter().flatten().collect(), Opinion::default())
            }
        }
    }
}

/// `4.5` is nine half stars.
fn halves(text: &str) -> Option<u8> {
    let stars: f32 = text.parse().ok()?;
    (1..=10).find(|halves| f32::from(*halves) == stars * 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_say_what_they_mean() {
        assert_eq!(Act::read(None, Some("4.5")), Some(Act::Rate(9)));
        assert_eq!(Act::read(Some("rate"), Some("5")), Some(Act::Rate(10)));
        assert_eq!(Act::read(Some("shelf-0"), None), Some(Act::Shelve(0)));
        for (act, stars) in [
            (None, None),
            (Some("rate"), Some("0")),
            (Some("rate"), Some("5.5")),
            (Some("rate"), Some("4.2")),
            (Some("rate"), Some("NaN")),
            (Some("rate"), Some("inf")),
            (Some("shelf-5"), None),
            (Some("shelf--1"), None),
            (Some("erase"), None),
        ] {
            assert_eq!(Act::read(act, stars), None, "{act:?} {stars:?}");
        }
    }

    #[test]
    fn removing_takes_back_all_that_was_said() {
        let before = Opinion { halves: 3, shelf: 2, dismissed: false, owned: true, interacted: true };
        let (words, after) = Act::Remove.on(before);
        assert_eq!(words, [Word::Unrate, Word::Shelve(Shelf::Unspecified), Word::Own(false)]);
        assert!(after.is_nothing());
        assert!(!Act::Unrate.on(before).1.interacted && Act::Own(false).on(before).1.interacted);
        let (_, after) = Act::Dismiss.on(before);
        assert_eq!(after, Opinion { halves: 0, dismissed: true, ..before });
    }
}
