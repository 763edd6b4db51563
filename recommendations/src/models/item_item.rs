//! Scores that are sums over a history: what SLIM, EASE, nearest neighbours, content and the blend of them are served as.

use super::{
    Sparse,
    model::{Reason, Recommended, Scratch, Slot},
};

/// A sparse matrix of weights, 16 bytes and a bit a weight.
#[derive(Clone, Debug)]
pub(super) struct ItemItem {
    /// A row a book that is predicted: who speaks for it.
    pub(super) by_predicted: Sparse,
    /// A row a book of the history: whom it speaks for.
    pub(super) by_read: Sparse,
    /// Books whose weights come from content alone, sorted.
    pub(super) by_content: Vec<u32>,
    /// A bit a weight of [`Self::by_predicted`]: whether content speaks more for it than readers do. Empty where none is so.
    pub(super) alike: Vec<u32>,
    /// How much being popular adds to a score: to that of the most popular book so much, to others in proportion.
    pub(super) prior: f32,
}

impl ItemItem {
    pub(super) fn new(by_predicted: Sparse, by_content: Vec<u32>, prior: f32) -> Self {
        let by_read = by_predicted.transposed();
        Self { by_predicted, by_read, by_content, alike: Vec::new(), prior }
    }

    /// Whether content carries this weight: that of the row's so many-th.
    fn is_alike(&self, row: u32, offset: usize) -> bool {
        let first = self.by_predicted.starts().get(row as usize).copied().unwrap_or_default() as usize;
        let place = first + offset;
        self.by_content.binary_search(&row).is_ok()
            || self.alike.get(place / 32).is_some_and(|bits| bits >> (place % 32) & 1 == 1)
    }

    /// Adds up what the history speaks for.
    pub(super) fn score(&self, scratch: &mut Scratch) {
        let Scratch { sums, history, .. } = scratch;
        let rows = || history.iter().map(|&(book, weight)| (weight, self.by_read.row(book as usize)));
        let terms: usize = rows().map(|(_, (books, _))| books.len()).sum();
        sums.expect(terms, self.by_read.columns());
        for (weight, (books, values)) in rows() {
            sums.add(weight, books, values);
        }
    }

    /// The score is a sum over the history and of what being popular adds: taking a book out lowers it by its term. A book is
    /// named only if its term is the largest of all; where being popular is, the reason is that or the rest as a whole. That the
    /// two are alike is the reason where content has the larger part in the term.
    pub(super) fn explain(
        &self,
        known: &[Slot],
        call: u32,
        prior: impl Fn(u32) -> f32,
        answer: &mut [Recommended],
    ) {
        for recommended in answer {
            let mut best = (0.0_f32, None);
            for (offset, (book, value)) in self.by_predicted.entries(recommended.book as usize).enumerate() {
                let Some(slot) = known.get(book as usize) else { continue };
                if slot.call == call && slot.value * value > best.0 {
                    best = (slot.value * value, Some((offset, book)));
                }
            }
            recommended.reason = Reason::Popular;
            if let (contribution, Some((offset, book))) = best {
                let popular = prior(recommended.book);
                recommended.reason = if popular > contribution {
                    let rest = recommended.score - popular;
                    if popular < rest { Reason::Taste } else { Reason::Popular }
                } else if self.is_alike(recommended.book, offset) {
                    Reason::Alike { book, contribution }
                } else {
                    Reason::Liked { book, contribution }
                };
            }
        }
    }
}

/// How many numbers hold a bit for each of so many weights.
pub(super) fn words(weights: usize) -> usize {
    weights.div_ceil(32)
}
