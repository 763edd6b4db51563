use std::fmt::Write as _;

use super::{Plot, Rounded, SIDE, begin, lines};
use crate::figures::percent;

/// How large a share the most frequent books have.
pub(crate) struct Curve<'a> {
    pub(crate) class: &'static str,
    /// Of the first 0 %, … 100 % of the books, at even distances.
    pub(crate) shares: &'a [f64],
}

/// Shares of something against shares of the books, with the line on which all books would be alike.
pub(crate) fn spreads(curves: &[Curve<'_>], words: &str) -> Plot {
    let quarters = [1.0, 0.75, 0.5, 0.25, 0.0].map(percent);
    let mut svg = begin(words);
    lines(&mut svg, quarters.len());
    svg.push_str("<path class=\"alike\" d=\"M0 100L100 0\"/>");
    for curve in curves {
        let last = curve.shares.len().saturating_sub(1).max(1) as f64;
        let mut path = String::new();
        for (place, share) in curve.shares.iter().enumerate() {
            let command = if place == 0 { 'M' } else { 'L' };
            let (x, y) = (SIDE * place as f64 / last, SIDE * (1.0 - share.clamp(0.0, 1.0)));
            write!(path, "{command}{} {}", Rounded(x), Rounded(y)).expect("text takes all");
        }
        write!(svg, "<path class=\"{}\" d=\"{path}\"/>", curve.class).expect("text takes all");
    }
    svg.push_str("</svg>");
    let below = [0.0, 0.25, 0.5, 0.75, 1.0].map(percent);
    Plot { svg, ticks: quarters.into(), below: below.into() }
}

#[cfg(test)]
mod tests {
    use super::{Curve, spreads};

    #[test]
    fn a_curve_goes_from_nothing_to_all() {
        let plot = spreads(&[Curve { class: "likes", shares: &[0.0, 0.75, 1.0] }], "spread");
        assert!(plot.svg.contains("<path class=\"likes\" d=\"M0 100L50 25L100 0\"/>"), "{}", plot.svg);
        assert_eq!((plot.ticks[0].as_str(), plot.below[1].as_str()), ("100 %", "25 %"));
        assert!(spreads(&[Curve { class: "likes", shares: &[] }], "").svg.contains("d=\"\""));
    }
}
