//! A block of rows by conjugate gradients, all a step further at a time.
//!
//! The part that all rows share, `G` times each direction, is one product of matrices a step; what each row's books add
//! is done row by row while its direction is in the cache.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use pulp::{Simd, WithSimd};

use super::{
    Als,
    kernel::{axpy, dot, turn},
};
use crate::models::{Run, Sparse, TrainError};

/// Rows a block.
pub(super) const BLOCK: usize = 32;

/// What a thread needs.
pub(super) struct Solver {
    residuals: Vec<f32>,
    directions: Vec<f32>,
    images: Vec<f32>,
    squares: [f32; BLOCK],
}

impl Solver {
    pub(super) fn new(width: usize) -> Self {
        let zeros = || vec![0.0; BLOCK * width];
        Self { residuals: zeros(), directions: zeros(), images: zeros(), squares: [0.0; BLOCK] }
    }
}

/// Improves rows towards the solutions of `(G + (c − 1) Σ y yᵀ) x = c Σ y`, over the liked rows `y` of `other`.
pub(super) struct Task<'a> {
    pub(super) solver: &'a mut Solver,
    pub(super) als: &'a Als,
    pub(super) gram: &'a [f32],
    pub(super) likes: &'a Sparse,
    pub(super) other: &'a [f32],
    /// The number of the first row.
    pub(super) first: usize,
    pub(super) rows: &'a mut [f32],
    pub(super) run: &'a Run,
}

impl WithSimd for Task<'_> {
    type Output = Result<(), TrainError>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { solver, als, gram, likes, other, first, rows, run } = self;
        let width = als.factors;
        let sure = als.confidence - 1.0;
        let size = rows.len();
        let residuals = &mut solver.residuals[..size];
        let directions = &mut solver.directions[..size];
        let images = &mut solver.images[..size];
        let factors = |book: u32| &other[book as usize * width..][..width];
        let times_gram = |from: &[f32], to: &mut [f32]| {
            let gram = MatRef::from_column_major_slice(gram, width, width);
            let from = MatRef::from_column_major_slice(from, width, from.len() / width);
            let to = MatMut::from_column_major_slice_mut(to, width, from.ncols());
            matmul(to, Accum::Replace, gram, from, 1.0, Par::Seq);
        };
        times_gram(rows, images);
        let each = rows.chunks_exact_mut(width).zip(residuals.chunks_exact_mut(width));
        let each = each.zip(images.chunks_exact(width)).zip(directions.chunks_exact_mut(width));
        for (place, (((row, residual), image), direction)) in each.enumerate() {
            run.check()?;
            let liked = likes.row(first + place).0;
            if liked.is_empty() {
                row.fill(0.0);
                direction.fill(0.0);
                solver.squares[place] = 0.0;
                continue;
            }
            residual.iter_mut().zip(image).for_each(|(residual, image)| *residual = -image);
            for &book in liked {
                let y = factors(book);
                axpy(simd, als.confidence - sure * dot(simd, y, row), y, residual);
            }
            direction.copy_from_slice(residual);
            solver.squares[place] = dot(simd, residual, residual);
        }
        for _ in 0..als.steps {
            times_gram(directions, images);
            let each = rows.chunks_exact_mut(width).zip(residuals.chunks_exact_mut(width));
            let each = each.zip(images.chunks_exact_mut(width)).zip(directions.chunks_exact_mut(width));
            for (place, (((row, residual), image), direction)) in each.enumerate() {
                run.check()?;
                let square = solver.squares[place];
                if square < 1e-20 {
                    continue;
                }
                for &book in likes.row(first + place).0 {
                    let y = factors(book);
                    axpy(simd, sure * dot(simd, y, direction), y, image);
                }
                let step = square / dot(simd, direction, image);
                axpy(simd, step, direction, row);
                axpy(simd, -step, image, residual);
                let next = dot(simd, residual, residual);
                turn(simd, next / square, residual, direction);
                solver.squares[place] = next;
            }
        }
        Ok(())
    }
}
