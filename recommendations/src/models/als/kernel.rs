//! Short dense loops over the processor's widest registers. Inlined into whoever was dispatched.

use pulp::{Simd, as_arrays};

/// Registers that are summed apart, so that one addition need not wait for the one before.
const SUMS: usize = 4;

#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a, a_tail) = S::as_simd_f32s(a);
    let (b, b_tail) = S::as_simd_f32s(b);
    let (a_fours, a_rest) = as_arrays::<SUMS, _>(a);
    let (b_fours, b_rest) = as_arrays::<SUMS, _>(b);
    let mut sums = [simd.splat_f32s(0.0); SUMS];
    for (a, b) in a_fours.iter().zip(b_fours) {
        for place in 0..SUMS {
            sums[place] = simd.mul_add_f32s(a[place], b[place], sums[place]);
        }
    }
    for (place, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[place] = simd.mul_add_f32s(*a, *b, sums[place]);
    }
    let sum = simd.add_f32s(simd.add_f32s(sums[0], sums[1]), simd.add_f32s(sums[2], sums[3]));
    let tail: f32 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    simd.reduce_sum_f32s(sum) + tail
}

/// `y += a x`
#[inline(always)]
pub(super) fn axpy<S: Simd>(simd: S, a: f32, x: &[f32], y: &mut [f32]) {
    let (x, x_tail) = S::as_simd_f32s(x);
    let (y, y_tail) = S::as_mut_simd_f32s(y);
    let factor = simd.splat_f32s(a);
    for (y, x) in y.iter_mut().zip(x) {
        *y = simd.mul_add_f32s(factor, *x, *y);
    }
    for (y, x) in y_tail.iter_mut().zip(x_tail) {
        *y += a * x;
    }
}

/// `y = x + a y`
#[inline(always)]
pub(super) fn turn<S: Simd>(simd: S, a: f32, x: &[f32], y: &mut [f32]) {
    let (x, x_tail) = S::as_simd_f32s(x);
    let (y, y_tail) = S::as_mut_simd_f32s(y);
    let factor = simd.splat_f32s(a);
    for (y, x) in y.iter_mut().zip(x) {
        *y = simd.mul_add_f32s(factor, *y, *x);
    }
    for (y, x) in y_tail.iter_mut().zip(x_tail) {
        *y = x + a * *y;
    }
}
