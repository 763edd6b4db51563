//! What to recommend: candidates, what is left out, scores, the order, the reasons. Pure: no transport, no SQL.
//!
//! A list is filled from these sources in turn, each only as far as the one before leaves places:
//!
//! 1. what the model scores above nothing, from the reader's own history;
//! 2. what many readers like, in the category;
//! 3. any other book, each with the same chance. While nobody has rated anything, that is all.
//!
//! Where exploration is asked for, its share of the places goes to the third source from the start.

mod likeness;
mod marks;
mod popularity;
mod similar;
mod spread;
mod wanted;

use rand::{Rng, RngExt as _, seq::index};

pub use self::{
    likeness::{Likeness, Resembling},
    popularity::{HALF_LIFE, Popularity},
    similar::similar,
};
use self::{
    marks::{Marks, with_marks},
    spread::{List, diversify},
    wanted::Wanted,
};
use crate::catalogue::Catalogue;

/// Why nothing can be recommended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecommendError {
    /// The catalogue has no category with this number.
    #[error("there is no category {0}")]
    NoSuchCategory(i32),
}

/// Which categories to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelves<'a> {
    /// The whole catalogue.
    All,
    /// Books of any of these categories, by number.
    Of(&'a [i32]),
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Where to look.
    pub shelves: Shelves<'a>,
    /// How many books at most.
    pub count: usize,
    /// Books that are not wanted, by number: those that the reader knows among them.
    pub exclude: &'a [i32],
    /// Only books in this language; empty: any.
    pub language: &'a str,
    /// Only books first published between these years, both included.
    pub years: (Option<i32>, Option<i32>),
    /// From 0, only relevance, to 1, as much variety as possible.
    pub diversity: f32,
    /// The share of places that are filled at random.
    pub exploration: f32,
    /// At most two books of one author or series among the first ten.
    pub capped: bool,
}

/// A book in a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// Its place in the catalogue.
    pub place: u32,
    /// How well it fits, by the measure of the reason's kind.
    pub score: f32,
    /// Why it is there.
    pub reason: Reason,
}

/// Why a book is in a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// Nothing is known: each book has the same chance.
    Chance,
    /// Readers who liked the source liked this one.
    Liked(Source),
    /// It resembles the source.
    Similar(Source),
    /// The reader's history as a whole points to it.
    Taste,
    /// Many readers like it.
    Popular,
    /// Chance, so that new books are seen.
    Exploration,
}

/// The book of a reader's history that a recommendation owes most to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Its number.
    pub book: i32,
    /// How much of the score would be lost without it.
    pub contribution: f32,
}

/// What knows which books fit a reader, and why.
pub trait Ranker {
    /// Up to `count` books for which there is a reason, the best first, out of those for whose places `allowed` says yes. A
    /// reason that costs something to find is [`Reason::Taste`] for now.
    fn rank(&mut self, count: usize, allowed: &mut dyn FnMut(u32) -> bool) -> Vec<Pick>;

    /// Finds the reasons of books that [`Self::rank`] gave: of those that are shown, which are fewer.
    fn explain(&mut self, picks: &mut [Pick]);
}

/// Without one, nothing is known of anybody.
impl<R: Ranker> Ranker for Option<R> {
    fn rank(&mut self, count: usize, allowed: &mut dyn FnMut(u32) -> bool) -> Vec<Pick> {
        self.as_mut().map(|ranker| ranker.rank(count, allowed)).unwrap_or_default()
    }

    fn explain(&mut self, picks: &mut [Pick]) {
        if let Some(ranker) = self {
            ranker.explain(picks);
        }
    }
}

/// So many candidates a place are looked at, so that variety has a choice…
const CHOICE: usize = 4;
/// …and at least so many in all.
const LEAST_CHOICE: usize = 40;
/// Variety is looked for on no more places than this.
const VARIED: usize = 100;

/// How many candidates are looked at for so many places.
fn choice(places: usize) -> usize {
    places.saturating_mul(CHOICE).max(LEAST_CHOICE)
}

/// Gives the first places to candidates, the best first, with an eye on variety.
fn vary(catalogue: &Catalogue, candidates: &mut [Pick], places: usize, diversity: f32) {
    if diversity > 0.0 && places > 0 {
        let choice = candidates.len().min(VARIED * CHOICE);
        diversify(catalogue, &mut candidates[..choice], places, diversity);
    }
}

/// Fills a list of up to `question.count` different books, the best first.
///
/// Reasons are looked for once it is settled which books are shown.
///
/// Beside what `ranker` costs, the cost grows with the answer and with the reader's history; with the catalogue only where a
/// language or years leave too little of it.
///
/// # Errors
///
/// If the catalogue does not have a category that is asked for.
pub fn recommend<R: Rng>(
    catalogue: &Catalogue,
    popularity: &Popularity,
    mut ranker: impl Ranker,
    question: &Question<'_>,
    random: &mut R,
) -> Result<Vec<Pick>, RecommendError> {
    let wanted = Wanted::new(catalogue, question)?;
    with_marks(catalogue.len(), |seen, works| {
        for &id in question.exclude {
            if let Some(book) = catalogue.book(id) {
                seen.add(book.place());
                works.add(book.work());
            }
        }
        let mut is_wanted = |place: u32| {
            let book = catalogue.at(place as usize);
            book.is_some_and(|book| !seen.has(place) && !works.has(book.work()) && wanted.has(book))
        };
        let choice = choice(question.count).min(catalogue.len());
        let mut ranked = ranker.rank(choice, &mut is_wanted);
        vary(catalogue, &mut ranked, question.count.min(VARIED), question.diversity);
        let list = List::new(catalogue, question.count, question.capped, works);
        let Question { exploration, diversity, .. } = *question;
        let mut filling = Filling { wanted, popularity, seen, list, exploration, diversity };
        filling.explore_and(ranked.into_iter(), random);
        filling.popular(random);
        filling.anything(random);
        let mut picks = filling.list.finish();
        ranker.explain(&mut picks);
        Ok(picks)
    })
}

