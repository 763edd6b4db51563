//! How variants do: shares with their confidence intervals, and whether a difference can be told from chance.

/// A variant with fewer impressions is not compared.
pub const LEAST_IMPRESSIONS: u64 = 200;
/// Two-sided 95 %.
const Z: f64 = 1.959_963_985;

/// What happened to a variant's recommendations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The variant's name.
    pub variant: String,
    /// Readers who were shown any.
    pub readers: u64,
    /// Recommendations that were shown.
    pub impressions: u64,
    /// How many of them were clicked.
    pub clicks: u64,
    /// How many of them led to a rating.
    pub ratings: u64,
}

/// A share with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// What was seen; 0 if nothing was.
    pub rate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// `part` of `whole`, with the interval of Wilson (1927), which holds for few and for rare ones, too.
#[must_use]
pub fn share(part: u64, whole: u64) -> Share {
    if whole == 0 {
        return Share { rate: 0.0, low: 0.0, high: 1.0 };
    }
    let (n, rate) = (whole as f64, part.min(whole) as f64 / whole as f64);
    let scale = 1.0 + Z * Z / n;
    let middle = (rate + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
    Share { rate, low: (middle - half).clamp(0.0, rate), high: (middle + half).clamp(rate, 1.0) }
}

/// What can be said of the variants' clicks, the first being the one that the others are compared with.
#[must_use]
pub fn summary(variants: &[Counts]) -> String {
    let Some((control, others)) = variants.split_first().filter(|(_, others)| !others.is_empty()) else {
        return "Nothing is compared: no variants are configured.".to_owned();
    };
    if let Some(few) = variants.iter().find(|counts| counts.impressions < LEAST_IMPRESSIONS) {
        return format!(
            "Not enough data: {} has {} of the {LEAST_IMPRESSIONS} impressions that a comparison needs.",
            few.variant, few.impressions
        );
    }
    // So many comparisons are made that one would seem to differ by chance (Bonferroni).
    let level = 0.05 / others.len() as f64;
    let told: Vec<String> = others
        .iter()
        .map(|other| (other, chance(control, other)))
        .filter(|(_, chance)| *chance < level)
        .map(|(other, chance)| {
            let percent = |counts: &Counts| 100.0 * share(counts.clicks, counts.impressions).rate;
            let word = if percent(other) > percent(control) { "more" } else { "less" };
            format!(
                "{} is clicked {word} often than {}: {:.1} % against {:.1} % (p {}).",
                other.variant,
                control.variant,
                percent(other),
                percent(control),
                if chance < 0.001 { "< 0.001".to_owned() } else { format!("= {chance:.3}") },
            )
        })
        .collect();
    if told.is_empty() {
        return format!("No difference to {} can be told from chance yet.", control.variant);
    }
    told.join(" ")
}

/// How likely a difference of clicks at least this large is by chance: the two-sided z test of two proportions.
fn chance(one: &Counts, other: &Counts) -> f64 {
    let (a, b) = (one.impressions as f64, other.impressions as f64);
    let (clicks, more) = (one.clicks.min(one.impressions) as f64, other.clicks.min(other.impressions) as f64);
    let pooled = (clicks + more) / (a + b);
    let error = (pooled * (1.0 - pooled) * (1.0 / a + 1.0 / b)).sqrt();
    if error == 0.0 {
        return 1.0;
    }
    let z = (clicks / a - more / b).abs() / error;
    2.0 * upper_tail(z)
}

/// The share of the normal distribution above `z >= 0`, to within 1e-7 (Abramowitz and Stegun, 26.2.17).
fn upper_tail(z: f64) -> f64 {
    const B: [f64; 5] = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let polynomial = B.iter().rev().fold(0.0, |sum, b| (sum + b) * t);
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * polynomial
}

#[cfg(test)]
mod tests {
    use super::{Counts, chance, share, summary, upper_tail};

    fn counts(variant: &str, impressions: u64, clicks: u64) -> Counts {
        Counts { variant: variant.to_owned(), readers: 1, impressions, clicks, ratings: 0 }
    }

    #[test]
    fn intervals_are_wilsons() {
        // By hand: n = 10, p = 0.
        let none = share(0, 10);
        assert!((none.low, none.rate) == (0.0, 0.0) && (none.high - 0.2775).abs() < 1e-4, "{none:?}");
        let half = share(50, 100);
        assert!((half.low - 0.4038).abs() < 1e-4 && (half.high - 0.5962).abs() < 1e-4, "{half:?}");
        assert_eq!((share(0, 0).low, share(0, 0).high), (0.0, 1.0));
    }

    #[test]
    fn tails_are_those_of_the_normal_distribution() {
        for (z, tail) in [(0.0, 0.5), (1.0, 0.158_655_3), (1.959_964, 0.025), (3.0, 0.001_349_9)] {
            assert!((upper_tail(z) - tail).abs() < 1e-6, "{z}");
        }
        assert!((chance(&counts("a", 1000, 100), &counts("b", 1000, 100)) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_summary_says_no_more_than_the_data_does() {
        let say = |b: Counts| summary(&[counts("a", 1000, 100), b]);
        assert!(say(counts("b", 100, 100)).starts_with("Not enough data: b has 100 of the 200"));
        assert_eq!(say(counts("b", 1000, 104)), "No difference to a can be told from chance yet.");
        assert!(
            say(counts("b", 1000, 160))
                == "b is clicked more often than a: 16.0 % against 10.0 % (p < 0.001)."
        );
        assert!(say(counts("b", 1000, 50)).starts_with("b is clicked less often"));
        assert!(summary(&[]).starts_with("Nothing is compared"));
    }
}
