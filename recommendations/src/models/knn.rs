//! Nearest neighbours: books that have readers in common.
//!
//! Badrul Sarwar, George Karypis, Joseph Konstan and John Riedl, "Item-Based Collaborative Filtering Recommendation
//! Algorithms", WWW 2001. With the cosine of the books' readers, or with each reader of a book weighted as BM25 weights a
//! term of a document (Stephen Robertson and Hugo Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond",
//! 2009): a reader of few books tells more, a book of many readers is longer.

use rayon::prelude::*;

use super::{Interactions, Run, Sparse, TrainError, gram::Accumulator, progress::Counter};

/// How alike two books are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Likeness {
    /// Common readers over the geometric mean of both books' readers.
    Cosine,
    /// The product of BM25's weights.
    Bm25 {
        /// How soon a further count adds nothing.
        k1: f32,
        /// How much a book's readers make each of them count less, 0 to 1.
        b: f32,
    },
}

/// The neighbours of each book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Knn {
    /// How alike two books are.
    pub likeness: Likeness,
    /// How many neighbours a book has.
    pub depth: usize,
    /// Who chooses.
    pub choice: Choice,
}

/// Whose nearest neighbours count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A book in the history speaks for its nearest neighbours: as the usual libraries have it.
    Read,
    /// A book is spoken for by its nearest neighbours: lesser-known books get a chance.
    Recommended,
}

impl Knn {
    /// The weights, a row a book that is predicted.
    pub(crate) fn fit(&self, data: &Interactions, run: &Run) -> Result<Sparse, TrainError> {
        let books = data.books();
        let counter = Counter::new(run, books);
        let readers = data.by_reader();
        let count = |book: usize| data.by_book().row(book).0.len() as f32;
        let (reader_weights, book_weights): (Vec<f32>, Vec<f32>) = match self.likeness {
            Likeness::Cosine => (
                vec![1.0; data.readers()],
                (0..books).map(|book| 1.0 / count(book).sqrt().max(1.0)).collect(),
            ),
            Likeness::Bm25 { k1, b } => {
                let mean = data.len() as f32 / books.max(1) as f32;
                let length = |book| 1.0 - b + b * count(book) / mean.max(f32::MIN_POSITIVE);
                let idf = |reader: usize| {
                    let read = readers.row(reader).0.len() as f32;
                    (books as f32).ln() - read.ln_1p()
                };
                (
                    (0..data.readers()).map(|reader| idf(reader).max(0.0).powi(2)).collect(),
                    (0..books).map(|book| (k1 + 1.0) / (k1 * length(book) + 1.0)).collect(),
                )
            }
        };
        let neighbours: Vec<Vec<(u32, f32)>> = run.install(|| {
            (0..books)
                .into_par_iter()
                .map_init(
                    || Accumulator::new(books),
                    |sums, book| {
                        for &reader in data.by_book().row(book).0 {
                            let weight = reader_weights[reader as usize];
                            if weight > 0.0 {
                                for &other in readers.row(reader as usize).0 {
                                    sums.add(other, weight);
                                }
                            }
                        }
                        sums.take(book as u32);
                        let own = book_weights[book];
                        sums.scale(|other, sum| own * sum * book_weights[other as usize]);
                        let nearest = sums.largest(self.depth);
                        counter.step().map(|()| nearest)
                    },
                )
                .collect::<Result<_, _>>()
        })?;
        let neighbours = Sparse::from_rows(books, &neighbours);
        Ok(match self.choice {
            Choice::Recommended => neighbours,
            Choice::Read => neighbours.transposed(),
        })
    }
}
