//! Chance that is the same on every machine and in every release.

use service::stable::SplitMix64;

/// What is drawn from SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(SplitMix64);

impl Random {
    /// The same numbers for the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64(seed))
    }

    /// What the next number is made of.
    pub(crate) fn state(&self) -> u64 {
        self.0.0
    }

    /// Uniform in 0..`limit`, but for a bias of less than `limit` in 2⁶⁴.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.0.draw()) * u128::from(limit)) >> 64) as u64
    }

    /// Uniform in 0..1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal with mean 0 and variance 1 (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Zipf's law with exponent 1 over 0..`count`, drawn by the inverse of the harmonic sum's integral.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Zipf {
    count: u64,
}

impl Zipf {
    pub(crate) fn new(count: u64) -> Self {
        Self { count }
    }

    pub(crate) fn pick(&self, random: &mut Random) -> u64 {
        let rank = ((self.count as f64 + 1.0).ln() * random.unit()).exp() as u64;
        (rank - 1).min(self.count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, Zipf};

    #[test]
    fn the_first_ranks_have_most() {
        let (zipf, mut random) = (Zipf::new(1000), Random::new(1));
        let mut counts = vec![0; 1000];
        for _ in 0..100_000 {
            counts[zipf.pick(&mut random) as usize] += 1;
        }
        assert!(counts[0] > 5000 && counts[0] > counts[1] && counts[1] > counts[10], "{:?}", &counts[..12]);
        assert!(counts[500..].iter().sum::<i32>() > 1000, "the tail is long");
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut random = Random::new(3);
        let drawn: Vec<f64> = (0..50_000).map(|_| random.normal()).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let variance = drawn.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }
}
