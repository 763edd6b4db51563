//! What is known of a reader's books: as recommendations tells it, with what was said in the last minutes in its place.

use std::collections::HashMap;

use protobufs::readers::{Entry, Shelf};
use service::trace::TraceContext;

use crate::{
    client::{CallError, Client},
    reader::{Opinion, Reader},
};

/// Answers of 1,000 entries that are asked for at most. Who has more books sees the latest ones.
const ANSWERS: usize = 20;

/// A reader's books, the latest change first.
#[derive(Debug, Default)]
pub(crate) struct History {
    books: Vec<(i32, Opinion)>,
    places: HashMap<i32, usize>,
}

/// A part of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    All,
    Rated,
    On(Shelf),
    Owned,
    Dismissed,
}

impl History {
    /// # Errors
    ///
    /// As the calls.
    pub(crate) async fn of(
        client: &Client,
        trace: &TraceContext,
        reader: &Reader,
    ) -> Result<Self, CallError> {
        let mut books = Vec::new();
        let mut token = String::new();
        for _ in 0..ANSWERS {
            let answer = client.history(trace, reader.id, &token).await?;
            books.extend(answer.entries.iter().map(|entry: &Entry| (entry.book_id, Opinion::from(entry))));
            token = answer.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        Ok(Self::new(books, reader))
    }

    /// `books` as they are stored, the latest change first.
    fn new(mut stored: Vec<(i32, Opinion)>, reader: &Reader) -> Self {
        stored.retain(|(book, _)| reader.session.about(*book).is_none());
        // Taken back.
        let lately = reader.session.latest().filter(|(_, opinion)| !opinion.is_nothing());
        let books: Vec<_> = lately.chain(stored).collect();
        let places = books.iter().enumerate().map(|(place, (book, _))| (*book, place)).collect();
        Self { books, places }
    }

    /// What the reader says of a book.
    pub(crate) fn about(&self, book: i32) -> Opinion {
        self.places.get(&book).map(|place| self.books[*place].1).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.books.is_empty()
    }

    pub(crate) fn count(&self, part: Part) -> usize {
        self.books.iter().filter(|(_, opinion)| part.has(*opinion)).count()
    }

    /// The books of a part, the latest change first, or those with the most stars.
    pub(crate) fn part(&self, part: Part, by_stars: bool) -> Vec<(i32, Opinion)> {
        let mut books: Vec<_> =
            self.books.iter().copied().filter(|(_, opinion)| part.has(*opinion)).collect();
        if by_stars {
            // Stable: among equals the latest stays first.
            books.sort_by_key(|(_, opinion)| std::cmp::Reverse(opinion.halves));
        }
        books
    }
}

impl Part {
    pub(crate) const EVERY: [Self; 8] = [
        Self::All,
        Self::Rated,
        Self::On(Shelf::WantToRead),
        Self::On(Shelf::Reading),
        Self::On(Shelf::Read),
        Self::On(Shelf::DidNotFinish),
        Self::Owned,
        Self::Dismissed,
    ];

    /// Its name in addresses.
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::All | Self::On(Shelf::Unspecified) => "all",
            Self::Rated => "rated",
            Self::On(Shelf::WantToRead) => "want-to-read",
            Self::On(Shelf::Reading) => "reading",
            Self::On(Shelf::Read) => "read",
            Self::On(Shelf::DidNotFinish) => "did-not-finish",
            Self::Owned => "owned",
            Self::Dismissed => "not-for-me",
        }
    }

    pub(crate) fn from_slug(slug: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|part| part.slug() == slug)
    }

    /// Its name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Rated => "Rated",
            Self::On(shelf) => shelf_name(shelf),
            Self::Owned => "Owned",
            Self::Dismissed => "Not for me",
        }
    }

    fn has(self, opinion: Opinion) -> bool {
        match self {
            Self::All => true,
            Self::Rated => opinion.halves > 0,
            Self::On(shelf) => opinion.shelf() == shelf,
            Self::Owned => opinion.owned,
            Self::Dismissed => opinion.dismissed,
        }
    }
}

/// What people call a shelf.
pub(crate) fn shelf_name(shelf: Shelf) -> &'static str {
    match shelf {
        Shelf::Unspecified => "Nowhere",
        Shelf::WantToRead => "Want to read",
        Shelf::Reading => "Reading",
        Shelf::Read => "Read",
        Shelf::DidNotFinish => "Did not finish",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_said_replaces_what_is_stored() {
        let rated = |halves| Opinion { halves, ..Opinion::default() };
        let mut reader = Reader::new(1);
        reader.session.say(2, rated(10));
        reader.session.say(3, Opinion::default());
        reader.session.say(4, rated(3));
        let history = History::new(vec![(1, rated(6)), (2, rated(1)), (3, rated(4))], &reader);
        assert_eq!(history.part(Part::All, false), [(4, rated(3)), (2, rated(10)), (1, rated(6))]);
        assert_eq!(history.part(Part::Rated, true), [(2, rated(10)), (1, rated(6)), (4, rated(3))]);
        assert_eq!(history.about(3), Opinion::default());
        assert_eq!((history.about(2), history.count(Part::Rated)), (rated(10), 3));
        for part in Part::EVERY {
            assert_eq!(Part::from_slug(part.slug()), Some(part));
        }
    }
}
