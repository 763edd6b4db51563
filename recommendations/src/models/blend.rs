//! Several item–item models in one sparse matrix, so that serving costs what one of them costs.
//!
//! A weighted sum of linear models' scores is the score of the weighted sum of their matrices, so the blend is made once, when
//! it is trained. Each matrix is first scaled to weights that add up to 1 a book, so that shares compare. The shares are
//! chosen on held-out ratings, which is stacking with few parameters (David Wolpert, "Stacked generalization", 1992; Leo
//! Breiman, "Stacked Regressions", 1996).
//!
//! Where ratings are so few that the models do not beat popularity on them, popularity has a share, too: it is no matrix, so it
//! is added when a history is asked with, to those books that may come into the answer. Where nothing beats popularity alone,
//! the blend is popularity.

use super::{Run, Sparse, TrainError, gram::prune};

/// Adds up matrices of the same shape, each with its share, and keeps the largest entries of each row.
pub(crate) fn blend(parts: &[(&Sparse, f32)], depth: usize, run: &Run) -> Result<Sparse, TrainError> {
    let Some((first, _)) = parts.first() else { return Ok(Sparse::default()) };
    let scales: Vec<f32> = parts.iter().map(|(part, share)| share / mean(part)).collect();
    let mut rows = Vec::with_capacity(first.rows());
    let mut all: Vec<(u32, f32)> = Vec::new();
    for row in 0..first.rows() {
        run.check()?;
        all.clear();
        for ((part, _), scale) in parts.iter().zip(&scales) {
            all.extend(part.entries(row).map(|(column, value)| (column, value * scale)));
        }
        all.sort_unstable_by_key(|&(column, _)| column);
        let mut merged: Vec<(u32, f32)> = Vec::with_capacity(all.len());
        for &(column, value) in &all {
            match merged.last_mut() {
                Some((last, sum)) if *last == column => *sum += value,
                _ => merged.push((column, value)),
            }
        }
        prune(&mut merged, depth);
        merged.shrink_to_fit();
        rows.push(merged);
    }
    Ok(Sparse::from_rows(first.columns(), &rows))
}

/// The mean of the rows' sums, over rows that hold anything.
fn mean(matrix: &Sparse) -> f32 {
    let full = (0..matrix.rows()).filter(|&row| !matrix.row(row).0.is_empty()).count();
    let sum: f64 = matrix.values().iter().map(|&value| f64::from(value)).sum();
    if sum > 0.0 { (sum / full as f64) as f32 } else { 1.0 }
}
