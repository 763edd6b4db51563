//! A history into factors, factors into scores, and what each book of the history does to them.

use faer::{
    Accum, MatMut, MatRef, Par, Side,
    linalg::{matmul::matmul, solvers::Llt, triangular_solve::solve_lower_triangular_in_place},
    prelude::*,
};
use pulp::{Arch, Simd, WithSimd};

use super::{
    MAX_FACTORS, ROWS,
    coarse::{self, Coarse},
    kernel::dot,
    square, sum,
};
use crate::models::{
    PartsError,
    model::{Reason, Recommended, Scratch},
    top::Top,
};

/// The factors of all books: `5 k + 4` bytes a book for `k` factors, since they are held a second time, coarsely.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    width: usize,
    /// Books × factors, row after row.
    values: Vec<f32>,
    coarse: Coarse,
    regularization: f32,
    confidence: f32,
    /// `YᵀY + λ I`
    gram: Vec<f32>,
}

/// What a fold-in needs; kept from call to call. About `4 k (3 k + 3 h)` bytes for a history of `h` books.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    /// The history's rows; and those, then the rows of what is explained, times the inverse of the Cholesky factor.
    rows: Vec<f32>,
    images: Vec<f32>,
    scaled: Vec<f32>,
    matrix: Vec<f32>,
    cholesky: Option<Llt<f32>>,
    right: Vec<f32>,
    reader: Vec<f32>,
    scales: Vec<f32>,
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
        let coarse = Coarse::of(width, &values);
        let factors = Self { width, values, coarse, regularization, confidence, gram };
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

    pub(super) fn coarse(&self) -> &Coarse {
        &self.coarse
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
        let Fold { rows, scaled, matrix, cholesky, right, reader, .. } = &mut *fold;
        rows.clear();
        scaled.clear();
        right.clear();
        right.resize(width, 0.0);
        for (book, weight) in history {
            let (sure, liked) = self.confidences(weight);
            let row = self.row(book);
            rows.extend_from_slice(row);
            scaled.extend(row.iter().map(|value| sure * value));
            right.iter_mut().zip(row).for_each(|(right, value)| *right += liked * value);
        }
        matrix.clear();
        matrix.extend_from_slice(&self.gram);
        let count = rows.len() / width;
        let left = MatRef::from_column_major_slice(scaled, width, count);
        let other = MatRef::from_column_major_slice(rows, width, count);
        let mut target = MatMut::from_column_major_slice_mut(matrix, width, width);
        matmul(target.rb_mut(), Accum::Add, left, other.transpose(), 1.0, Par::Seq);
        // λ > 0 keeps it positive definite; were it not in single precision, the history would say nothing.
        *cholesky = target.rb().llt(Side::Lower).ok();
        reader.clear();
        reader.extend_from_slice(right);
        match cholesky {
            Some(cholesky) => {
                cholesky.solve_in_place(MatMut::from_column_major_slice_mut(reader, width, 1));
            }
            None => reader.fill(0.0),
        }
        reader
    }

    /// Folds the history in, and puts those books into `top` that it speaks for, of those that are `open`.
    pub(in crate::models) fn best(
        &self,
        history: &[(u32, f32)],
        fold: &mut Fold,
        top: &mut Top,
        open: impl FnMut(u32) -> bool,
    ) {
        if !history.is_empty() {
            self.fold_in(history.iter().copied(), fold);
            coarse::best(self, &fold.reader, top, open);
        }
    }

    /// Scores every book by the history that was folded in.
    pub(in crate::models) fn score(&self, scratch: &mut Scratch) {
        let Scratch { sums, history, fold, .. } = scratch;
        if !history.is_empty() {
            let scores = sums.all(self.books());
            Arch::new().dispatch(Score { factors: self, reader: &fold.reader, scores });
        }
    }

    /// Names the book whose removal would lower the score most.
    ///
    /// Without book `i`, of confidence `c`, the matrix `A` loses `a y_i y_iᵀ` with `a = c − 1` and the right side `c y_i`. By
    /// Sherman and Morrison the score of `j` falls by `s (c − a (score_i − c q) / (1 − a q))`, where `s = y_jᵀ A⁻¹ y_i` and `q =
    /// y_iᵀ A⁻¹ y_i`. With `A = L Lᵀ` and `z = L⁻¹ y` these are the products `z_j z_i` and `z_i z_i`.
    pub(in crate::models) fn explain(
        &self,
        history: &[(u32, f32)],
        fold: &mut Fold,
        shown: &mut [Recommended],
    ) {
        if history.is_empty() || shown.is_empty() {
            return;
        }
        let width = self.width;
        let Fold { rows, images, cholesky: Some(cholesky), reader, scales, .. } = fold else { return };
        images.clear();
        images.extend_from_slice(rows);
        shown.iter().for_each(|it| images.extend_from_slice(self.row(it.book)));
        let columns = MatMut::from_column_major_slice_mut(images, width, history.len() + shown.len());
        solve_lower_triangular_in_place(cholesky.L(), columns, Par::Seq);
        let (images, of_shown) = images.split_at(history.len() * width);
        Arch::new().dispatch(Explain { factors: self, history, reader, images, of_shown, scales, shown });
    }
}

/// Every book's score.
struct Score<'a> {
    factors: &'a Factors,
    reader: &'a [f32],
    scores: &'a mut [f32],
}

impl WithSimd for Score<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.factors.values.chunks_exact(self.factors.width);
        for (score, row) in self.scores.iter_mut().zip(rows) {
            *score = dot(simd, row, self.reader);
        }
    }
}

/// The best reason of each book that is shown.
struct Explain<'a> {
    factors: &'a Factors,
    history: &'a [(u32, f32)],
    reader: &'a [f32],
    /// `L⁻¹ y` of the history's rows, and of those that are shown.
    images: &'a [f32],
    of_shown: &'a [f32],
    scales: &'a mut Vec<f32>,
    shown: &'a mut [Recommended],
}

impl WithSimd for Explain<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { factors, history, reader, images, of_shown, scales, shown } = self;
        let images = images.chunks_exact(factors.width);
        // By how much each event's removal moves all scores, before the likeness to the book.
        scales.clear();
        scales.extend(history.iter().zip(images.clone()).map(|(&(book, weight), z)| {
            let (sure, liked) = factors.confidences(weight);
            let q = dot(simd, z, z);
            liked - sure * (dot(simd, factors.row(book), reader) - liked * q) / (1.0 - sure * q)
        }));
        for (recommended, image) in shown.iter_mut().zip(of_shown.chunks_exact(factors.width)) {
            let mut best = (0.0_f32, None);
            for ((&(book, weight), z), scale) in history.iter().zip(images.clone()).zip(&*scales) {
                if weight > 0.0 && book != recommended.book {
                    let contribution = scale * dot(simd, image, z);
                    if contribution > best.0 {
                        best = (contribution, Some(book));
                    }
                }
            }
            recommended.reason = match best {
                (contribution, Some(book)) => Reason::Liked { book, contribution },
                (_, None) => Reason::Taste,
            };
        }
    }
}
