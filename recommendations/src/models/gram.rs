//! How often two books were liked by the same reader, for all pairs: the matrix that the item–item models are fitted to.

use rayon::prelude::*;

use super::{COMMON, Interactions, Items, Run, Sparse, TrainError, progress::Counter};

/// Up to so many books the matrix is held whole: 4 bytes a pair, 1.6 GB for these.
pub const DENSE_BOOKS: usize = 20_000;
/// Above, each book keeps at most so many neighbours: SLIM's time grows with the cube of them, and with 400 a training on 100,000
/// books had not ended after ten minutes. It costs quality: measured on goodbooks-3k beside books that nobody likes, NDCG@10 falls
/// from .451 to .420 for the blend, and from .442 to .391 for SLIM alone…
pub const NEIGHBOURS: usize = 100;
/// …and all of them together take at most so many bytes, twice as many while they are found, but eight neighbours a book stay.
pub const NEAR_BYTES: usize = 2 << 30;

/// How many neighbours each of so many books keeps: all, or as many as [`NEAR_BYTES`] allow at 8 bytes each.
#[must_use]
pub fn neighbours(books: usize) -> usize {
    if books <= DENSE_BOOKS { books } else { NEIGHBOURS.min(NEAR_BYTES / (8 * books)).max(8) }
}

/// The most bytes that making the matrix takes for so many books: `4 n²` up to [`DENSE_BOOKS`], above `16 n` [`neighbours`] and `12 n`,
/// since the rows and what is made of them are there together.
#[must_use]
pub fn memory(books: usize) -> usize {
    if books <= DENSE_BOOKS { 4 * books * books } else { 16 * books * neighbours(books) + 12 * books }
}

/// What counts in the matrix besides the readers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weights {
    /// How much less a reader of many books counts: each counts `(length / mean length)^-power`.
    pub reader_power: f32,
    /// As how many readers a shared author counts.
    pub author: f32,
    /// As how many readers a shared series counts.
    pub series: f32,
    /// As how many readers it counts that all subjects are shared.
    pub subjects: f32,
}

/// The symmetric matrix `Xᵀ D X + sides`.
pub(crate) enum Gram {
    Dense {
        books: usize,
        values: Vec<f32>,
    },
    /// Each row holds the largest entries; the diagonal is apart.
    Near {
        rows: Sparse,
        diagonal: Vec<f32>,
    },
}

/// One row: whole, or its largest entries without the diagonal.
#[derive(Clone, Copy)]
pub(crate) enum Row<'a> {
    Dense(&'a [f32]),
    Near(&'a [u32], &'a [f32]),
}

impl Gram {
    pub(crate) fn new(
        data: &Interactions,
        items: Option<&Items>,
        weights: Weights,
        run: &Run,
    ) -> Result<Self, TrainError> {
        Self::within(data, items, weights, DENSE_BOOKS, run)
    }

    /// Whole for up to so many books.
    pub(crate) fn within(
        data: &Interactions,
        items: Option<&Items>,
        weights: Weights,
        dense: usize,
        run: &Run,
    ) -> Result<Self, TrainError> {
        let books = data.books();
        let source = Source::new(data, items, weights);
        let counter = Counter::new(run, books);
        if books <= dense {
            let mut values = vec![0.0_f32; books * books];
            run.install(|| {
                values.par_chunks_mut(books.max(1)).enumerate().try_for_each(|(book, row)| {
                    source.add(book, |other, value| row[other as usize] += value);
                    counter.step()
                })
            })?;
            return Ok(Self::Dense { books, values });
        }
        let keep = neighbours(books);
        let rows: Vec<(Vec<(u32, f32)>, f32)> = run.install(|| {
            (0..books)
                .into_par_iter()
                .map_init(
                    || Accumulator::new(books),
                    |sums, book| {
                        source.add(book, |other, value| sums.add(other, value));
                        let diagonal = sums.take(book as u32);
                        let row = sums.largest(keep);
                        counter.step().map(|()| (row, diagonal))
                    },
                )
                .collect::<Result<_, _>>()
        })?;
        let (rows, diagonal): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        Ok(Self::Near { rows: Sparse::from_rows(books, &rows), diagonal })
    }

    pub(crate) fn books(&self) -> usize {
        match self {
            Self::Dense { books, .. } => *books,
            Self::Near { diagonal, .. } => diagonal.len(),
        }
    }

    #[inline]
    pub(crate) fn diagonal(&self, book: usize) -> f32 {
        match self {
            Self::Dense { books, values } => values[book * books + book],
            Self::Near { diagonal, .. } => diagonal[book],
        }
    }

