//! What one round says.

use std::time::Duration;

/// One round against one contender.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// Calls answered a second.
    pub(crate) rate: f64,
    /// Half of the calls took no longer, in microseconds.
    pub(crate) p50: f64,
    /// 99 of 100 calls took no longer, in microseconds.
    pub(crate) p99: f64,
    /// Mean bytes of an answer.
    pub(crate) bytes: f64,
    /// Processor time of the watched processes a call, in microseconds.
    pub(crate) cost: f64,
    /// The same of the load generator.
    pub(crate) generator: f64,
}

impl Round {
    /// From the nanoseconds of every call, at least one, that ended within `length`.
    pub(super) fn new(
        mut nanoseconds: Vec<u32>,
        bytes: u64,
        length: Duration,
        watched: Duration,
        generator: Duration,
    ) -> Self {
        nanoseconds.sort_unstable();
        let calls = nanoseconds.len() as f64;
        Self {
            rate: calls / length.as_secs_f64(),
            p50: percentile(&nanoseconds, 50) / 1000.0,
            p99: percentile(&nanoseconds, 99) / 1000.0,
            bytes: bytes as f64 / calls,
            cost: watched.as_secs_f64() * 1e6 / calls,
            generator: generator.as_secs_f64() * 1e6 / calls,
        }
    }
}

/// The smallest value that `percent` of 100 do not exceed (nearest rank), of sorted values.
fn percentile(sorted: &[u32], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    f64::from(sorted[rank - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 50), 50.0);
        assert_eq!(percentile(&hundred, 99), 99.0);
        assert_eq!(percentile(&[7], 99), 7.0);
        assert_eq!(percentile(&[1, 2, 3], 50), 2.0);
    }

    #[test]
    fn costs_are_a_call() {
        let second = Duration::from_secs(1);
        let round = Round::new(vec![2000, 1000, 3000, 4000], 400, 2 * second, second, second / 2);
        assert_eq!((round.rate, round.p50, round.p99), (2.0, 2.0, 4.0));
        assert_eq!((round.bytes, round.cost, round.generator), (100.0, 250_000.0, 125_000.0));
    }
}
