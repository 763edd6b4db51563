//! What training makes and serving asks: an immutable model that ranks books for a history.

use super::{Opinion, Popularity, als::Factors, item_item::ItemItem, sums::Sums, top::Top};

/// A book in a reader's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The book's number, counted from 0. Books that the model does not know say nothing.
    pub book: u32,
    /// What the reader thinks of it.
    pub opinion: Opinion,
}

impl Event {
    /// Rated, or read without stars.
    #[must_use]
    pub fn rated(book: u32, stars: Option<f32>) -> Self {
        Self { book, opinion: Opinion::of(stars) }
    }
}

/// How much an event counts, by opinion. Neutral events count nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Says {
    /// A positive; 1 but for trials.
    pub positive: f32,
    /// A book that is wanted.
    pub wanted: f32,
    /// A negative: 0 drops it, more lowers its neighbours. Dropping is the default because lowering was no better on
    /// real stars: a table of `benchmarks quality`.
    pub negative: f32,
}

impl Default for Says {
    fn default() -> Self {
        Self { positive: 1.0, wanted: 0.5, negative: 0.0 }
    }
}

impl Says {
    pub(super) fn weight(self, opinion: Opinion) -> f32 {
        match opinion {
            Opinion::Positive => self.positive,
            Opinion::Wanted => self.wanted,
            Opinion::Neutral => 0.0,
            Opinion::Negative => -self.negative,
        }
    }
}

/// A book to recommend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recommended {
    /// The book's number.
    pub book: u32,
    /// How strongly; comparable within one answer.
    pub score: f32,
    /// Why.
    pub reason: Reason,
}

/// Why a book is recommended. A book that is named was rated 3.5 stars or more, or read or wanted without stars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// Readers of this book like it. Of the whole history, taking this book out lowers the score most: by `contribution`.
    Liked {
        /// The book in the history.
        book: u32,
        /// What the score would lose.
        contribution: f32,
    },
    /// It is like this book of the history: same author, series or subjects. That tells more than the few readers who know it.
    Alike {
        /// The book in the history.
        book: u32,
        /// What the score would lose.
        contribution: f32,
    },
    /// The history as a whole speaks for it, and no single book of it stands out: being popular alone tells more than any.
    Taste,
    /// Many readers like it: that tells more than the whole history.
    Popular,
}

/// A trained model. Serving takes `&self`; share it in an `Arc`.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) scorer: Scorer,
    pub(super) popularity: Popularity,
    pub(super) says: Says,
}

#[derive(Clone, Debug)]
pub(super) enum Scorer {
    /// The same for all.
    Popular,
    ItemItem(ItemItem),
    Als(Factors),
}

/// What a call needs besides the model: 12 bytes a book, made once a thread and used again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Raised by each call: what bears another number is from an earlier one.
    pub(super) call: u32,
    pub(super) sums: Sums,
    pub(super) known: Vec<Slot>,
    pub(super) history: Vec<(u32, f32)>,
    wanted: Vec<u32>,
    /// How much being popular adds in this call, as [`ItemItem::prior`].
    prior: f32,
    pub(super) fold: super::als::Fold,
    top: Top,
    answer: Vec<Recommended>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) call: u32,
    pub(super) value: f32,
}

impl Scratch {
    /// Grows with the first model that it is used for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn begin(&mut self, books: usize) {
        self.sums.begin(books);
        if self.known.len() < books {
            self.known.resize(books, Slot::default());
        }
        self.call = match self.call.checked_add(1) {
            Some(call) => call,
            None => {
                self.known.fill(Slot::default());
                1
            }
        };
        self.history.clear();
        self.wanted.clear();
        self.prior = 0.0;
        self.answer.clear();
    }

    /// Keeps the events that say something; of several about the same book the first counts.
    fn take(&mut self, history: &[Event], says: Says, books: usize) {
        for event in history {
            let Some(slot) = self.known.get_mut(event.book as usize) else { continue };
            if (event.book as usize) < books && slot.call != self.call {
                let weight = says.weight(event.opinion);
                *slot = Slot { call: self.call, value: weight };
                if weight != 0.0 {
                    self.history.push((event.book, weight));
                }
                if event.opinion == Opinion::Wanted {
                    self.wanted.push(event.book);
                }
            }
        }
        self.wanted.sort_unstable();
    }

    /// Takes the scores of books that cannot be recommended away, since they are among the highest.
    fn drop_closed(&mut self) {
        let Self { sums, history, wanted, .. } = self;
        for &(book, _) in &*history {
            if wanted.binary_search(&book).is_err() {
                sums.drop(book);
            }
        }
    }
}

