//! Which ratings are held out: the same for every version, whoever asks.

use service::stable::mix;

/// A keyed choice among pairs of reader and book. It depends on nothing else, so that a rating that one version was not
/// trained with is held out for the next one, too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldOut {
    /// Another key makes another choice.
    pub key: u64,
    /// Which share of the pairs is held out, 0 to 1.
    pub share: f64,
}

impl HeldOut {
    /// Whether this pair is held out. Reader and book are named as they are for ever, not by places in a table.
    #[must_use]
    pub fn holds(&self, reader: i64, book: i64) -> bool {
        let hash = mix(mix(mix(self.key) ^ reader as u64) ^ (book as u64).rotate_left(32));
        ((hash >> 11) as f64) < self.share * (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::HeldOut;

    #[test]
    fn about_the_share_is_held_out_whatever_the_pattern_and_a_key_is_a_choice() {
        let (one, other) = (HeldOut { key: 1, share: 0.2 }, HeldOut { key: 2, share: 0.2 });
        let pairs = || (0..300).flat_map(|reader| (0..100).map(move |book| (reader, book)));
        let held = pairs().filter(|&(reader, book)| one.holds(reader, book)).count();
        assert!((5_700..6_300).contains(&held), "{held}");
        let both = pairs().filter(|&(r, b)| one.holds(r, b) && other.holds(r, b)).count();
        assert!((1_000..1_400).contains(&both), "{both}");
        assert!(pairs().all(|(r, b)| !HeldOut { share: 0.0, ..one }.holds(r, b)));
        assert!(pairs().all(|(r, b)| HeldOut { share: 1.0, ..one }.holds(r, b)));
    }
}
