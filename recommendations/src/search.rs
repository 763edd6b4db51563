//! Finding books by title, author, series, subject, category or ISBN.
//!
//! All words must match; a word of five letters or more may hold one typing error (a letter too many, too few, another or
//! two swapped), and the last word may be unfinished. The best match comes first: a title that is exactly the query, then by
//! where the words were found: title over author over series over subject over category, and as typed over unfinished over
//! mistyped. What is equal after that comes in the order of ids.
//!
//! Chinese, Japanese and Korean are found by any part of what is written: by each sign and each two that stand together.

mod build;
mod query;
mod words;

use std::{cmp::Reverse, path::Path};

use tantivy::{
    DocId, IndexReader, Score, SegmentReader, TantivyError,
    collector::{Count, TopDocs},
    query::Query,
};

use self::{build::FIELDS, query::Strictness};
use crate::catalogue::{Catalogue, Isbn13, fold};

/// How many matches can be paged through.
pub const MAX_MATCHES: usize = 1_000;

/// What finds the books of one snapshot.
pub struct Index {
    reader: IndexReader,
}

/// Books that match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// Places in the catalogue (for `Catalogue::at`) of the matches asked for, the best first.
    pub places: Vec<usize>,
    /// How many books match in all.
    pub total: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The index cannot be written or opened.
    #[error("cannot make the search index in {folder}")]
    Build {
        /// Where; "memory" if nowhere else.
        folder: String,
        /// The library's own words.
        source: TantivyError,
    },
    /// The folder of the index cannot be changed.
    #[error("cannot change the folder of the search index, {folder}")]
    Folder {
        /// Which.
        folder: String,
        /// The system's own words.
        source: std::io::Error,
    },
    /// The index failed to answer.
    #[error("cannot search")]
    Search(#[source] TantivyError),
}

impl Index {
    /// The index of a snapshot: opened if `folder` has it, else made, and kept there for the next start. Without a folder
    /// it is made in memory.
    ///
    /// Blocks: about 20 µs a book if it must be made.
    ///
    /// # Errors
    ///
    /// If it can neither be opened nor made.
    pub fn of(catalogue: &Catalogue, folder: Option<&Path>) -> Result<Self, SearchError> {
        let reader = match folder {
            Some(folder) => build::in_folder(catalogue, folder)?,
            None => build::in_memory(catalogue)?,
        };
        Ok(Self { reader })
    }

    /// The matches from `offset` on, at most `limit`, none beyond [`MAX_MATCHES`]. Blocks for up to some milliseconds.
    ///
    /// # Errors
    ///
    /// If the index cannot be read.
    pub fn search(&self, text: &str, offset: usize, limit: usize) -> Result<Matches, SearchError> {
        if let Some(isbn) = isbn(text) {
            let matches = self.run(&query::isbn(isbn), offset, limit)?;
            if matches.total > 0 {
                return Ok(matches);
            }
        }
        let folded = fold(text);
        if folded.is_empty() {
            return Ok(Matches::default());
        }
        let matches = self.run(&query::words(&folded, Strictness::AsTyped), offset, limit)?;
        if matches.total > 0 {
            return Ok(matches);
        }
        self.run(&query::words(&folded, Strictness::Forgiving), offset, limit)
    }

    fn run(&self, query: &dyn Query, offset: usize, limit: usize) -> Result<Matches, SearchError> {
        let searcher = self.reader.searcher();
        let limit = limit.min(MAX_MATCHES.saturating_sub(offset));
        if limit == 0 {
            let total = searcher.search(query, &Count).map_err(SearchError::Search)?;
            return Ok(Matches { places: Vec::new(), total });
        }
        // A document's number is an accident of the build; its place in the catalogue is not.
        let rank = |segment: &SegmentReader| {
            let places = segment.fast_fields().u64(FIELDS.place).ok();
            move |document: DocId, score: Score| {
                let place = places.as_ref().and_then(|places| places.first(document)).unwrap_or(u64::MAX);
                (score, Reverse(place))
            }
        };
        let best = TopDocs::with_limit(limit).and_offset(offset).tweak_score(rank);
        let (best, total) = searcher.search(query, &(best, Count)).map_err(SearchError::Search)?;
        let places =
            best.into_iter().filter_map(|((_, Reverse(place)), _)| usize::try_from(place).ok()).collect();
        Ok(Matches { places, total })
    }
}

/// The ISBN that a text is, with or without that word before it: `ISBN-13: 978…`, `isbn:0679…`.
fn isbn(text: &str) -> Option<Isbn13> {
    let text = text.trim();
    let Some((_, number)) = text.split_at_checked(4).filter(|(word, _)| word.eq_ignore_ascii_case("isbn"))
    else {
        return Isbn13::parse(text).ok();
    };
    let sign = |letter: char| !letter.is_ascii_digit();
    let number = number.trim_start_matches(sign);
    // The 10 and 13 of `ISBN-10` and `ISBN-13`, where they are not the number's own first digits.
    let without_kind = ["10", "13"].into_iter().find_map(|kind| number.strip_prefix(kind));
    let without_kind = without_kind.map(|number| number.trim_start_matches(sign));
    [Some(number), without_kind].into_iter().flatten().find_map(|number| Isbn13::parse(number).ok())
}