    #[inline]
    pub(crate) fn row(&self, book: usize) -> Row<'_> {
        match self {
            Self::Dense { books, values } => Row::Dense(&values[book * books..(book + 1) * books]),
            Self::Near { rows, .. } => {
                let (indices, values) = rows.row(book);
                Row::Near(indices, values)
            }
        }
    }
}

/// What the matrix is made from.
struct Source<'a> {
    data: &'a Interactions,
    readers: Vec<f32>,
    sides: Vec<Side<'a>>,
}

struct Side<'a> {
    weight: f32,
    /// Books × values.
    values: &'a Sparse,
    books: Sparse,
    /// Whether rows are taken at unit length.
    norms: Option<Vec<f32>>,
}

impl<'a> Source<'a> {
    fn new(data: &'a Interactions, items: Option<&'a Items>, weights: Weights) -> Self {
        let lengths = (0..data.readers()).map(|reader| data.by_reader().row(reader).0.len());
        let mean = data.len() as f32 / data.readers().max(1) as f32;
        let readers = lengths
            .map(|length| match weights.reader_power {
                power if power == 0.0 || length == 0 => 1.0,
                power => (length as f32 / mean).powf(-power),
            })
            .collect();
        let sides = items.into_iter().flat_map(|items| {
            let Weights { author, series, subjects, .. } = weights;
            [(&items.authors, author), (&items.series, series), (&items.subjects, subjects)]
        });
        let sides = sides.zip([false, false, true]).filter(|((_, weight), _)| *weight > 0.0);
        let sides = sides
            .map(|((values, weight), unit)| {
                let norms = unit.then(|| (0..values.rows()).map(|row| norm(values, row)).collect());
                Side { weight, values, books: values.transposed(), norms }
            })
            .collect();
        Self { data, readers, sides }
    }

    /// Adds up a row, the diagonal included.
    #[inline]
    fn add(&self, book: usize, mut add: impl FnMut(u32, f32)) {
        for &reader in self.data.by_book().row(book).0 {
            let weight = self.readers[reader as usize];
            for &other in self.data.by_reader().row(reader as usize).0 {
                add(other, weight);
            }
        }
        for side in &self.sides {
            let length = |book: usize| side.norms.as_ref().map_or(1.0, |norms| norms[book]);
            for (value, mine) in side.values.entries(book) {
                let mine = side.weight * mine / length(book);
                if side.books.row(value as usize).0.len() > COMMON {
                    continue;
                }
                for (other, theirs) in side.books.entries(value as usize) {
                    if (other as usize) < self.data.books() {
                        add(other, mine * theirs / length(other as usize));
                    }
                }
            }
        }
    }
}

fn norm(values: &Sparse, row: usize) -> f32 {
    values.row(row).1.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE)
}

/// Adds up a sparse row; takes 4 bytes a book, once a thread.
pub(crate) struct Accumulator {
    sums: Vec<f32>,
    touched: Vec<u32>,
}

impl Accumulator {
    pub(crate) fn new(books: usize) -> Self {
        Self { sums: vec![0.0; books], touched: Vec::new() }
    }

    /// Adds a positive value.
    #[inline]
    pub(crate) fn add(&mut self, book: u32, value: f32) {
        let sum = &mut self.sums[book as usize];
        if *sum == 0.0 {
            self.touched.push(book);
        }
        *sum += value;
    }

    /// Takes one entry out.
    pub(crate) fn take(&mut self, book: u32) -> f32 {
        self.touched.retain(|&other| other != book);
        std::mem::take(&mut self.sums[book as usize])
    }

    /// Changes each entry.
    pub(crate) fn scale(&mut self, scale: impl Fn(u32, f32) -> f32) {
        for &book in &self.touched {
            let sum = &mut self.sums[book as usize];
            *sum = scale(book, *sum);
        }
    }

    /// Takes out the largest positive entries, in the order of books; the rest is forgotten.
    pub(crate) fn largest(&mut self, keep: usize) -> Vec<(u32, f32)> {
        let taken = self.touched.drain(..).map(|book| (book, std::mem::take(&mut self.sums[book as usize])));
        let mut entries: Vec<(u32, f32)> = taken.filter(|&(_, value)| value > 0.0).collect();
        prune(&mut entries, keep);
        entries
    }
}

/// Keeps the largest entries, of equal ones those that come first, in the order of books.
pub(crate) fn prune(entries: &mut Vec<(u32, f32)>, keep: usize) {
    if entries.len() > keep {
        if keep > 0 {
            entries.select_nth_unstable_by(keep - 1, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        }
        entries.truncate(keep);
        entries.shrink_to_fit();
    }
    entries.sort_unstable_by_key(|&(book, _)| book);
}
