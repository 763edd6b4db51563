//! Alternating least squares for implicit feedback, with an exact fold-in.
//!
//! Yifan Hu, Yehuda Koren and Chris Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008. All
//! readers like all books with confidence 1 in "no", and what they liked with [`Als::confidence`] in "yes". Rows are solved
//! by a few steps of conjugate gradients that start from the row before (Gábor Takács, István Pilászy and Domonkos Tikk,
//! "Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering", RecSys 2011).
//!
//! Folding in a history solves for the reader exactly, by Cholesky, so a reader's factors are never stored. What taking a
//! book out of the history would do to a score has a closed form, too (Jack Sherman and Winifred Morrison, 1950), so that
//! reasons are exact.
//!
//! Training holds 16 bytes an interaction, `4 k` bytes a reader and a book for `k` factors, and `4 k² + 384 k` a thread;
//! the model holds `5 k + 4` bytes a book.

mod fold;
mod coarse;
mod kernel;
mod solve;

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use pulp::Arch;
use rayon::prelude::*;
use service::stable::mix;

pub use self::fold::Factors;
pub(super) use self::fold::Fold;
use self::solve::{BLOCK, Solver, Task};
use super::{Interactions, Run, Sparse, TrainError, progress::Counter};

/// The shape of the factorisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Als {
    /// Numbers a reader and a book.
    pub factors: usize,
    /// What a factor's square costs.
    pub regularization: f32,
    /// The confidence in a positive, at least 1; that in all else is 1.
    pub confidence: f32,
    /// How often readers and books are solved in turn.
    pub iterations: usize,
    /// Steps of conjugate gradients a row and iteration.
    pub steps: usize,
    /// Where the factors begin.
    pub seed: u64,
}

impl Default for Als {
    fn default() -> Self {
        Self { factors: 160, regularization: 20.0, confidence: 2.0, iterations: 15, steps: 3, seed: 1 }
    }
}

/// The most factors that are sensible: a fold-in costs their square a book of the history.
pub const MAX_FACTORS: usize = 1_024;

/// What a training makes.
#[derive(Clone, Debug)]
pub struct Trained {
    /// What is served.
    pub books: Factors,
    /// Readers × factors, row after row: what folding in each reader's history gives, too.
    pub readers: Vec<f32>,
}

impl Als {
    /// What is served: factors of all books.
    ///
    /// # Errors
    ///
    /// If it is cancelled, or the parameters make no sense.
    pub fn fit(&self, data: &Interactions, run: &Run) -> Result<Factors, TrainError> {
        Ok(self.alternate(data, run)?.0)
    }

    /// The readers' factors, too, solved once more for the final books.
    ///
    /// # Errors
    ///
    /// As [`Als::fit`].
    pub fn fit_both(&self, data: &Interactions, run: &Run) -> Result<Trained, TrainError> {
        let (books, mut readers) = self.alternate(data, run)?;
        // As many steps as numbers: conjugate gradients end at the solution.
        let exact = Self { steps: self.factors.max(20), ..*self };
        exact.half(data.by_reader(), books.values(), &mut readers, run)?;
        Ok(Trained { books, readers })
    }

    fn alternate(&self, data: &Interactions, run: &Run) -> Result<(Factors, Vec<f32>), TrainError> {
        let width = self.factors;
        let sensible = (1..=MAX_FACTORS).contains(&width)
            && self.confidence >= 1.0
            && self.regularization > 0.0
            && self.steps > 0;
        if !sensible {
            return Err(TrainError::Parameters(
                "ALS takes 1 to 1024 factors, confidence ≥ 1, regularization > 0",
            ));
        }
        let mut readers = self.start(data.readers(), 0);
        let mut books = self.start(data.books(), data.readers() as u64);
        let iterations = self.iterations.max(1);
        for iteration in 0..iterations {
            let half = |half: f32| (iteration as f32 + half) / iterations as f32;
            self.half(data.by_reader(), &books, &mut readers, &run.part(half(0.0), half(0.5)))?;
            self.half(data.by_book(), &readers, &mut books, &run.part(half(0.5), half(1.0)))?;
        }
        let books = Factors::new(width, books, self.regularization, self.confidence)
            .map_err(|_| TrainError::Singular)?;
        Ok((books, readers))
    }

    /// Small numbers, the same for the same seed whatever the threads.
    fn start(&self, rows: usize, stream: u64) -> Vec<f32> {
        let mut values = vec![0.0; rows * self.factors];
        for (place, value) in (0_u64..).zip(&mut values) {
            let mixed = mix(place ^ self.seed.rotate_left(32) ^ stream.rotate_left(48));
            *value = (mixed >> 40) as f32 / (1_u64 << 24) as f32 * 0.01;
        }
        values
    }

    /// Solves all rows of one side, given the other.
    fn half(&self, likes: &Sparse, other: &[f32], rows: &mut [f32], run: &Run) -> Result<(), TrainError> {
        let width = self.factors;
        let gram = gram(other, width, self.regularization, run)?;
        let counter = Counter::new(run, likes.rows().div_ceil(BLOCK));
        let arch = Arch::new();
        run.install(|| {
            rows.par_chunks_mut(width * BLOCK).enumerate().try_for_each_init(
                || Solver::new(width),
                |solver, (block, rows)| {
                    let (gram, first) = (&gram, block * BLOCK);
                    arch.dispatch(Task { solver, als: self, gram, likes, other, first, rows, run })?;
                    counter.step()
                },
            )
        })
    }
}

/// Rows whose products are summed at a time, so that single precision is enough for millions of them.
const ROWS: usize = 2_048;

/// `YᵀY + λ I`, summed in order, so that the same seed gives the same model whatever the threads.
fn gram(rows: &[f32], width: usize, regularization: f32, run: &Run) -> Result<Vec<f32>, TrainError> {
    let parts = run.install(|| {
        let parts = rows.par_chunks(width * ROWS);
        parts.map(|part| run.check().map(|()| square(part, width))).collect::<Result<Vec<_>, _>>()
    })?;
    let mut gram = sum(parts.into_iter(), width);
    (0..width).for_each(|place| gram[place * width + place] += regularization);
    Ok(gram)
}

fn square(rows: &[f32], width: usize) -> Vec<f32> {
    let rows = MatRef::from_column_major_slice(rows, width, rows.len() / width);
    let mut square = vec![0.0_f32; width * width];
    let target = MatMut::from_column_major_slice_mut(&mut square, width, width);
    matmul(target, Accum::Replace, rows, rows.transpose(), 1.0, Par::Seq);
    square
}

fn sum(mut parts: impl Iterator<Item = Vec<f32>>, width: usize) -> Vec<f32> {
    let first = parts.next().unwrap_or_else(|| vec![0.0; width * width]);
    parts.fold(first, |mut sum, part| {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        sum
    })
}
