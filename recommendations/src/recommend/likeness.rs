//! Books that resemble what a reader likes, found from the catalogue alone: no reader has to have read them.
//!
//! Authors, series and subjects are terms, weighted by how rare they are, and the likeness of two books is the cosine of their
//! terms, less if their languages differ: as in [`crate::models::Content`], whose weights these are. A book's score is the
//! sum of its likenesses to the books that the reader likes.
//!
//! Nothing is worked out beforehand but who has which term, when the catalogue changes: seven passes over all books, and 4 bytes
//! for each author, series and subject of a book, 8 for each one that there is, and 6 a book. That is about 35 MB for a
//! million books, where the 50 nearest neighbours of each would take 800. A question looks at the holders of the terms that
//! the liked books have, the rarest first, up to [`LOOKED_AT`] in all; terms with more than [`COMMON`] holders say nothing.

use std::{cell::RefCell, collections::HashMap};

use super::{Pick, Ranker, Reason, Source};
use crate::{
    catalogue::{BookRef, Catalogue},
    models::{COMMON, Content, Sums, Top, worth},
};

/// So many holders of terms are looked at for a question: about a millisecond.
const LOOKED_AT: usize = 50_000;
/// More authors than that are an anthology's.
const AUTHORS: usize = 4;
/// What rounding leaves of a likeness that is none.
const NOTHING: f32 = 1e-5;

/// Who has which term. See the [module](self).
#[derive(Default)]
pub struct Likeness {
    /// By term: where its holders begin, and the end of the last.
    starts: Vec<u32>,
    /// Places of books, ascending for each term.
    holders: Vec<u32>,
    /// By term: its weight's square; 0 if it tells nothing.
    worths: Vec<f32>,
    /// Authors are the first terms; these are the first of the others.
    first_series: u32,
    first_subject: u32,
    /// By book: one over the length of its terms' weights.
    inverses: Vec<f32>,
    /// By book: which language, whatever the region; 0 if unknown.
    languages: Vec<u16>,
    foreign: f32,
}

impl Likeness {
    /// Of all books of a catalogue.
    #[must_use]
    pub fn of(catalogue: &Catalogue) -> Self {
        let weights = Content::default();
        let all = || (0..catalogue.len()).filter_map(|place| catalogue.at(place));
        let above = |numbers: &mut dyn Iterator<Item = u32>| numbers.max().map_or(0, |most| most + 1);
        let authors = above(&mut all().flat_map(|book| book.author_numbers().iter().copied()));
        let series = above(&mut all().filter_map(BookRef::series_number));
        let subjects = above(&mut all().flat_map(|book| book.subject_numbers().iter().copied()));
        let mut likeness = Self {
            first_series: authors,
            first_subject: authors + series,
            foreign: weights.foreign,
            ..Self::default()
        };
        let terms = (authors + series + subjects) as usize;
        let mut starts = vec![0_u32; terms + 1];
        for book in all() {
            likeness.terms(book).for_each(|term| starts[term as usize + 1] += 1);
        }
        for term in 0..terms {
            starts[term + 1] += starts[term];
        }
        let mut next = starts.clone();
        likeness.holders = vec![0; starts[terms] as usize];
        for book in all() {
            for term in likeness.terms(book) {
                let place = &mut next[term as usize];
                likeness.holders[*place as usize] = book.place();
                *place += 1;
            }
        }
        likeness.starts = starts;
        let of_term = |term: u32| {
            let weight = match term {
                term if term >= likeness.first_subject => weights.subject,
                term if term >= likeness.first_series => weights.series,
                _ => weights.author,
            };
            worth(weight, likeness.holders(term).len(), catalogue.len())
        };
        likeness.worths = (0..terms as u32).map(of_term).collect();
        let inverse = |book| {
            let square: f32 = likeness.terms(book).map(|term| likeness.worths[term as usize]).sum();
            if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 }
        };
        likeness.inverses = all().map(inverse).collect();
        likeness.languages = languages(catalogue);
        likeness
    }

    /// Asks what resembles the books of these numbers, each liked so much; above 0.
    pub fn ask<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        liked: impl IntoIterator<Item = (i32, f32)>,
    ) -> Resembling<'a> {
        let mut bench = BENCH.take();
        bench.liked.clear();
        let known = liked.into_iter().filter_map(|(id, much)| Some((catalogue.book(id)?.place(), much)));
        bench.liked.extend(known);
        Resembling { likeness: self, catalogue, bench, most_holders: COMMON }
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn memory(&self) -> usize {
        4 * (self.starts.capacity()
            + self.holders.capacity()
            + self.worths.capacity()
            + self.inverses.capacity())
            + 2 * self.languages.capacity()
    }

    fn terms<'b>(&self, book: BookRef<'b>) -> impl Iterator<Item = u32> + use<'b> {
        let (series, subject) = (self.first_series, self.first_subject);
        let authors = book.author_numbers().iter().take(AUTHORS).copied();
        let subjects = book.subject_numbers();
        // A shop's file may name one twice.
        let once =
            subjects.iter().enumerate().filter(move |(place, number)| !subjects[..*place].contains(number));
        let series = book.series_number().map(|number| series + number);
        authors.chain(series).chain(once.map(move |(_, number)| subject + number))
    }

    fn holders(&self, term: u32) -> &[u32] {
        &self.holders[self.starts[term as usize] as usize..self.starts[term as usize + 1] as usize]
    }

    /// By how much less a likeness counts, because of languages.
    fn factor(&self, one: u16, other: u16) -> f32 {
        if one != 0 && other != 0 && one != other { self.foreign } else { 1.0 }
    }

    /// The likeness of two books by those terms that at most so many have; `terms` are all of the other's.
    fn between(&self, one: BookRef<'_>, other: BookRef<'_>, terms: &[u32], most_holders: usize) -> f32 {
        let shared =
            self.terms(one).filter(|term| terms.contains(term) && self.holders(*term).len() <= most_holders);
        let shared: f32 = shared.map(|term| self.worths[term as usize]).sum();
        let [one, other] = [one.place() as usize, other.place() as usize];
        let factor = self.factor(self.languages[one], self.languages[other]);
        factor * shared * self.inverses[one] * self.inverses[other]
    }
}

