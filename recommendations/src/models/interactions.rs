//! What readers think of books, as the algorithms see it.

use super::{Sparse, TrainError};

/// What a reader thinks of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// Rated 3.5 stars or more, or read without stars.
    Positive,
    /// On the list to be read: says a little, and the book may still be recommended.
    Wanted,
    /// Rated 3 stars: known, and says nothing.
    Neutral,
    /// Rated 2.5 stars or less, or "not for me".
    Negative,
}

impl Opinion {
    /// What stars mean. No stars are a positive; what is no number says nothing.
    #[must_use]
    pub fn of(stars: Option<f32>) -> Self {
        match stars {
            None => Self::Positive,
            Some(stars) if stars >= 3.5 => Self::Positive,
            Some(stars) if stars <= 2.5 => Self::Negative,
            Some(_) => Self::Neutral,
        }
    }
}

/// A reader and a book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interaction {
    /// The reader's number, counted from 0.
    pub reader: u32,
    /// The book's number, counted from 0.
    pub book: u32,
    /// Half stars from 0.5 to 5, if there are any.
    pub stars: Option<f32>,
}

/// All positive interactions: readers × books, by reader and by book.
///
/// Holds 16 bytes an interaction and 8 a reader and a book; 12 more an interaction while it is made. 2 more an interaction where
/// their ages are known.
#[derive(Clone, Debug)]
pub struct Interactions {
    by_reader: Sparse,
    by_book: Sparse,
    /// In days, in the order of `by_reader`; empty where none is known.
    ages: Vec<u16>,
}

impl Interactions {
    /// Keeps the positives (see [`Opinion::of`]). Of several interactions of a reader with a book the last counts.
    ///
    /// # Errors
    ///
    /// If a reader or book is out of range.
    pub fn new(
        readers: usize,
        books: usize,
        all: impl IntoIterator<Item = Interaction>,
    ) -> Result<Self, TrainError> {
        let all = all.into_iter();
        let mut rows: Vec<(u32, u32, bool)> = Vec::with_capacity(all.size_hint().0);
        let mut starts = vec![0_u64; readers + 1];
        for Interaction { reader, book, stars } in all {
            if reader as usize >= readers || book as usize >= books {
                return Err(TrainError::OutOfRange { reader, book, readers, books });
            }
            starts[reader as usize + 1] += 1;
            rows.push((reader, book, Opinion::of(stars) == Opinion::Positive));
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        // A counting sort by reader keeps the order of what a reader did.
        let mut sorted = vec![(0_u32, false); rows.len()];
        let mut next = starts.clone();
        for (reader, book, positive) in rows.drain(..) {
            let place = &mut next[reader as usize];
            sorted[*place as usize] = (book, positive);
            *place += 1;
        }
        drop(rows);
        let mut by_reader = Sparse::with_capacity(books, readers, sorted.len());
        let mut kept = Vec::new();
        for reader in 0..readers {
            let row = &mut sorted[starts[reader] as usize..starts[reader + 1] as usize];
            row.sort_by_key(|&(book, _)| book);
            kept.clear();
            for (place, &(book, positive)) in row.iter().enumerate() {
                let last = row.get(place + 1).is_none_or(|&(next, _)| next != book);
                if last && positive {
                    kept.push((book, 1.0));
                }
            }
            by_reader.push(&kept);
        }
        drop(sorted);
        let by_book = by_reader.transposed();
        Ok(Self { by_reader, by_book, ages: Vec::new() })
    }

    /// The same with what is known of how old they are: reader, book and days. Of several the last counts; whose age is not told
    /// is as good as new. Pairs that are not there are passed over.
    #[must_use]
    pub fn with_ages(mut self, all: impl IntoIterator<Item = (u32, u32, f32)>) -> Self {
        self.ages = vec![0; self.len()];
        for (reader, book, days) in all {
            if let Ok(place) = self.by_reader.row(reader as usize).0.binary_search(&book) {
                // Whole days, up to 179 years; what is no number is new.
                self.ages[self.by_reader.starts()[reader as usize] as usize + place] = days as u16;
            }
        }
        self
    }

    /// How many readers there are, those without a positive interaction included.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.by_reader.rows()
    }

    /// How many books there are, those that nobody likes included.
    #[must_use]
    pub fn books(&self) -> usize {
        self.by_reader.columns()
    }

    /// How many positive interactions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_reader.len()
    }

    /// Whether nobody likes anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_reader.is_empty()
    }

    /// Readers × books; every value is 1.
    #[must_use]
    pub fn by_reader(&self) -> &Sparse {
        &self.by_reader
    }

    /// How many days old each is, in the order of [`Self::by_reader`]; empty where none is known.
    #[must_use]
    pub fn ages(&self) -> &[u16] {
        &self.ages
    }

    /// Books × readers; every value is 1.
    #[must_use]
    pub fn by_book(&self) -> &Sparse {
        &self.by_book
    }
}
