//! Plots, drawn as SVG that is stretched over whatever room there is: lines keep their width, and words stand beside it as
//! HTML, so that they keep their size. No style is written into them; classes say what is what.

mod bars;
mod intervals;
mod scale;
mod spreads;
mod versions;

use std::fmt::{self, Write as _};

pub(crate) use self::{
    bars::{Bar, bars},
    intervals::{Interval, interval},
    scale::Scale,
    spreads::{Curve, spreads},
    versions::{Point, versions},
};

/// A plot with what stands beside it.
#[derive(Debug, PartialEq)]
pub(crate) struct Plot {
    /// An `<svg>` element.
    pub(crate) svg: String,
    /// What stands at the lines across, the topmost first, at even distances.
    pub(crate) ticks: Vec<String>,
    /// What stands below, from left to right.
    pub(crate) below: Vec<String>,
}

/// The picture that plots are drawn on is 100 by 100, whatever its shape on the page.
const SIDE: f64 = 100.0;

/// Begins a picture that is a whole to a screen reader, and says this of it.
fn begin(words: &str) -> String {
    format!(
        "<svg class=\"plot\" viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        Escaped(words)
    )
}

/// A line across for each tick but the lowest, which is the axis.
fn lines(svg: &mut String, count: usize) {
    for tick in 0..count {
        let y = SIDE * tick as f64 / (count - 1).max(1) as f64;
        let class = if tick + 1 == count { "axis" } else { "line" };
        write!(svg, "<path class=\"{class}\" d=\"M0 {}H100\"/>", Rounded(y)).expect("text takes all");
    }
}

/// With as many digits as can be seen.
struct Rounded(f64);

impl fmt::Display for Rounded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", (self.0 * 100.0).round() / 100.0)
    }
}

/// As text of an attribute or element.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                character => formatter.write_char(character)?,
            }
        }
        Ok(())
    }
}