/// The language of each book as a number from 1, regions aside; 0 if it is unknown.
fn languages(catalogue: &Catalogue) -> Vec<u16> {
    let mut numbers: HashMap<&str, u16> = HashMap::new();
    (0..catalogue.len())
        .filter_map(|place| catalogue.at(place))
        .map(|book| {
            let language = book.language().split('-').next().unwrap_or_default();
            if language.is_empty() {
                return 0;
            }
            let next = u16::try_from(numbers.len() + 1).unwrap_or(u16::MAX);
            *numbers.entry(language).or_insert(next)
        })
        .collect()
}

/// What a question needs, kept by the thread from one to the next: 4 bytes a book.
#[derive(Default)]
struct Bench {
    /// Places of books that are liked, and how much.
    liked: Vec<(u32, f32)>,
    asked: Vec<Asked>,
    /// The terms of one book.
    terms: Vec<u32>,
    sums: Sums,
    top: Top,
}

/// A term that liked books of one language have.
#[derive(Clone, Copy)]
struct Asked {
    term: u32,
    language: u16,
    weight: f32,
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::default();
}

/// A question about what resembles the books that somebody likes.
pub struct Resembling<'a> {
    likeness: &'a Likeness,
    catalogue: &'a Catalogue,
    bench: Bench,
    /// Terms of more books were passed over.
    most_holders: usize,
}

impl Drop for Resembling<'_> {
    fn drop(&mut self) {
        BENCH.set(std::mem::take(&mut self.bench));
    }
}

impl Ranker for Resembling<'_> {
    fn rank(&mut self, count: usize, allowed: &mut dyn FnMut(u32) -> bool) -> Vec<Pick> {
        let Self { likeness, catalogue, bench: Bench { liked, asked, terms, sums, top }, most_holders } =
            self;
        asked.clear();
        for &(place, much) in &*liked {
            let Some(book) = catalogue.at(place as usize) else { continue };
            let (language, length) = (likeness.languages[place as usize], likeness.inverses[place as usize]);
            let terms = likeness.terms(book).map(|term| (term, likeness.worths[term as usize]));
            let terms = terms.filter(|(_, worth)| *worth > 0.0);
            asked.extend(terms.map(|(term, worth)| Asked { term, language, weight: much * worth * length }));
        }
        asked.sort_unstable_by_key(|it| (likeness.holders(it.term).len(), it.term, it.language));
        asked.dedup_by(|later, first| {
            let same = (later.term, later.language) == (first.term, first.language);
            if same {
                first.weight += later.weight;
            }
            same
        });
        let mut left = LOOKED_AT;
        *most_holders = COMMON;
        for it in &*asked {
            let holders = likeness.holders(it.term).len();
            let Some(rest) = left.checked_sub(holders) else {
                // All of this size or none, so that reasons can be told from the size alone.
                *most_holders = holders - 1;
                break;
            };
            left = rest;
        }
        sums.begin(catalogue.len());
        for it in &*asked {
            let holders = likeness.holders(it.term);
            if holders.len() > *most_holders {
                break;
            }
            for &holder in holders {
                let place = holder as usize;
                let factor =
                    likeness.factor(it.language, likeness.languages[place]) * likeness.inverses[place];
                sums.add_one(holder, it.weight * factor);
            }
        }
        // A book's likeness to itself says nothing; one that is only wanted may be recommended.
        for &(place, much) in &*liked {
            let Some(book) = catalogue.at(place as usize) else { continue };
            terms.clear();
            terms.extend(likeness.terms(book));
            sums.add_one(place, -much * likeness.between(book, book, terms, *most_holders));
        }
        top.clear(count);
        sums.best(count, NOTHING, |score, place| {
            if top.wants(score, place) && allowed(place) {
                top.push(score, place);
            }
            top.bar().max(NOTHING)
        });
        top.sorted().map(|(score, place)| Pick { place, score, reason: Reason::Taste }).collect()
    }

    /// The score is a sum over the liked books: taking one out lowers it by its term.
    fn explain(&mut self, picks: &mut [Pick]) {
        let Self { likeness, catalogue, bench: Bench { liked, terms, .. }, most_holders } = self;
        for pick in picks.iter_mut().filter(|pick| pick.reason == Reason::Taste) {
            let Some(book) = catalogue.at(pick.place as usize) else { continue };
            terms.clear();
            terms.extend(likeness.terms(book));
            let mut most = 0.0;
            for &(place, much) in liked.iter().filter(|(place, _)| *place != pick.place) {
                let Some(source) = catalogue.at(place as usize) else { continue };
                let contribution = much * likeness.between(source, book, terms, *most_holders);
                if contribution > most {
                    most = contribution;
                    pick.reason = Reason::Similar(Source { book: source.id(), contribution });
                }
            }
        }
    }
}
