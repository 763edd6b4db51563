use std::fmt;

use futures_util::future::BoxFuture;

/// What guests may ask the shop, each where it was granted. Every answer has a time limit of the implementation's own, for
/// a guest that waits cannot be ended sooner than its call.
pub trait Shop: Send + Sync {
    /// The book of this number.
    fn book(&self, id: i32) -> BoxFuture<'_, Result<Option<Book>, ShopError>>;

    /// Up to `limit` of a reader's latest entries, the newest first.
    fn history(&self, reader: i32, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, ShopError>>;

    /// The value that `function` keeps under a key.
    fn get<'a>(
        &'a self,
        function: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, ShopError>>;

    /// Keeps a value, or forgets it.
    fn set<'a>(
        &'a self,
        function: &'a str,
        key: &'a str,
        value: Option<Vec<u8>>,
    ) -> BoxFuture<'a, Result<(), ShopError>>;

    /// Told each whole line that the guest writes to stderr or to its log, while it runs. Not to block.
    fn line(&self, _line: &str) {}
}

/// A book as guests see it; see `functions/wit`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Its number.
    pub id: i32,
    /// Its title.
    pub title: String,
    /// The first is the one who is sorted by.
    pub authors: Vec<String>,
    /// Of first publication; 0 if unknown.
    pub year: i32,
    /// A BCP 47 tag.
    pub language: String,
    /// Empty if there is none.
    pub series: String,
    /// Numbers of categories.
    pub categories: Vec<i32>,
    /// What it is about.
    pub subjects: Vec<String>,
    /// Empty if unknown.
    pub isbn13: String,
}

/// What a reader said of a book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// The book's number.
    pub book: i32,
    /// 0.5 to 5.
    pub stars: Option<f32>,
    /// Where the reader put it.
    pub shelf: Shelf,
    /// Whether the reader owns it.
    pub owned: bool,
    /// Whether the reader does not want it.
    pub dismissed: bool,
}

/// Where a reader put a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Nowhere.
    None,
    /// To be read.
    WantToRead,
    /// Being read.
    Reading,
    /// Read.
    Read,
    /// Given up.
    DidNotFinish,
}

/// Why the shop does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShopError {
    /// What was asked makes no sense, such as a key that is too long.
    BadInput(&'static str),
    /// The shop cannot be reached, or took too long.
    Unavailable,
}

/// A shop that has nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoShop;

impl Shop for NoShop {
    fn book(&self, _: i32) -> BoxFuture<'_, Result<Option<Book>, ShopError>> {
        Box::pin(async { Err(ShopError::Unavailable) })
    }

    fn history(&self, _: i32, _: u32) -> BoxFuture<'_, Result<Vec<Entry>, ShopError>> {
        Box::pin(async { Err(ShopError::Unavailable) })
    }

    fn get<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, ShopError>> {
        Box::pin(async { Err(ShopError::Unavailable) })
    }

    fn set<'a>(&'a self, _: &'a str, _: &'a str, _: Option<Vec<u8>>) -> BoxFuture<'a, Result<(), ShopError>> {
        Box::pin(async { Err(ShopError::Unavailable) })
    }
}

impl ShopError {
    /// A short name for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadInput(_) => "bad-input",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for ShopError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BadInput(why) => why,
            Self::Unavailable => "the shop does not answer",
        })
    }
}
