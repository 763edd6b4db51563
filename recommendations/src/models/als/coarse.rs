//! The best of all books without reading all their factors.
//!
//! Each book's factors are held a second time, as whole numbers from −127 to 127 times a scale of the book's own: a quarter
//! of the bytes to read. A score made of those is off by no more than half a scale for each unit of the reader's factors, so
//! that a book whose score is still below the worst of the best so far when that much is added is not one of them. All others
//! are scored from their real factors: what comes out are the exact scores in the exact order, as if each book had been scored.
//!
//! `k + 4` bytes a book for `k` factors. Nothing that grows with the books is written.

use pulp::{Arch, Simd, WithSimd};

use super::{fold::Factors, kernel::dot};
use crate::models::top::Top;

/// Books that are looked at together.
const BLOCK: usize = 64;
/// The reader's factors as whole numbers up to this: exact enough, and 1,024 products with ±127 fit into 32 bits.
const FINE: f32 = 8_191.0;
/// The bound and some more, for what rounding does to sums in single precision.
const SLACK: f32 = 1.05;

/// All books' factors, coarsely.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Coarse {
    /// Books × factors, row after row.
    values: Vec<i8>,
    /// By book: what a value is to be multiplied with.
    scales: Vec<f32>,
}

impl Coarse {
    pub(super) fn of(width: usize, values: &[f32]) -> Self {
        let mut coarse = Self {
            values: Vec::with_capacity(values.len()),
            scales: Vec::with_capacity(values.len() / width),
        };
        for row in values.chunks_exact(width) {
            let most = row.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let scale = most / 127.0;
            let whole = |value: &f32| if scale > 0.0 { (value / scale).round() as i8 } else { 0 };
            coarse.values.extend(row.iter().map(whole));
            coarse.scales.push(scale);
        }
        coarse
    }
}

/// Puts the books that the reader's factors speak for into `top`, of those that are `open`.
pub(super) fn best(factors: &Factors, reader: &[f32], top: &mut Top, open: impl FnMut(u32) -> bool) {
    let most = reader.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    if !(most > 0.0 && most.is_finite()) {
        return;
    }
    let step = most / FINE;
    let mut fine = [0_i16; super::MAX_FACTORS];
    let fine = &mut fine[..reader.len()];
    fine.iter_mut().zip(reader).for_each(|(fine, value)| *fine = (value / step).round() as i16);
    let sum: f32 = reader.iter().map(|value| value.abs()).sum();
    // In units of a book's scale: half a unit of each of the book's numbers, and half a step of each of the reader's.
    let off = SLACK * 0.5 * (sum + 127.0 * step * reader.len() as f32);
    Arch::new().dispatch(Scan { factors, reader, fine, step, off, top, open });
}

struct Scan<'a, O> {
    factors: &'a Factors,
    reader: &'a [f32],
    /// The reader's factors in steps.
    fine: &'a [i16],
    step: f32,
    /// By how many scales a score may be off.
    off: f32,
    top: &'a mut Top,
    open: O,
}

impl<O: FnMut(u32) -> bool> WithSimd for Scan<'_, O> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { factors, reader, fine, step, off, top, mut open } = self;
        let width = reader.len();
        let Coarse { values, scales } = factors.coarse();
        let mut bar = top.bar().max(f32::MIN_POSITIVE);
        let mut first = 0;
        for (rows, scales) in values.chunks(BLOCK * width).zip(scales.chunks(BLOCK)) {
            let mut highest = [f32::NEG_INFINITY; BLOCK];
            for ((highest, row), scale) in highest.iter_mut().zip(rows.chunks_exact(width)).zip(scales) {
                *highest = scale * (whole_dot(row, fine) as f32 * step + off);
            }
            let most = highest.iter().fold(f32::NEG_INFINITY, |most, &it| if it > most { it } else { most });
            if most >= bar {
                for (&highest, book) in highest.iter().zip(first..) {
                    if highest >= bar && open(book) {
                        let score = dot(simd, factors.row(book), reader);
                        if score >= bar && top.wants(score, book) {
                            top.push(score, book);
                            bar = top.bar().max(f32::MIN_POSITIVE);
                        }
                    }
                }
            }
            first += BLOCK as u32;
        }
    }
}

#[inline(always)]
fn whole_dot(row: &[i8], reader: &[i16]) -> i32 {
    row.iter().zip(reader).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}
