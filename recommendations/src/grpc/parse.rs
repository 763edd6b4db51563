//! Requests as types that cannot be wrong.

use protobufs::MAX_QUERY_CHARACTERS;

use super::status::{CallError, Violation};
use crate::ratings::{Shelf, Stars};

const MAX_NAME_CHARACTERS: usize = 64;

/// Who asks; `None` inside is a reader of whom nothing can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReaderId(Option<u32>);

impl ReaderId {
    /// 0 (unset) is nobody in particular.
    pub(super) fn parse(field: &'static str, value: i32) -> Result<Self, Violation> {
        match u32::try_from(value) {
            Ok(0) => Ok(Self(None)),
            Ok(id) => Ok(Self(Some(id))),
            Err(_) => Err(Violation { field, description: "must not be negative" }),
        }
    }

    pub(super) fn get(self) -> Option<u32> {
        self.0
    }
}

/// How many books are wanted, the server's own limit applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MaxResults(usize);

impl MaxResults {
    pub(super) fn parse(field: &'static str, value: i32, limit: usize) -> Result<Self, Violation> {
        let count =
            usize::try_from(value).map_err(|_| Violation { field, description: "must not be negative" })?;
        Ok(Self(count.min(limit)))
    }

    pub(super) fn get(self) -> usize {
        self.0
    }
}

/// How many of a list are wanted: `DEFAULT` unless that is said, and never more than `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size<const DEFAULT: usize, const MOST: usize>(usize);

pub(super) type PageSize = Size<24, 100>;
pub(super) type SimilarCount = Size<10, 100>;
pub(super) type HistoryPageSize = Size<100, 1_000>;
pub(super) type JobPageSize = Size<20, 100>;
pub(super) type Days = Size<30, 366>;

impl<const DEFAULT: usize, const MOST: usize> Size<DEFAULT, MOST> {
    pub(super) fn parse(field: &'static str, value: i32) -> Result<Self, Violation> {
        match usize::try_from(value) {
            Ok(0) => Ok(Self(DEFAULT)),
            Ok(size) => Ok(Self(size.min(MOST))),
            Err(_) => Err(Violation { field, description: "must not be negative" }),
        }
    }

    pub(super) fn get(self) -> usize {
        self.0
    }
}

/// The number of a reader who may exist.
pub(super) fn reader_id(field: &'static str, value: i32) -> Result<u32, Violation> {
    let reader = u32::try_from(value).ok().filter(|&reader| reader > 0);
    reader.ok_or(Violation { field, description: "must be at least 1" })
}

/// Half a star to five.
pub(super) fn stars(field: &'static str, value: f32) -> Result<Stars, Violation> {
    Stars::from_value(value).ok_or(Violation { field, description: "must be 0.5 to 5 in halves" })
}

/// A place for books.
pub(super) fn shelf(field: &'static str, value: i32) -> Result<Shelf, Violation> {
    let shelf = u8::try_from(value).ok().and_then(Shelf::from_number);
    shelf.ok_or(Violation { field, description: "is no shelf" })
}

/// What somebody else has named something; `None` if it is empty.
pub(super) fn name(field: &'static str, value: String) -> Result<Option<Box<str>>, Violation> {
    const { assert!(MAX_NAME_CHARACTERS == 64, "the sentence says 64") };
    if value.is_empty() {
        return Ok(None);
    }
    if value.len() > MAX_NAME_CHARACTERS && value.chars().count() > MAX_NAME_CHARACTERS {
        return Err(Violation { field, description: "must have at most 64 characters" });
    }
    if value.chars().any(char::is_control) {
        return Err(Violation { field, description: "must have no control characters" });
    }
    Ok(Some(value.into()))
}

/// The number of a book that may exist.
pub(super) fn book_id(field: &'static str, value: i32) -> Result<i32, Violation> {
    if value > 0 { Ok(value) } else { Err(Violation { field, description: "must be at least 1" }) }
}

/// A search of bounded length.
pub(super) fn query(field: &'static str, value: String) -> Result<String, Violation> {
    // A character is at least a byte.
    if value.len() > MAX_QUERY_CHARACTERS && value.chars().count() > MAX_QUERY_CHARACTERS {
        const { assert!(MAX_QUERY_CHARACTERS == 200, "the sentence says 200") };
        return Err(Violation { field, description: "must have at most 200 characters" });
    }
    Ok(value)
}

/// All of them, or all that is wrong with any.
pub(super) fn all<A, B, C>(
    one: Result<A, Violation>,
    two: Result<B, Violation>,
    three: Result<C, Violation>,
) -> Result<(A, B, C), CallError> {
    match (one, two, three) {
        (Ok(one), Ok(two), Ok(three)) => Ok((one, two, three)),
        (one, two, three) => {
            Err(CallError::Invalid([one.err(), two.err(), three.err()].into_iter().flatten().collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MaxResults, PageSize, ReaderId, query};

    #[test]
    fn limits_apply() {
        assert_eq!(MaxResults::parse("max_results", 1_000_000, 10_000).map(MaxResults::get), Ok(10_000));
        assert!(MaxResults::parse("max_results", -1, 10_000).is_err());
        assert!(ReaderId::parse("user_id", i32::MIN).is_err());
        assert_eq!(ReaderId::parse("user_id", 0), Ok(ReaderId(None)));
        for (asked, size) in [(0, 24), (1, 1), (100, 100), (101, 100), (i32::MAX, 100)] {
            assert_eq!(PageSize::parse("page_size", asked).map(PageSize::get), Ok(size));
        }
        assert!(query("query", "ü".repeat(200)).is_ok());
        assert!(query("query", "ü".repeat(201)).is_err());
    }
}
