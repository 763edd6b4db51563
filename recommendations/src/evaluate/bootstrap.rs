//! Whether one model is better than another, or only luckier.

use service::stable::mix;

/// The difference of two means over the same readers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The second's mean less the first's.
    pub difference: f64,
    /// The 2.5th percentile of the difference over resampled readers.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
    /// In which share of the resamples the second is worse than the first by more than the margin.
    pub worse: f64,
}

/// Compares two models reader by reader: a paired bootstrap (Bradley Efron, "Bootstrap Methods: Another Look at the Jackknife",
/// 1979; for systems that rank, Tetsuya Sakai, "Evaluating evaluation metrics based on the bootstrap", SIGIR 2006). The
/// same seed gives the same answer. `None` if there is no reader or the lists differ in length.
#[must_use]
pub fn compare(first: &[f32], second: &[f32], margin: f64, rounds: u32, seed: u64) -> Option<Comparison> {
    if first.is_empty() || first.len() != second.len() || rounds == 0 {
        return None;
    }
    let differences: Vec<f64> =
        first.iter().zip(second).map(|(a, b)| f64::from(*b) - f64::from(*a)).collect();
    let count = differences.len();
    let mut state = mix(seed);
    let mut means: Vec<f64> = (0..rounds)
        .map(|_| {
            let drawn = (0..count).map(|_| {
                state = state.wrapping_add(1);
                // Multiplying a 32-bit number and taking the upper half is uniform enough for any count of readers.
                differences[(((mix(state) >> 32) * count as u64) >> 32) as usize]
            });
            drawn.sum::<f64>() / count as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let quantile = |share: f64| means[((share * (means.len() - 1) as f64).round()) as usize];
    Some(Comparison {
        difference: differences.iter().sum::<f64>() / count as f64,
        low: quantile(0.025),
        high: quantile(0.975),
        worse: means.iter().filter(|&&mean| mean < -margin).count() as f64 / f64::from(rounds),
    })
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn a_clear_difference_is_told_from_noise() {
        let first: Vec<f32> = (0..500).map(|n| (n % 10) as f32 / 10.0).collect();
        let better: Vec<f32> =
            first.iter().zip(0..).map(|(it, n)| it + 0.05 + (n % 3) as f32 * 0.01).collect();
        let noisy: Vec<f32> =
            first.iter().zip(0..).map(|(it, n)| it + if n % 2 == 0 { 0.1 } else { -0.1 }).collect();
        let clear = compare(&first, &better, 0.0, 1_000, 1).unwrap();
        assert!(
            (clear.difference - 0.06).abs() < 1e-3 && clear.low > 0.05 && clear.worse == 0.0,
            "{clear:?}"
        );
        let none = compare(&first, &noisy, 0.0, 1_000, 1).unwrap();
        assert!(none.low < 0.0 && none.high > 0.0 && (0.3..0.7).contains(&none.worse), "{none:?}");
        assert_eq!(compare(&first, &first[1..], 0.0, 10, 1), None);
        assert_eq!(compare(&first, &noisy, 0.0, 100, 7), compare(&first, &noisy, 0.0, 100, 7));
    }
}
