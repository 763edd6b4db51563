//! What may be wrong with a row, or with a whole file.

use std::io;

use crate::{import::Rejection, readers::WriteError, store::StoreError};

/// Why a row is not stored.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RowError {
    /// It is no record of its format.
    #[error(transparent)]
    Record(Rejection),
    /// A field that is needed holds nothing.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// A field holds something else than it should.
    #[error("{field} is {value:?}, not {expected}")]
    Value {
        /// Which field.
        field: &'static str,
        /// What it holds, or the beginning of it.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// A book is liked or disliked and dismissed at once.
    #[error("stars and dismissed contradict each other")]
    Contradiction,
    /// There is nothing to store.
    #[error("says nothing: it has no stars, dismissal, shelf, ownership or interaction")]
    Nothing,
    /// Our own number of a book that the catalogue does not have.
    #[error("the catalogue has no book {0}")]
    NoBook(i64),
    /// A book that the catalogue does not have.
    #[error("the catalogue has no such book: {title}{}", by(author))]
    Unmatched {
        /// Its title.
        title: String,
        /// Who wrote it, if the file says so.
        author: String,
    },
    /// The store did not take it.
    #[error(transparent)]
    Refused(WriteError),
    /// Something is wrong with a row of which the book is known.
    #[error("{reason}")]
    Titled {
        /// What is wrong.
        reason: Box<RowError>,
        /// The book's title.
        title: String,
    },
}

impl RowError {
    /// Whether nothing is wrong but that the catalogue does not have the book.
    #[must_use]
    pub fn is_unmatched(&self) -> bool {
        matches!(self, Self::NoBook(_) | Self::Unmatched { .. })
    }

    pub(super) fn value(field: &'static str, value: &str, expected: &'static str) -> Self {
        Self::Value { field, value: value.chars().take(40).collect(), expected }
    }
}

fn by(author: &str) -> String {
    if author.is_empty() { String::new() } else { format!(" by {author}") }
}

/// Why an import ended early. What was stored before stays.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The file cannot be read.
    #[error("cannot read the file")]
    Read(#[source] io::Error),
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is UTF-16.
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    /// Its first line holds what no text does.
    #[error("the file is no text, or neither UTF-8 nor Latin-1")]
    NoText,
    /// Its first line is that of no known format.
    #[error(
        "the first line is neither the header of a Goodreads or StoryGraph export nor that of our own format, nor a JSON object"
    )]
    Unknown,
    /// A column is not there.
    #[error("the first line must name the columns, and {} not among them", missing(.0))]
    Missing(Vec<&'static str>),
    /// The file does not say whose its rows are.
    #[error("the file does not say whose its rows are: name the reader")]
    NoReader,
    /// The readers' histories cannot be read.
    #[error("cannot read what is there already")]
    Store(#[source] StoreError),
    /// The store failed.
    #[error("cannot store what the file holds")]
    Write(#[source] WriteError),
}

fn missing(columns: &[&str]) -> String {
    let names: Vec<_> = columns.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [one] => format!("{one} is"),
        [all @ .., last] => format!("{} and {last} are", all.join(", ")),
        [] => "nothing is".to_owned(),
    }
}
