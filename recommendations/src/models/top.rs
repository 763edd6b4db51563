//! The best of many, without sorting them all.

use std::{cmp::Ordering, collections::BinaryHeap};

/// Holds the best scores so far; of equal scores the books that come first.
#[derive(Debug, Default)]
pub(crate) struct Top {
    count: usize,
    /// The worst of them is on top.
    heap: BinaryHeap<Entry>,
    sorted: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    score: f32,
    book: u32,
}

impl Eq for Entry {}

impl Ord for Entry {
    /// What is worse is greater.
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.book.cmp(&other.book))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Top {
    pub(crate) fn clear(&mut self, count: usize) {
        self.count = count;
        self.heap.clear();
    }

    /// Whether it would be among the best.
    #[inline]
    pub(crate) fn wants(&self, score: f32, book: u32) -> bool {
        self.heap.len() < self.count || self.heap.peek().is_some_and(|worst| Entry { score, book } < *worst)
    }

    /// Below this score nothing is wanted.
    #[inline]
    pub(crate) fn bar(&self) -> f32 {
        match self.heap.peek() {
            _ if self.count == 0 => f32::INFINITY,
            Some(worst) if self.heap.len() == self.count => worst.score,
            _ => f32::NEG_INFINITY,
        }
    }

    /// Adds what it [wants](Self::wants).
    #[inline]
    pub(crate) fn push(&mut self, score: f32, book: u32) {
        if self.heap.len() < self.count {
            self.heap.push(Entry { score, book });
        } else if let Some(mut worst) = self.heap.peek_mut() {
            *worst = Entry { score, book };
        }
    }

    /// The best first.
    pub(crate) fn sorted(&mut self) -> impl Iterator<Item = (f32, u32)> + '_ {
        self.sorted.clear();
        self.sorted.extend(self.heap.drain());
        self.sorted.sort_unstable();
        self.sorted.iter().map(|entry| (entry.score, entry.book))
    }
}
