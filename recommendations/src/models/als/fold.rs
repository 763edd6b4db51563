//! A history into factors, factors into scores, and what each book of the history does to them.

use faer::{
    Accum, MatMut, MatRef, Par, Side, linalg::matmul::matmul, linalg::solvers::DenseSolveCore as _,
    prelude::*,
};
use pulp::Arch;

use super::{
    MAX_FACTORS, ROWS,
    kernel::{axpy, dot, matvec},
    square, sum,
};
use crate::models::{
    PartsError,
    model::{Reason, Recommended, Scratch, Slot},
};

/// The factors of all books.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    width: usize,
    /// Books × factors, row after row.
    values: Vec<f32>,
    regularization: f32,
    confidence: f32,
    /// `YᵀY + λ I`
    gram: Vec<f32>,
}

/// What a fold-in needs; kept from call to call. About `4 k (3 k + 3 h)` bytes for a history of `h` books.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    /// The history's rows, and those times the inverse.
    rows: Vec<f32>,
    images: Vec<f32>,
    scaled: Vec<f32>,
    matrix: Vec<f32>,
    inverse: Vec<f32>,
    right: Vec<f32>,
    reader: Vec<f32>,
    image: Vec<f32>,
}

impl Factors {
    /// From what an artefact holds: `values` are books × `width`, row after row.
    ///
    /// # Errors
    ///
    /// If the shape does not fit, a number is not finite, or the parameters are out of range.
    pub fn new(
        width: usize,
        values: Vec<f32>,
        regularization: f32,
        confidence: f32,
    ) -> Result<Self, PartsError> {
        if width == 0 || width > MAX_FACTORS || !values.len().is_multiple_of(width) {
            return Err(PartsError::Shape("factors have 1 to 1024 numbers a book"));
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err(PartsError::NotFinite);
        }
        if !(regularization > 0.0 && regularization.is_finite() && (1.0..=1e6).contains(&confidence)) {
            return Err(PartsError::Shape("ALS takes regularization > 0 and confidence ≥ 1"));
        }
        let mut gram = sum(values.chunks(width * ROWS).map(|part| square(part, width)), width);
        (0..width).for_each(|place| gram[place * width + place] += regularization);
        let factors = Self { width, values, regularization, confidence, gram };
        // So that no history can meet a matrix without an inverse.
        if factors.gram.iter().all(|value| value.is_finite() && value.abs() < 1e30) {
            Ok(factors)
        } else {
            Err(PartsError::NotFinite)
        }
    }

    /// Numbers a book.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many books there are.
    #[must_use]
    pub fn books(&self) -> usize {
        self.values.len() / self.width
    }

    /// Books × factors, row after row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// What a factor's square costs.
    #[must_use]
    pub fn regularization(&self) -> f32 {
        self.regularization
    }

    /// The confidence in a positive.
    #[must_use]
    pub fn confidence(&self) -> f32 {
        self.confidence
    }

    /// A reader's factors, exactly: the solution of `(YᵀY + λ I + Σ (c − 1) y yᵀ) x = Σ c y` over the history.
    #[must_use]
    pub fn fold(&self, liked: &[u32]) -> Vec<f32> {
        let known = liked.iter().filter(|&&book| (book as usize) < self.books());
        self.fold_in(known.map(|&book| (book, 1.0)), &mut Fold::default()).to_vec()
    }

    pub(super) fn row(&self, book: u32) -> &[f32] {
        &self.values[book as usize * self.width..][..self.width]
    }

    /// How much an event adds to the matrix and to the right side. A negative is a sure "no": it adds nothing to the right.
    fn confidences(&self, weight: f32) -> (f32, f32) {
        if weight > 0.0 {
            let confidence = 1.0 + (self.confidence - 1.0) * weight;
            // Below weight 1 a reader is less sure of "yes", too.
            (confidence - 1.0, confidence * weight.min(1.0))
        } else {
            ((self.confidence * -weight).max(0.0), 0.0)
        }
    }