/// A list that is being filled.
struct Filling<'a> {
    wanted: Wanted<'a>,
    popularity: &'a Popularity,
    /// Places that are in the list or may not be.
    seen: &'a mut Marks,
    list: List<'a>,
    exploration: f32,
    diversity: f32,
}

impl Filling<'_> {
    /// Offers picks until the list is full; a share of its places goes to chance.
    fn explore_and(&mut self, picks: impl Iterator<Item = Pick>, random: &mut impl Rng) {
        for pick in picks {
            while !self.list.is_full() && self.explores(random) {
                let before = self.list.len();
                self.sample(1, Reason::Exploration, random);
                if self.list.len() == before {
                    break;
                }
            }
            if self.list.is_full() {
                return;
            }
            if self.seen.add(pick.place) {
                self.list.offer(pick);
            }
        }
    }

    fn explores(&self, random: &mut impl Rng) -> bool {
        self.exploration > 0.0 && random.random::<f32>() < self.exploration
    }

    /// What many readers like.
    fn popular(&mut self, random: &mut impl Rng) {
        let popularity = self.popularity;
        let one = self.wanted.category();
        let several = one.is_none() && self.wanted.shelves().len() > 1;
        let catalogue = self.wanted.catalogue();
        // The order of all holds those of every category.
        let order = popularity.order(if several { None } else { one }).iter().copied();
        let mut order =
            order.map(|place| Pick { place, score: popularity.worth(place), reason: Reason::Popular });
        let mut offered = Vec::new();
        while !self.list.is_full() {
            offered.clear();
            let seen = &*self.seen;
            let wanted = &self.wanted;
            let fits = |pick: &Pick| {
                let book = catalogue.at(pick.place as usize);
                book.is_some_and(|book| {
                    !seen.has(pick.place)
                        && if several { wanted.has(book) } else { wanted.has_on_shelf(book) }
                })
            };
            let room = self.list.room();
            let varied =
                if self.diversity > 0.0 { room.min(VARIED.saturating_sub(self.list.len())) } else { 0 };
            let least = if varied > 0 { choice(varied) } else { 16 };
            offered.extend(order.by_ref().filter(fits).take(room.max(least)));
            if offered.is_empty() {
                return;
            }
            vary(catalogue, &mut offered, varied, self.diversity);
            self.explore_and(offered.iter().copied(), random);
        }
    }

    /// Any book that is left, each with the same chance.
    fn anything(&mut self, random: &mut impl Rng) {
        let room = self.list.room();
        let reason = if self.popularity.is_empty() && self.list.len() == 0 {
            Reason::Chance
        } else {
            Reason::Exploration
        };
        self.sample(room, reason, random);
        if !self.list.is_full() {
            // Chance has missed some.
            for shelf in 0..self.wanted.shelves().len() {
                let places = self.wanted.shelves()[shelf].places();
                let start = if places.is_empty() { 0 } else { random.random_range(0..places.len()) };
                for &place in places[start..].iter().chain(&places[..start]) {
                    if self.list.is_full() {
                        return;
                    }
                    self.offer_if_wanted(place, reason);
                }
            }
        }
    }

    /// Offers up to about `count` books at random. It may find fewer where few are wanted.
    fn sample(&mut self, count: usize, reason: Reason, random: &mut impl Rng) {
        const TRIES: usize = 8;
        let target = self.list.len() + count.min(self.list.room());
        let total: usize = self.wanted.shelves().iter().map(|shelf| shelf.len()).sum();
        if total == 0 {
            return;
        }
        // A further round makes up for books that were not wanted.
        for _ in 0..TRIES {
            let missing = target.saturating_sub(self.list.len());
            if missing == 0 {
                return;
            }
            for position in index::sample(random, total, missing.min(total)) {
                if let Some(place) = self.at(position) {
                    self.offer_if_wanted(place, reason);
                }
            }
        }
    }

    /// The book at this position on the shelves, one behind the other.
    fn at(&self, mut position: usize) -> Option<u32> {
        for shelf in self.wanted.shelves() {
            match shelf.places().get(position) {
                Some(&place) => return Some(place),
                None => position -= shelf.len(),
            }
        }
        None
    }

    fn offer_if_wanted(&mut self, place: u32, reason: Reason) {
        let Some(book) = self.wanted.catalogue().at(place as usize) else { return };
        if self.wanted.has_on_shelf(book) && self.seen.add(place) {
            self.list.offer(Pick { place, score: 0.0, reason });
        }
    }
}

#[cfg(test)]
mod tests;
