//! EASE: the closed form of a linear item–item model, clipped at zero and pruned.
//!
//! Harald Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019: with `P = (XᵀX + λ I)⁻¹` the weight of book
//! `i` for book `j` is `−P_ij / P_jj`. A λ that grows with a book's readers is the denoising of Harald Steck, "Autoencoders
//! that don't overfit towards the Identity", NeurIPS 2020. Negative weights are dropped and each column keeps its largest: on
//! book data that is both better and far smaller.
//!
//! The inverse is made in place by sweeping blocks of books (James Goodnight, "A Tutorial on the SWEEP Operator", 1979), over the
//! lower triangle, so that it takes `4 n² + 2 KiB n` bytes, runs on all threads, and can be stopped between strips.

use faer::{
    Accum, MatMut, MatRef, Par, Side,
    linalg::{matmul::matmul, solvers::DenseSolveCore as _},
};
use rayon::prelude::*;

use super::{
    Run, Sparse, TrainError,
    gram::{Gram, prune},
};

/// How the closed form is held back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ease {
    /// Added to the diagonal, in readers.
    pub lambda: f32,
    /// Added to the diagonal, as a share of the book's readers.
    pub lambda_share: f32,
    /// How many weights a column keeps.
    pub depth: usize,
}

impl Default for Ease {
    fn default() -> Self {
        Self { lambda: 100.0, lambda_share: 0.0, depth: 15 }
    }
}

/// Books that are swept at a time.
const BLOCK: usize = 256;
/// Columns that a thread updates at a time.
const STRIP: usize = 128;

impl Ease {
    /// The weights, a row a book that is predicted. The matrix is used up.
    ///
    /// # Errors
    ///
    /// If the matrix does not hold all pairs.
    pub(crate) fn fit(&self, gram: Gram, run: &Run) -> Result<Sparse, TrainError> {
        let books = gram.books();
        let Gram::Dense { mut values, .. } = gram else {
            return Err(TrainError::TooLarge { books, limit: super::gram::DENSE_BOOKS });
        };
        for book in 0..books {
            let own = &mut values[book * books + book];
            *own += self.lambda + self.lambda_share * *own;
        }
        negative_inverse(&mut values, books, &run.part(0.0, 0.9))?;
        mirror(&mut values, books, run)?;
        let columns: Vec<Vec<(u32, f32)>> = run.install(|| {
            let columns = values.par_chunks(books.max(1)).enumerate();
            let columns = columns.map(|(book, column)| {
                let scale = -1.0 / column[book];
                let weights = column.iter().zip(0..).filter(|&(&value, _)| value > 0.0);
                let mut weights: Vec<(u32, f32)> =
                    weights.map(|(&value, other)| (other, value * scale)).collect();
                prune(&mut weights, self.depth);
                run.check().map(|()| weights)
            });
            columns.collect::<Result<_, _>>()
        })?;
        run.at(1, 1)?;
        if columns.iter().flatten().any(|(_, weight)| !weight.is_finite()) {
            return Err(TrainError::Singular);
        }
        Ok(Sparse::from_rows(books, &columns))
    }
}

/// Replaces the lower triangle of a positive definite matrix by that of its inverse with the sign turned. Column after column.
fn negative_inverse(values: &mut [f32], size: usize, run: &Run) -> Result<(), TrainError> {
    // Of the block's rows, with the triangle above the diagonal filled in: `block` values a book.
    let mut panel = vec![0.0_f32; BLOCK * size];
    let mut product = vec![0.0_f32; BLOCK * size];
    for from in (0..size).step_by(BLOCK) {
        run.at(from, size)?;
        let to = (from + BLOCK).min(size);
        let block = to - from;
        let panel = &mut panel[..block * size];
        let product = &mut product[..block * size];
        run.install(|| {
            panel.par_chunks_mut(block).enumerate().for_each(|(book, part)| {
                if book < from {
                    part.copy_from_slice(&values[book * size + from..book * size + to]);
                } else {
                    for (place, value) in part.iter_mut().enumerate() {
                        let (column, row) = (book.min(from + place), book.max(from + place));
                        *value = values[column * size + row];
                    }
                }
            });
        });
        let own = MatRef::from_column_major_slice(&panel[from * block..to * block], block, block);
        let inverse = own.llt(Side::Lower).map_err(|_| TrainError::Singular)?.inverse();
        run.install(|| {
            product.par_chunks_mut(block * STRIP).zip(panel.par_chunks(block * STRIP)).for_each(
                |(product, panel)| {
                    let books = panel.len() / block;
                    let panel = MatRef::from_column_major_slice(panel, block, books);
                    let product = MatMut::from_column_major_slice_mut(product, block, books);
                    matmul(product, Accum::Replace, inverse.as_ref(), panel, 1.0, Par::Seq);
                },
            );
            let (panel, product) = (&*panel, &*product);
            values.par_chunks_mut(size * STRIP).enumerate().try_for_each(|(strip, values)| {
                run.check()?;
                let first = strip * STRIP;
                let books = values.len() / size;
                let left = MatRef::from_column_major_slice(&product[first * block..], block, size - first);
                let right =
                    MatRef::from_column_major_slice(&panel[first * block..][..books * block], block, books);
                let strip = MatMut::from_column_major_slice_mut(values, size, books);
                let strip = strip.subrows_mut(first, size - first);
                matmul(strip, Accum::Add, left.transpose(), right, -1.0, Par::Seq);
                for (column, book) in values.chunks_exact_mut(size).zip(first..) {
                    if book < from {
                        column[from..to].copy_from_slice(&product[book * block..(book + 1) * block]);
                    } else if book < to {
                        for row in book..to {
                            column[row] = -inverse[(row - from, book - from)];
                        }
                        for row in to..size {
                            column[row] = product[row * block + book - from];
                        }
                    }
                }
                Ok(())
            })
        })?;
    }
    run.at(1, 1)
}

/// Copies the lower triangle to the upper, in tiles that fit the cache.
fn mirror(values: &mut [f32], size: usize, run: &Run) -> Result<(), TrainError> {
    const TILE: usize = 64;
    for left in (0..size).step_by(TILE) {
        run.check()?;
        for top in (left..size).step_by(TILE) {
            for column in left..(left + TILE).min(size) {
                for row in top.max(column + 1)..(top + TILE).min(size) {
                    values[row * size + column] = values[column * size + row];
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{mirror, negative_inverse};
    use crate::models::{Progress, Run};

    #[test]
    fn the_inverse_times_the_matrix_is_the_identity() {
        let run = Run::new(2, Progress::new()).unwrap();
        for size in [1, 5, 256, 300, 600] {
            let mut values = vec![0.0_f32; size * size];
            for row in 0..size {
                for column in 0..size {
                    values[row * size + column] =
                        ((row.min(column) * 7 + row.max(column) * 3) % 11) as f32 / 11.0;
                }
                values[row * size + row] = size as f32;
            }
            let matrix = values.clone();
            negative_inverse(&mut values, size, &run).unwrap();
            mirror(&mut values, size, &run).unwrap();
            for row in (0..size).step_by(97) {
                for column in (0..size).step_by(31) {
                    let product: f32 =
                        (0..size).map(|k| -values[row * size + k] * matrix[k * size + column]).sum();
                    let expected = if row == column { 1.0 } else { 0.0 };
                    assert!((product - expected).abs() < 1e-4, "{size} {row} {column}: {product}");
                }
            }
        }
    }
}