    pub(super) fn fold_in<'f>(
        &self,
        history: impl Iterator<Item = (u32, f32)>,
        fold: &'f mut Fold,
    ) -> &'f [f32] {
        let width = self.width;
        let Fold { rows, scaled, matrix, inverse, right, reader, .. } = &mut *fold;
        rows.clear();
        scaled.clear();
        right.clear();
        right.resize(width, 0.0);
        for (book, weight) in history {
            let (sure, liked) = self.confidences(weight);
            let row = self.row(book);
            rows.extend_from_slice(row);
            scaled.extend(row.iter().map(|value| sure * value));
            axpy(liked, row, right);
        }
        matrix.clear();
        matrix.extend_from_slice(&self.gram);
        let count = rows.len() / width;
        let left = MatRef::from_column_major_slice(scaled, width, count);
        let other = MatRef::from_column_major_slice(rows, width, count);
        let mut target = MatMut::from_column_major_slice_mut(matrix, width, width);
        matmul(target.rb_mut(), Accum::Add, left, other.transpose(), 1.0, Par::Seq);
        inverse.clear();
        // λ > 0 keeps it positive definite; were it not in single precision, the history says nothing.
        match target.rb().llt(Side::Lower) {
            Ok(cholesky) => {
                let whole = cholesky.inverse();
                (0..width).for_each(|column| inverse.extend((0..width).map(|row| whole[(row, column)])));
            }
            Err(_) => inverse.resize(width * width, 0.0),
        }
        reader.clear();
        reader.resize(width, 0.0);
        matvec(inverse, right, reader);
        reader
    }

    /// Folds the history in and scores every book.
    pub(in crate::models) fn score(&self, scratch: &mut Scratch) {
        let Scratch { call, scores, touched, history, fold, .. } = scratch;
        if history.is_empty() {
            return;
        }
        self.fold_in(history.iter().copied(), fold);
        let reader = &fold.reader;
        touched.extend(0..self.books() as u32);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (slot, row) in scores.iter_mut().zip(self.values.chunks_exact(self.width)) {
                    *slot = Slot { call: *call, value: dot(row, reader) };
                }
            },
        );
    }

    /// Names the book whose removal would lower the score most.
    ///
    /// Without book `i`, of confidence `c`, the matrix `A` loses `a y_i y_iᵀ` with `a = c − 1` and the right side `c y_i`. By
    /// Sherman and Morrison the score of `j` falls by `s (c − a (score_i − c q) / (1 − a q))`, where `s = y_jᵀ A⁻¹ y_i` and `q =
    /// y_iᵀ A⁻¹ y_i`.
    pub(in crate::models) fn explain(
        &self,
        history: &[(u32, f32)],
        fold: &mut Fold,
        answer: &mut [Recommended],
    ) {
        if history.is_empty() || answer.is_empty() {
            return;
        }
        let width = self.width;
        let Fold { rows, images, inverse, reader, image, .. } = fold;
        let count = history.len();
        images.clear();
        images.resize(count * width, 0.0);
        let target = MatMut::from_column_major_slice_mut(images, width, count);
        let inverse = MatRef::from_column_major_slice(inverse, width, width);
        let rows = MatRef::from_column_major_slice(rows, width, count);
        matmul(target, Accum::Replace, inverse, rows, 1.0, Par::Seq);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                // By how much each event's removal moves all scores, before the likeness to the book.
                image.clear();
                for (&(book, weight), z) in history.iter().zip(images.chunks_exact(width)) {
                    let (sure, liked) = self.confidences(weight);
                    let y = self.row(book);
                    let q = dot(y, z);
                    image.push(liked - sure * (dot(y, reader) - liked * q) / (1.0 - sure * q));
                }
                for recommended in answer {
                    let y = self.row(recommended.book);
                    let mut best = (0.0_f32, None);
                    for ((&(book, weight), z), scale) in
                        history.iter().zip(images.chunks_exact(width)).zip(&*image)
                    {
                        let contribution = scale * dot(y, z);
                        if weight > 0.0 && contribution > best.0 && book != recommended.book {
                            best = (contribution, Some(book));
                        }
                    }
                    if let (contribution, Some(book)) = best {
                        recommended.reason = Reason::Liked { book, contribution };
                    }
                }
            },
        );
    }
}
