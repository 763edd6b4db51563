//! Likeness by content: books of the same author, series, subjects and language.
//!
//! Each author, series and subject is a term, weighted by how rare it is (Gerard Salton and Christopher Buckley, "Term-weighting
//! approaches in automatic text retrieval", 1988); the likeness is the cosine, times [`Content::foreign`] if both languages are
//! known and differ. It needs no reader, so it places books that nobody has rated.

use rayon::prelude::*;

use super::{Items, Run, Sparse, TrainError, gram::Accumulator, progress::Counter};

/// What counts how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Content {
    /// The weight of an author, before rarity.
    pub author: f32,
    /// The weight of a series.
    pub series: f32,
    /// The weight of a subject.
    pub subject: f32,
    /// By how much a likeness counts less if the languages differ.
    pub foreign: f32,
    /// How many neighbours a book has.
    pub depth: usize,
}

impl Default for Content {
    fn default() -> Self {
        Self { author: 1.0, series: 2.0, subject: 0.5, foreign: 0.2, depth: 50 }
    }
}

/// What more books share tells nothing, and would make the cost quadratic.
pub(crate) const COMMON: usize = 5_000;

/// What it tells that two books share a term of this weight, which so many of all books have. A term of one book only makes it
/// longer, unlike any other: as if it were not there.
pub(crate) fn worth(weight: f32, holders: usize, books: usize) -> f32 {
    if !(2..=COMMON).contains(&holders) {
        return 0.0;
    }
    (weight * (1.0 + books as f32 / holders as f32).ln()).powi(2)
}

impl Content {
    /// The likenesses, 0 to 1, a row a book.
    pub(crate) fn fit(&self, items: &Items, run: &Run) -> Result<Sparse, TrainError> {
        let books = items.len();
        let sides =
            [(&items.authors, self.author), (&items.series, self.series), (&items.subjects, self.subject)];
        let sides: Vec<(&Sparse, Sparse, Vec<f32>)> = sides
            .into_iter()
            .filter(|&(_, weight)| weight > 0.0)
            .map(|(values, weight)| {
                let holders = values.transposed();
                let rarity = |value| worth(weight, holders.row(value).0.len(), books);
                let rarities = (0..values.columns()).map(rarity).collect();
                (values, holders, rarities)
            })
            .collect();
        let square = |book: usize| -> f32 {
            let terms = sides.iter().flat_map(|(values, _, rarities)| {
                values.entries(book).map(|(value, mine)| rarities[value as usize] * mine * mine)
            });
            terms.sum()
        };
        let norms: Vec<f32> = (0..books).map(|book| square(book).sqrt().max(f32::MIN_POSITIVE)).collect();
        let counter = Counter::new(run, books);
        let rows: Vec<Vec<(u32, f32)>> = run.install(|| {
            (0..books)
                .into_par_iter()
                .map_init(
                    || Accumulator::new(books),
                    |sums, book| {
                        for (values, holders, rarities) in &sides {
                            for (value, mine) in values.entries(book) {
                                let mine = rarities[value as usize] * mine;
                                if mine > 0.0 {
                                    for (other, theirs) in holders.entries(value as usize) {
                                        sums.add(other, mine * theirs);
                                    }
                                }
                            }
                        }
                        sums.take(book as u32);
                        let language = items.languages[book];
                        sums.scale(|other, sum| {
                            let theirs = items.languages[other as usize];
                            let foreign = language != 0 && theirs != 0 && language != theirs;
                            let factor = if foreign { self.foreign } else { 1.0 };
                            factor * sum / (norms[book] * norms[other as usize])
                        });
                        let row = sums.largest(self.depth);
                        counter.step().map(|()| row)
                    },
                )
                .collect::<Result<_, _>>()
        })?;
        Ok(Sparse::from_rows(books, &rows))
    }
}
