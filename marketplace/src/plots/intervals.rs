use std::fmt::Write as _;

use super::{Rounded, Scale, begin};

/// A share, and between what ends it probably lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) rate: f64,
    pub(crate) high: f64,
}

/// One interval as a bar, with a dot at what was seen, on the scale that it shares with others.
pub(crate) fn interval(interval: Interval, scale: Scale, words: &str) -> String {
    let Interval { low, rate, high } = interval;
    let [low, rate, high] = [low, rate, high].map(|share| Rounded(scale.x(share)));
    let mut svg = begin(words);
    write!(
        svg,
        "<path class=\"track\" d=\"M0 50H100\"/><path class=\"span\" d=\"M{low} 50H{high}\"/>\
         <path class=\"end\" d=\"M{low} 25V75M{high} 25V75\"/><path class=\"dot\" d=\"M{rate} 50h0\"/></svg>"
    )
    .expect("text takes all");
    svg
}

#[cfg(test)]
mod tests {
    use super::{Interval, Scale, interval};

    #[test]
    fn an_interval_lies_on_its_scale() {
        let seen = Interval { low: 0.02, rate: 0.04, high: 0.08 };
        let svg = interval(seen, Scale::from_nothing([0.08], 0.01), "4 %");
        assert!(svg.contains("d=\"M25 50H100\"") && svg.contains("d=\"M50 50h0\""), "{svg}");
    }
}