impl Model {
    /// How many books the model knows.
    #[must_use]
    pub fn books(&self) -> usize {
        self.popularity.counts.len()
    }

    /// How popular the books are, in readers.
    #[must_use]
    pub fn popularity(&self) -> &Popularity {
        &self.popularity
    }

    /// Ranks up to `count` books for a reader, the best first, ties in the order of books, each with its reason. Books of the
    /// history are left out unless they are only wanted, and so is what `allowed` refuses. What the history says nothing about
    /// follows by popularity, then what it speaks against: a count of [`Model::books`] ranks every book that is allowed, once.
    ///
    /// The cost grows with the history and with `count`; nothing is allocated but in `scratch`, whose size is kept.
    pub fn recommend<'s>(
        &self,
        history: &[Event],
        count: usize,
        mut allowed: impl FnMut(u32) -> bool,
        scratch: &'s mut Scratch,
    ) -> &'s [Recommended] {
        self.rank(history, count, Some(usize::MAX), &mut allowed, scratch);
        let mut answer = std::mem::take(&mut scratch.answer);
        self.explain(&mut answer, scratch);
        self.follow(count, allowed, &mut answer, scratch);
        scratch.answer = answer;
        &scratch.answer
    }

    /// The first of [`Model::recommend`]: those books that the history speaks for; where readers tell so little that being
    /// popular tells more, popular ones, too, of which 20,000 are looked at. Their reasons are left open, for
    /// [`Model::explain`] to be asked about those that are shown.
    pub fn fitting<'s>(
        &self,
        history: &[Event],
        count: usize,
        allowed: impl FnMut(u32) -> bool,
        scratch: &'s mut Scratch,
    ) -> &'s [Recommended] {
        const POPULAR: usize = 20_000;
        self.rank(history, count, Some(POPULAR), allowed, scratch)
    }

    /// As [`Model::fitting`], but that being popular has no part in it: what goes together with the history and nothing else.
    pub fn together<'s>(
        &self,
        history: &[Event],
        count: usize,
        allowed: impl FnMut(u32) -> bool,
        scratch: &'s mut Scratch,
    ) -> &'s [Recommended] {
        self.rank(history, count, None, allowed, scratch)
    }

    /// Of the popular ones `popular` are looked at; `None`: being popular has no part in it.
    fn rank<'s>(
        &self,
        history: &[Event],
        count: usize,
        popular: Option<usize>,
        mut allowed: impl FnMut(u32) -> bool,
        scratch: &'s mut Scratch,
    ) -> &'s [Recommended] {
        scratch.begin(self.books());
        scratch.take(history, self.says, self.books());
        if let Scorer::ItemItem(weights) = &self.scorer {
            weights.score(scratch);
            let has_part = popular.is_some() && !scratch.history.is_empty();
            scratch.prior = if has_part { weights.prior } else { 0.0 };
            scratch.drop_closed();
        }
        let Scratch { known, wanted, call, sums, top, answer, history, fold, prior, .. } = scratch;
        let most = *prior;
        let mut open = |book: u32| is_open(book, known, *call, wanted) && allowed(book);
        top.clear(count);
        match &self.scorer {
            Scorer::Popular => {}
            Scorer::ItemItem(_) if most > 0.0 => {
                sums.best(count, f32::MIN_POSITIVE, |score, book| {
                    let score = score + self.prior(most, book);
                    if top.wants(score, book) && open(book) {
                        top.push(score, book);
                    }
                    (top.bar() - most).max(f32::MIN_POSITIVE)
                });
                // Of those that the history says nothing for, none behind one that is below the bar is above it.
                for &book in self.popularity.order.iter().take(popular.unwrap_or(0)) {
                    let prior = self.prior(most, book);
                    if prior < top.bar().max(f32::MIN_POSITIVE) {
                        break;
                    }
                    let score = sums.get(book) + prior;
                    let silent = sums.get(book) < f32::MIN_POSITIVE && score >= f32::MIN_POSITIVE;
                    if silent && top.wants(score, book) && open(book) {
                        top.push(score, book);
                    }
                }
            }
            Scorer::ItemItem(_) => sums.best(count, f32::MIN_POSITIVE, |score, book| {
                if top.wants(score, book) && open(book) {
                    top.push(score, book);
                }
                top.bar().max(f32::MIN_POSITIVE)
            }),
            Scorer::Als(factors) => factors.best(history, fold, top, open),
        }
        let reason = if matches!(self.scorer, Scorer::Als(_)) { Reason::Taste } else { Reason::Popular };
        answer.extend(top.sorted().map(|(score, book)| Recommended { book, score, reason }));
        answer
    }

    /// What being popular adds to a book's score, where it adds so much to that of the most popular book.
    fn prior(&self, most: f32, book: u32) -> f32 {
        let first =
            self.popularity.order.first().map_or(0.0, |&first| self.popularity.counts[first as usize]);
        most * self.popularity.counts[book as usize] / first.max(f32::MIN_POSITIVE)
    }

    /// The same model with another weight of popularity, if it is one of those that have it.
    pub(crate) fn with_prior(mut self, prior: f32) -> Self {
        if let Scorer::ItemItem(weights) = &mut self.scorer {
            weights.prior = prior;
        }
        self
    }

    /// Gives the reasons of books that [`Model::fitting`] has just ranked with this scratch: any of them, in any order. The cost
    /// grows with their number; for ALS also with the history.
    pub fn explain(&self, shown: &mut [Recommended], scratch: &mut Scratch) {
        match &self.scorer {
            Scorer::Popular => {}
            Scorer::ItemItem(weights) => {
                let prior = |book| self.prior(scratch.prior, book);
                weights.explain(&scratch.known, scratch.call, prior, shown);
            }
            Scorer::Als(factors) => factors.explain(&scratch.history, &mut scratch.fold, shown),
        }
    }

    /// What follows the books that fit, until there are `count`.
    fn follow(
        &self,
        count: usize,
        mut allowed: impl FnMut(u32) -> bool,
        answer: &mut Vec<Recommended>,
        scratch: &mut Scratch,
    ) {
        if answer.len() >= count {
            return;
        }
        if let Scorer::Als(factors) = &self.scorer {
            factors.score(scratch);
        }
        let Scratch { known, wanted, call, sums, top, prior: most, .. } = scratch;
        let mut open = |book: u32| is_open(book, known, *call, wanted) && allowed(book);
        let prior = |book: u32| if *most > 0.0 { self.prior(*most, book) } else { 0.0 };
        let popular = self.popularity.order.iter().copied();
        let silent =
            popular.filter(|&book| (sums.get(book) + prior(book)).abs() < f32::MIN_POSITIVE && open(book));
        let silent = silent.map(|book| Recommended { book, score: 0.0, reason: Reason::Popular });
        answer.extend(silent.take(count - answer.len()));
        if answer.len() < count {
            top.clear(count - answer.len());
            sums.above(f32::NEG_INFINITY, |score, book| {
                // Being popular only raises a score. Places behind the last book hold 0.
                if score <= -f32::MIN_POSITIVE {
                    let score = score + prior(book);
                    if score <= -f32::MIN_POSITIVE && top.wants(score, book) && open(book) {
                        top.push(score, book);
                    }
                }
                top.bar()
            });
            let against = top.sorted();
            answer.extend(against.map(|(score, book)| Recommended { book, score, reason: Reason::Popular }));
        }
    }
}

/// Whether a book is not in the history, or only wanted.
fn is_open(book: u32, known: &[Slot], call: u32, wanted: &[u32]) -> bool {
    known[book as usize].call != call || wanted.binary_search(&book).is_ok()
}
