use std::ops::{Range, RangeInclusive};

use super::Entry;

/// Histories that do not change: the readers' numbers, where each one's entries begin, and all entries one behind the
/// other.
#[derive(Default)]
pub struct Base {
    readers: Vec<u32>,
    /// One more than readers once there is any.
    starts: Vec<u64>,
    entries: Vec<Entry>,
}

/// Entries came out of the order of readers and books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the entry of reader {reader} and book {book} is out of order")]
pub struct Unordered {
    /// Whose entry.
    pub reader: u32,
    /// Of which book.
    pub book: i32,
}

impl Base {
    /// Nothing yet, with room for so many.
    #[must_use]
    pub fn with_capacity(readers: usize, entries: usize) -> Self {
        Self {
            readers: Vec::with_capacity(readers),
            starts: Vec::with_capacity(readers + 1),
            entries: Vec::with_capacity(entries),
        }
    }

    /// Puts the next entry behind the others.
    ///
    /// # Errors
    ///
    /// If it does not belong behind them in the order of readers and books.
    pub fn push(&mut self, reader: u32, entry: Entry) -> Result<(), Unordered> {
        let in_order = match (self.readers.last(), self.entries.last()) {
            (Some(&last), Some(before)) => (last, before.book) < (reader, entry.book),
            _ => true,
        };
        if !in_order {
            return Err(Unordered { reader, book: entry.book });
        }
        if self.readers.last() != Some(&reader) {
            self.begin(reader);
        }
        self.entries.push(entry);
        *self.starts.last_mut().expect("begin has put one") += 1;
        Ok(())
    }

    /// A reader's whole history, behind all others. An empty one is left out.
    pub(super) fn push_all(&mut self, reader: u32, history: &[Entry]) {
        if history.is_empty() {
            return;
        }
        self.begin(reader);
        self.entries.extend_from_slice(history);
        *self.starts.last_mut().expect("begin has put one") += history.len() as u64;
    }

    /// How many entries it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many readers it holds.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.readers.len()
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.readers.capacity() * size_of::<u32>()
            + self.starts.capacity() * size_of::<u64>()
            + self.entries.capacity() * size_of::<Entry>()
    }

    /// Gives back what growing took too much.
    pub fn shrink(&mut self) {
        self.readers.shrink_to_fit();
        self.starts.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// Where a reader's entries lie; an empty range where there are none.
    pub(super) fn range(&self, reader: u32) -> Range<usize> {
        self.readers.binary_search(&reader).map_or(0..0, |place| self.at(place))
    }

    pub(super) fn entries(&self, range: Range<usize>) -> &[Entry] {
        &self.entries[range]
    }

    /// The readers with these numbers.
    pub(super) fn readers_in(&self, numbers: &RangeInclusive<u32>) -> &[u32] {
        let start = self.readers.partition_point(|reader| reader < numbers.start());
        let end = self.readers.partition_point(|reader| reader <= numbers.end());
        self.readers.get(start..end).unwrap_or_default()
    }

    /// The reader at this place, counted from 0 in the order of numbers, and the history.
    pub(super) fn reader(&self, place: usize) -> Option<(u32, &[Entry])> {
        let reader = *self.readers.get(place)?;
        Some((reader, &self.entries[self.at(place)]))
    }

    fn at(&self, place: usize) -> Range<usize> {
        let start = |place: usize| usize::try_from(self.starts[place]).expect("it lies in memory");
        start(place)..start(place + 1)
    }

    fn begin(&mut self, reader: u32) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.readers.push(reader);
        self.starts.push(self.entries.len() as u64);
    }
}
