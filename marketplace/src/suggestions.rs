//! Lists made for one reader.

use askama::Template;
use futures_util::future::OptionFuture;
use protobufs::recommendations::{RecommendationRequest, RecommendationResponse};
use service::trace::TraceContext;

use crate::{
    catalogue::Catalogue,
    client::CallError,
    controls::{Pick, told},
    reader::{Opinion, Reader},
    shop::Shop,
};

/// A list of any books, with what the reader said last.
pub(crate) struct Suggestions {
    answer: RecommendationResponse,
    /// The title of the book, and what was said of it.
    last: Option<(i32, String, Opinion)>,
}

/// What the reader said last, and a button that undoes it. Empty, it keeps its place.
#[derive(Template)]
#[template(path = "lately.html")]
pub(crate) struct Lately<'a> {
    back: &'a str,
    said: Option<Undo>,
}

struct Undo {
    book: i32,
    told: String,
    title: String,
    /// What the button says to undo it.
    act: Option<&'static str>,
}

impl Suggestions {
    /// Asks for books from all categories.
    ///
    /// # Errors
    ///
    /// As the call.
    pub(crate) async fn of(
        shop: &Shop,
        trace: &TraceContext,
        reader: &Reader,
        count: i32,
    ) -> Result<Self, CallError> {
        let question = RecommendationRequest {
            user_id: reader.id,
            max_results: count,
            all_categories: true,
            session_ratings: reader.session.ratings(),
            ..Default::default()
        };
        let last = reader.session.latest().next();
        let book: OptionFuture<_> = last.map(|(book, _)| shop.client.book(trace, book)).into();
        let (answer, book) = tokio::join!(shop.client.ask(trace, &question), book);
        let answer = answer?;
        if let Some(id) =
            recommendation(&answer.recommendation_id).filter(|_| !answer.recommendations.is_empty())
        {
            shop.events.shown(id);
        }
        // Without its title it is not worth a word.
        let title = book.and_then(Result::ok).map(|book| book.title);
        let last = last.zip(title).map(|((book, opinion), title)| (book, title, opinion));
        Ok(Self { answer, last })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.answer.recommendations.is_empty()
    }

    /// Whether ratings of simulated readers had a part in it.
    pub(crate) fn simulated(&self) -> bool {
        self.answer.simulated
    }

    /// The books, as cards on the page at `back`.
    pub(crate) fn picks<'a>(&'a self, catalogue: &Catalogue, back: &'a str) -> Vec<Pick<'a>> {
        let id = recommendation(&self.answer.recommendation_id);
        let books = self.answer.recommendations.iter();
        books
            .map(|book| Pick::recommended(book, id, catalogue).with_controls(Opinion::default(), back))
            .collect()
    }

    pub(crate) fn lately<'a>(&self, back: &'a str) -> Lately<'a> {
        let said = self.last.as_ref().map(|(book, title, opinion)| Undo {
            book: *book,
            told: told(title, *opinion),
            title: title.clone(),
            act: match opinion {
                Opinion { dismissed: true, .. } => Some("undismiss"),
                Opinion { halves: 1.., .. } => Some("unrate"),
                _ => None,
            },
        });
        Lately { back, said }
    }
}

/// Longer names of recommendations are none of ours.
const LONGEST_NAME: usize = 64;

/// The name of a recommendation, if it can be one.
pub(crate) fn recommendation(text: &str) -> Option<&str> {
    let fits = (1..=LONGEST_NAME).contains(&text.len());
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (fits && plain).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::recommendation;

    #[test]
    fn names_of_recommendations_are_plain() {
        assert_eq!(recommendation("0123abcdef"), Some("0123abcdef"));
        for bad in ["", "a b", "a\"b", "é", &"a".repeat(65)] {
            assert_eq!(recommendation(bad), None);
        }
    }
}
