use std::fmt::Write as _;

use super::{Escaped, Plot, Rounded, SIDE, Scale, begin, lines};

/// One model's figure.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    /// What it is called below the plot.
    pub(crate) name: String,
    /// What is said of it where a pointer rests.
    pub(crate) words: String,
    /// `None` if it was not measured.
    pub(crate) value: Option<f64>,
    /// The figure of the model that it was compared with.
    pub(crate) compared: Option<f64>,
    /// Whether it answers.
    pub(crate) active: bool,
    /// Whether it was refused.
    pub(crate) refused: bool,
}

/// Names that have room below.
const NAMES: usize = 10;

/// How a figure went from version to version, the oldest first: a line through dots, hollow where the model was refused,
/// ringed where it answers; square what it was compared with.
pub(crate) fn versions(points: &[Point], scale: Scale, words: &str) -> Plot {
    let ticks = scale.ticks(|number, digits| format!("{number:.digits$}"));
    let mut svg = begin(words);
    lines(&mut svg, ticks.len());
    let x = |place: usize| SIDE * (place as f64 + 0.5) / points.len() as f64;
    let mut path = String::new();
    for (place, value) in points.iter().enumerate().filter_map(|(place, point)| Some((place, point.value?))) {
        let command = if path.is_empty() { 'M' } else { 'L' };
        write!(path, "{command}{} {}", Rounded(x(place)), Rounded(scale.y(value))).expect("text takes all");
    }
    write!(svg, "<path class=\"run\" d=\"{path}\"/>").expect("text takes all");
    for (place, point) in points.iter().enumerate() {
        let Some(value) = point.value else { continue };
        write!(svg, "<g><title>{}</title>", Escaped(&point.words)).expect("text takes all");
        let mut mark = |class: &str, value: f64| {
            let (x, y) = (Rounded(x(place)), Rounded(scale.y(value)));
            write!(svg, "<path class=\"{class}\" d=\"M{x} {y}h0\"/>").expect("text takes all");
        };
        if let Some(compared) = point.compared {
            mark("other", compared);
            mark("other in", compared);
        }
        if point.active {
            mark("dot ring", value);
            mark("dot gap", value);
        }
        mark("dot", value);
        if point.refused {
            mark("dot in", value);
        }
        svg.push_str("</g>");
    }
    svg.push_str("</svg>");
    let every = points.len().div_ceil(NAMES).max(1);
    // The last one has its name in any case.
    let named = |place: usize| (points.len() - 1 - place).is_multiple_of(every);
    let below = points.iter().enumerate();
    let below = below.map(|(place, point)| if named(place) { point.name.clone() } else { String::new() });
    Plot { svg, ticks, below: below.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(number: usize, value: Option<f64>) -> Point {
        let words = format!("{number}-<slim> & \"co\"");
        Point {
            name: number.to_string(),
            words,
            value,
            compared: value,
            active: number == 2,
            refused: number == 1,
        }
    }

    #[test]
    fn a_version_is_a_dot_in_its_column() {
        let points = [point(1, Some(0.2)), point(2, Some(0.4)), point(3, None)];
        let plot = versions(&points, Scale::from_nothing([0.4], 0.1), "NDCG@10");
        assert!(plot.svg.contains("<path class=\"run\" d=\"M16.67 50L50 0\"/>"), "{}", plot.svg);
        assert_eq!(plot.svg.matches("class=\"dot\"").count(), 2);
        assert_eq!(plot.svg.matches("dot ring").count(), 1);
        assert_eq!(plot.svg.matches("dot in").count(), 1);
        assert!(plot.svg.contains("1-&lt;slim&gt; &amp; &quot;co&quot;") && !plot.svg.contains("style"));
        assert_eq!(plot.below, ["1", "2", "3"]);
        let many: Vec<Point> = (1..=45).map(|number| point(number, Some(0.1))).collect();
        let plot = versions(&many, Scale::around([0.1], 0.1), "");
        assert_eq!(plot.below.iter().filter(|name| !name.is_empty()).count(), 9);
        assert_eq!(plot.below.last().map(String::as_str), Some("45"));
    }
}
