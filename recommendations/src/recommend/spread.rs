//! Variety: the places of a list are given out so that no author, series or work takes them all.

use super::{Pick, marks::Marks};
use crate::catalogue::{BookRef, Catalogue};

/// The first so many books of a list…
const FIRST: usize = 10;
/// …hold at most so many of one author or series.
const EACH: usize = 2;

/// Takes picks in the order of their scores, and gives the list.
pub(super) struct List<'a> {
    catalogue: &'a Catalogue,
    count: usize,
    capped: bool,
    picks: Vec<Pick>,
    held: Vec<Pick>,
    works: &'a mut Marks,
    /// Of the first ten: so few that looking through them is quicker than hashing.
    authors: Vec<u32>,
    series: Vec<u32>,
}

impl<'a> List<'a> {
    /// A list of `count` books that has room. `works` are those that may not be in it.
    pub(super) fn new(catalogue: &'a Catalogue, count: usize, capped: bool, works: &'a mut Marks) -> Self {
        Self {
            catalogue,
            count,
            capped,
            picks: Vec::with_capacity(count.min(64)),
            held: Vec::new(),
            works,
            authors: Vec::new(),
            series: Vec::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.picks.len() >= self.count
    }

    pub(super) fn len(&self) -> usize {
        self.picks.len()
    }

    /// How many more books would fill it, those that are held back not counted.
    pub(super) fn room(&self) -> usize {
        self.count.saturating_sub(self.picks.len())
    }

    /// Gives the next place to this book, or a later one, or none to a further edition of a work.
    pub(super) fn offer(&mut self, pick: Pick) {
        let Some(book) = self.catalogue.at(pick.place as usize) else { return };
        if !self.works.add(book.work()) {
            return;
        }
        if self.capped && self.picks.len() < FIRST && self.is_too_many(book) {
            self.held.push(pick);
            return;
        }
        self.take(pick, book);
        // Behind the first ten comes what was held back, before what is worth less.
        if self.picks.len() == FIRST {
            self.release();
        }
    }

    /// The list. Where there was too little variety, what was held back fills it.
    pub(super) fn finish(mut self) -> Vec<Pick> {
        self.release();
        self.picks.truncate(self.count);
        self.picks
    }

    /// Lets what was held back in, when nothing else is left.
    pub(super) fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        let room = self.room();
        self.picks.extend(held.into_iter().take(room));
    }

    fn is_too_many(&self, book: BookRef<'_>) -> bool {
        let full = |taken: &[u32], number: u32| taken.iter().filter(|&&it| it == number).count() >= EACH;
        book.author_numbers().iter().any(|&author| full(&self.authors, author))
            || book.series_number().is_some_and(|series| full(&self.series, series))
    }

    fn take(&mut self, pick: Pick, book: BookRef<'_>) {
        if self.capped && self.picks.len() < FIRST {
            self.authors.extend(book.author_numbers());
            self.series.extend(book.series_number());
        }
        self.picks.push(pick);
    }
}

/// Puts candidates, the best first, into an order between relevance (`diversity` 0) and variety (1): each place goes to the
/// one with the best score less its likeness to those before it (maximal marginal relevance, Carbonell and Goldstein 1998).
///
/// The cost is `places × candidates.len()`; what lies behind stays as it was.
pub(super) fn diversify(catalogue: &Catalogue, candidates: &mut [Pick], places: usize, diversity: f32) {
    let (Some(first), Some(last)) = (candidates.first(), candidates.last()) else { return };
    let (high, low) = (first.score, last.score);
    let span = (high - low).max(f32::MIN_POSITIVE);
    let book = |pick: &Pick| catalogue.at(pick.place as usize);
    let mut likeness = vec![0.0_f32; candidates.len()];
    for place in 0..places.min(candidates.len()) {
        let worth = |index: usize, likeness: &[f32]| {
            (1.0 - diversity) * (candidates[index].score - low) / span - diversity * likeness[index]
        };
        let best = (place..candidates.len())
            .max_by(|&a, &b| worth(a, &likeness).total_cmp(&worth(b, &likeness)).then(b.cmp(&a)))
            .expect("there is one left");
        // What lies between keeps its order.
        candidates[place..=best].rotate_right(1);
        likeness[place..=best].rotate_right(1);
        let Some(taken) = book(&candidates[place]) else { continue };
        for (candidate, likeness) in candidates.iter().zip(&mut likeness).skip(place + 1) {
            if let Some(other) = book(candidate) {
                *likeness = likeness.max(alike(taken, other));
            }
        }
    }
}

/// How alike two books are, from 0 to 1: series and author nearly settle it; then subjects and categories count.
pub(super) fn alike(one: BookRef<'_>, other: BookRef<'_>) -> f32 {
    let shares = |a: &[u32], b: &[u32]| a.iter().filter(|number| b.contains(number)).count() as f32;
    if one.series_number().is_some() && one.series_number() == other.series_number() {
        return 1.0;
    }
    if shares(one.author_numbers(), other.author_numbers()) > 0.0 {
        return 0.9;
    }
    let common = |a: &[u32], b: &[u32]| shares(a, b) / a.len().max(b.len()).max(1) as f32;
    0.5 * common(one.subject_numbers(), other.subject_numbers())
        + 0.3 * common(one.category_numbers(), other.category_numbers())
}
