//! How a reader says something: stars and buttons, as forms that work by themselves.

use askama::Template;
use protobufs::{
    catalogue::Book,
    readers::Shelf,
    recommendations::{BookRecommendation, ReasonKind},
};

use crate::{
    cards::{LONG, foreign, names, slug},
    catalogue::Catalogue,
    covers::{self, Form},
    history::shelf_name,
    reader::Opinion,
};

/// All that can be said of one book.
#[derive(Template)]
#[template(path = "mine.html")]
pub(crate) struct Mine<'a> {
    book: i32,
    title: &'a str,
    back: &'a str,
    from: Option<&'a str>,
    opinion: Opinion,
    stars: Stars<'a>,
    said: String,
    shelves: Vec<OneShelf>,
    removable: bool,
}

/// A book on a shelf with the reason why it is there, and the least that can be said of it.
#[derive(Template)]
#[template(path = "pick.html")]
pub(crate) struct Pick<'a> {
    pub(crate) id: i32,
    address: String,
    from: Option<&'a str>,
    title: &'a str,
    lang: Option<&'a str>,
    by: String,
    long_title: bool,
    long_by: bool,
    cover: String,
    reason: &'a str,
    controls: Option<Quick<'a>>,
}

struct Quick<'a> {
    back: &'a str,
    stars: Stars<'a>,
    rated: bool,
    dismissable: bool,
}

/// A radio group.
#[derive(Template)]
#[template(path = "stars.html")]
struct Stars<'a> {
    title: &'a str,
    whole: bool,
    stars: Vec<Star>,
}

struct Star {
    value: String,
    words: String,
    checked: bool,
    path: &'static str,
}

struct OneShelf {
    number: i32,
    name: &'static str,
    here: bool,
}

const WHOLE: &str = "M12 3.6l2.6 5.4 5.9.8-4.3 4.1 1.1 5.9L12 17l-5.3 2.8 1.1-5.9L3.5 9.8l5.9-.8z";
const LEFT: &str = "M12 3.6L9.4 9l-5.9.8 4.3 4.1-1.1 5.9L12 17";
const RIGHT: &str = "M0 3.6l2.6 5.4 5.9.8-4.3 4.1 1.1 5.9L0 17";

impl<'a> Mine<'a> {
    /// The control for a book on the page at `back`.
    pub(crate) fn new(book: &'a Book, opinion: Opinion, back: &'a str) -> Self {
        let shelves = [Shelf::WantToRead, Shelf::Reading, Shelf::Read, Shelf::DidNotFinish];
        let shelves = shelves.map(|shelf| OneShelf {
            number: shelf.into(),
            name: shelf_name(shelf),
            here: opinion.shelf() == shelf,
        });
        Self {
            book: book.id,
            title: &book.title,
            back,
            from: None,
            opinion,
            stars: Stars::halves(&book.title, opinion),
            said: said(opinion),
            shelves: shelves.into(),
            removable: false,
        }
    }

    /// The recommendation that led here.
    pub(crate) fn from(mut self, recommendation: Option<&'a str>) -> Self {
        self.from = recommendation;
        self
    }

    /// With a button that takes all of it back.
    pub(crate) fn removable(mut self) -> Self {
        self.removable = true;
        self
    }
}

impl<'a> Pick<'a> {
    /// A recommended book. Its link says which recommendation it is of.
    pub(crate) fn recommended(
        book: &'a BookRecommendation,
        recommendation: Option<&'a str>,
        catalogue: &Catalogue,
    ) -> Self {
        let slug = slug(&book.categories, catalogue).unwrap_or_default();
        let mut pick = Self::new(book.id, &book.title, &book.title_language, &book.authors, &slug);
        pick = pick.of(recommendation);
        // Where nothing is known there is nothing to say.
        if book.reason_kind() != ReasonKind::Unspecified {
            pick.reason = &book.reason;
        }
        pick
    }

    /// Its link says which recommendation it is of.
    pub(crate) fn of(mut self, recommendation: Option<&'a str>) -> Self {
        if let Some(recommendation) = recommendation {
            self.address = format!("/books/{}?from={recommendation}", self.id);
            self.from = Some(recommendation);
        }
        self
    }

