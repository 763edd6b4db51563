//! A book on a shelf: cover, title, author.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use askama::Template;
use protobufs::{catalogue::Book, recommendations::BookRecommendation};

use crate::{
    catalogue::Catalogue,
    covers::{self, Form},
    fragment::Fragment,
};

/// How many rendered cards are kept: about 4 KiB each.
const SLOTS: usize = 1024;

/// What is longer, in characters, may be cut: the book's own page has it whole.
pub(crate) const LONG: usize = 60;

/// What a card shows.
#[derive(Template)]
#[template(path = "card.html")]
pub(crate) struct Card<'a> {
    id: i32,
    title: &'a str,
    lang: Option<&'a str>,
    authors: &'a [String],
    /// Whether they have to be cut.
    long_title: bool,
    long_by: bool,
    cover: String,
}

impl<'a> Card<'a> {
    pub(crate) fn of_book(book: &'a Book, catalogue: &Catalogue) -> Self {
        let slug = slug(&book.categories, catalogue).unwrap_or_default();
        Self::new(book.id, &book.title, &book.title_language, &book.authors, &slug)
    }

    fn new(id: i32, title: &'a str, language: &'a str, authors: &'a [String], slug: &str) -> Self {
        let cover = covers::draw(title, authors, slug, Form::Inline);
        let long_title = title.chars().count() > LONG;
        let long_by = authors.iter().map(|name| name.chars().count()).sum::<usize>() > LONG;
        Self { id, title, lang: foreign(language), authors, long_title, long_by, cover }
    }
}

/// Rendered cards of recommended books, by number: the same few are shown again and again.
pub(crate) struct Cards(Box<[ArcSwapOption<Kept>]>);

struct Kept {
    of: BookRecommendation,
    card: Arc<Fragment>,
}

impl Kept {
    /// Whether it is this book's card. Why and how strongly a book is recommended, the card does not say.
    fn shows(&self, book: &BookRecommendation) -> bool {
        let of = &self.of;
        (of.id, &of.title, &of.title_language) == (book.id, &book.title, &book.title_language)
            && (&of.authors, &of.categories) == (&book.authors, &book.categories)
    }
}

impl Default for Cards {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| ArcSwapOption::empty()).collect())
    }
}

impl Cards {
    /// The card of a book.
    pub(crate) fn card(&self, book: &BookRecommendation, catalogue: &Catalogue) -> Arc<Fragment> {
        let slot = &self.0[book.id.unsigned_abs() as usize % SLOTS];
        if let Some(kept) = &*slot.load()
            && kept.shows(book)
        {
            return Arc::clone(&kept.card);
        }
        let slug = slug(&book.categories, catalogue);
        let known = slug.as_deref().unwrap_or_default();
        let html = Card::new(book.id, &book.title, &book.title_language, &book.authors, known).to_string();
        let card = Arc::new(Fragment::new(html));
        // A cover whose category is not known yet must not stay.
        if slug.is_some() {
            slot.store(Some(Arc::new(Kept { of: book.clone(), card: Arc::clone(&card) })));
        }
        card
    }
}

/// The slug of the book's first category.
pub(crate) fn slug(categories: &[i32], catalogue: &Catalogue) -> Option<String> {
    catalogue.slug(*categories.first()?)
}

/// The language to mark a title with: none for English, the language of the page.
pub(crate) fn foreign(language: &str) -> Option<&str> {
    let primary = primary(language);
    Some(language).filter(|_| !primary.is_empty() && primary != "en")
}

/// `pt` of `pt-BR`.
pub(crate) fn primary(language: &str) -> String {
    language.split('-').next().unwrap_or_default().to_ascii_lowercase()
}

/// The authors in a sentence.
pub(crate) fn names(authors: &[String]) -> String {
    match authors {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
