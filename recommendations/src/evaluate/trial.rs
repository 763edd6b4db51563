//! What a model is trained with and what it has to find.

use super::HeldOut;
use crate::models::{Event, Interaction, Interactions, Opinion, TrainError};

/// A split of interactions.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What the model may see.
    pub data: Interactions,
    /// By reader: the history that is folded in, negatives included.
    pub histories: Vec<Vec<Event>>,
    /// By reader: the books to find, in order; empty for readers who are not asked about.
    pub hidden: Vec<Vec<u32>>,
    /// By book: whether it may be recommended, because it occurs in training.
    pub candidates: Vec<bool>,
}

impl Trial {
    /// From a split that somebody else made. Only positives are to be found, only by readers who have a history, and
    /// what stands in `train`, too, is not.
    ///
    /// # Errors
    ///
    /// If a reader or book is out of range.
    pub fn new(
        readers: usize,
        books: usize,
        train: &[Interaction],
        test: &[Interaction],
    ) -> Result<Self, TrainError> {
        let data = Interactions::new(readers, books, train.iter().copied())?;
        let mut histories = vec![Vec::new(); readers];
        let mut candidates = vec![false; books];
        // From the end, so that the last opinion is the first, which counts.
        for it in train.iter().rev() {
            histories[it.reader as usize].push(Event::rated(it.book, it.stars));
            candidates[it.book as usize] = true;
        }
        let mut hidden: Vec<Vec<u32>> = vec![Vec::new(); readers];
        for it in test {
            if it.reader as usize >= readers || it.book as usize >= books {
                return Err(TrainError::OutOfRange { reader: it.reader, book: it.book, readers, books });
            }
            if Opinion::of(it.stars) == Opinion::Positive && !histories[it.reader as usize].is_empty() {
                hidden[it.reader as usize].push(it.book);
            }
        }
        for (books, history) in hidden.iter_mut().zip(&histories) {
            books.sort_unstable();
            books.dedup();
            if !books.is_empty() {
                let known: std::collections::HashSet<u32> = history.iter().map(|event| event.book).collect();
                books.retain(|book| !known.contains(book));
            }
        }
        Ok(Self { data, histories, hidden, candidates })
    }

    /// Holds out a share of the interactions, by the names that readers and books have for ever.
    ///
    /// # Errors
    ///
    /// If a reader or book is out of range.
    pub fn hold_out(
        reader_names: &[i64],
        book_names: &[i64],
        all: &[Interaction],
        held_out: HeldOut,
    ) -> Result<Self, TrainError> {
        let name = |names: &[i64], place: u32| names.get(place as usize).copied().unwrap_or_default();
        // What is not written of the room is not held either, while growing would hold half as much again.
        let (mut test, mut train) = (Vec::new(), Vec::with_capacity(all.len()));
        for it in all {
            let held = held_out.holds(name(reader_names, it.reader), name(book_names, it.book));
            if held { test.push(*it) } else { train.push(*it) }
        }
        Self::new(reader_names.len(), book_names.len(), &train, &test)
    }

    /// The same with what is known of how old interactions are, as for [`Interactions::with_ages`].
    #[must_use]
    pub fn with_ages(self, all: impl IntoIterator<Item = (u32, u32, f32)>) -> Self {
        Self { data: self.data.with_ages(all), ..self }
    }

    /// The readers who have something to find.
    pub fn asked(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.hidden.len()).filter(|&reader| !self.hidden[reader].is_empty())
    }

    /// Asks only about so many readers, chosen by number, so that a trial of many readers ends.
    pub fn ask_at_most(&mut self, readers: usize) {
        let mut asked: Vec<usize> = self.asked().collect();
        if asked.len() > readers {
            asked.sort_by_cached_key(|&reader| service::stable::mix(reader as u64));
            asked[readers..].iter().for_each(|&reader| self.hidden[reader].clear());
        }
    }
}
