use std::fmt;

use futures_util::future::BoxFuture;

pub use crate::kinds::imports::shelfwise::functions::{
    books::Book,
    readers::{Entry, Shelf},
};

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

    /// Keeps a value, or forgets it. Keys and values that are too long, and too many, are refused here and nowhere else.
    fn set<'a>(
        &'a self,
        function: &'a str,
        key: &'a str,
        value: Option<Vec<u8>>,
    ) -> BoxFuture<'a, Result<(), ShopError>>;
}

/// Why the shop does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShopError {
    /// What was asked makes no sense, such as a key that is too long.
    BadInput(String),
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
    pub const fn code(&self) -> &'static str {
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
