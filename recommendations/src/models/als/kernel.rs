//! Short dense loops. Inlined into whoever calls them, so that they are compiled for the processor's widest registers.

/// Lanes that are summed apart, so that the compiler may keep them in registers side by side.
const LANES: usize = 16;

#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0] + rest
}

/// `y += a x`
#[inline(always)]
pub(super) fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// `y = A x` for a symmetric matrix.
#[inline(always)]
pub(super) fn matvec(a: &[f32], x: &[f32], y: &mut [f32]) {
    let width = x.len();
    y.fill(0.0);
    let (blocks, rest) = x.as_chunks::<4>();
    let mut rows = a.chunks_exact(4 * width);
    for (x, four) in blocks.iter().zip(&mut rows) {
        let (one, others) = four.split_at(width);
        let (two, others) = others.split_at(width);
        let (three, four) = others.split_at(width);
        for (place, y) in y.iter_mut().enumerate() {
            *y += x[0] * one[place] + x[1] * two[place] + (x[2] * three[place] + x[3] * four[place]);
        }
    }
    for (x, row) in rest.iter().zip(rows.remainder().chunks_exact(width)) {
        axpy(*x, row, y);
    }
}