    /// Any book, and why it is there.
    pub(crate) fn of_book(book: &'a Book, reason: &'a str, catalogue: &Catalogue) -> Self {
        let slug = slug(&book.categories, catalogue).unwrap_or_default();
        Self { reason, ..Self::new(book.id, &book.title, &book.title_language, &book.authors, &slug) }
    }

    fn new(id: i32, title: &'a str, language: &'a str, authors: &[String], slug: &str) -> Self {
        let by = names(authors);
        Self {
            id,
            address: format!("/books/{id}"),
            from: None,
            title,
            lang: foreign(language),
            long_title: title.chars().count() > LONG,
            long_by: by.chars().count() > LONG,
            by,
            cover: covers::draw(title, authors, slug, Form::Inline),
            reason: "",
            controls: None,
        }
    }

    /// With stars, and "Not for me" unless it is rated.
    pub(crate) fn with_controls(mut self, opinion: Opinion, back: &'a str) -> Self {
        let stars = Stars::whole(self.title, opinion);
        self.controls = Some(Quick { back, stars, rated: opinion.halves > 0, dismissable: true });
        self
    }

    /// With nothing to press.
    pub(crate) fn without_controls(mut self) -> Self {
        self.controls = None;
        self
    }

    /// Why it is there goes without saying.
    pub(crate) fn without_reason(mut self) -> Self {
        self.reason = "";
        self
    }

    /// With stars alone.
    pub(crate) fn with_stars(self, opinion: Opinion, back: &'a str) -> Self {
        let mut pick = self.with_controls(opinion, back);
        if let Some(controls) = &mut pick.controls {
            controls.dismissable = false;
        }
        pick
    }
}

impl<'a> Stars<'a> {
    fn halves(title: &'a str, opinion: Opinion) -> Self {
        let star = |halves: u8| Star {
            value: format!("{}", f32::from(halves) / 2.0),
            words: in_words(halves),
            checked: opinion.halves == halves,
            path: if halves.is_multiple_of(2) { RIGHT } else { LEFT },
        };
        Self { title, whole: false, stars: (1..=10).map(star).collect() }
    }

    /// Where there is room for five. A half given elsewhere shows as the star that it began.
    fn whole(title: &'a str, opinion: Opinion) -> Self {
        let star = |star: u8| Star {
            value: star.to_string(),
            words: in_words(star * 2),
            checked: opinion.halves.div_ceil(2) == star,
            path: WHOLE,
        };
        Self { title, whole: true, stars: (1..=5).map(star).collect() }
    }
}

/// "4½ stars".
pub(crate) fn in_words(halves: u8) -> String {
    match (halves / 2, halves % 2) {
        (0, _) => "½ star".to_owned(),
        (1, 0) => "1 star".to_owned(),
        (whole, 0) => format!("{whole} stars"),
        (whole, _) => format!("{whole}½ stars"),
    }
}

/// What holds, in a sentence.
fn said(opinion: Opinion) -> String {
    if opinion.dismissed {
        return "Not for you: we will not suggest it.".to_owned();
    }
    match opinion.halves {
        0 => String::new(),
        halves => format!("You gave it {}.", in_words(halves)),
    }
}

/// What was said of a book, in a sentence that names it. `None` where nothing is said any more.
pub(crate) fn told(title: &str, opinion: Opinion) -> String {
    let Opinion { halves, shelf, dismissed, owned, .. } = opinion;
    if dismissed {
        return format!("We will not suggest {title} again.");
    }
    if halves > 0 {
        return format!("You gave {title} {}.", in_words(halves));
    }
    match (shelf, owned) {
        (0, false) => format!("You took back what you said of {title}."),
        (0, true) => format!("You own {title}."),
        (_, _) => format!("{title}: {}.", shelf_name(opinion.shelf())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_stars_have_words() {
        let words = (1..=10).map(in_words).collect::<Vec<_>>();
        assert_eq!(words[..4], ["½ star", "1 star", "1½ stars", "2 stars"]);
        let stars = Stars::halves("Dune", Opinion { halves: 9, ..Opinion::default() });
        let checked: Vec<_> =
            stars.stars.iter().filter(|star| star.checked).map(|star| &star.value).collect();
        assert_eq!(checked, ["4.5"]);
        let stars = Stars::whole("Dune", Opinion { halves: 9, ..Opinion::default() });
        let checked: Vec<_> =
            stars.stars.iter().filter(|star| star.checked).map(|star| &star.value).collect();
        assert_eq!(checked, ["5"]);
    }
}
