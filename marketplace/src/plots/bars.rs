use std::fmt::Write as _;

use super::{Escaped, Plot, Rounded, SIDE, Scale, begin, lines};
use crate::figures::count;

/// What is counted of one day, in parts that stand on one another.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// What is said of it where a pointer rests.
    pub(crate) words: String,
    /// The class and the count of each part, from below.
    pub(crate) parts: Vec<(&'static str, f64)>,
}

/// How much of its column a bar fills.
const WIDTH: f64 = 0.72;

/// One bar for each day.
pub(crate) fn bars(bars: &[Bar], below: Vec<String>, words: &str) -> Plot {
    let sums = bars.iter().map(|bar| bar.parts.iter().map(|(_, count)| count).sum());
    let scale = Scale::of_counts(sums);
    let ticks = scale.ticks(|number, _| count(number.round() as i64));
    let mut svg = begin(words);
    lines(&mut svg, ticks.len());
    let column = SIDE / bars.len().max(1) as f64;
    for (place, bar) in bars.iter().enumerate() {
        write!(svg, "<g><title>{}</title>", Escaped(&bar.words)).expect("text takes all");
        let x = column * (place as f64 + (1.0 - WIDTH) / 2.0);
        let mut sum = 0.0;
        for (class, count) in bar.parts.iter().filter(|(_, count)| *count > 0.0) {
            let (bottom, top) = (scale.y(sum), scale.y(sum + count));
            sum += count;
            write!(
                svg,
                "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                Rounded(x),
                Rounded(top),
                Rounded(column * WIDTH),
                Rounded(bottom - top)
            )
            .expect("text takes all");
        }
        // The whole column shows the words.
        write!(
            svg,
            "<rect class=\"area\" x=\"{}\" y=\"0\" width=\"{}\" height=\"100\"/></g>",
            Rounded(column * place as f64),
            Rounded(column)
        )
        .expect("text takes all");
    }
    svg.push_str("</svg>");
    Plot { svg, ticks, below }
}

#[cfg(test)]
mod tests {
    use super::{Bar, bars};

    #[test]
    fn parts_stand_on_one_another() {
        let day = |one, other| Bar { words: "26 Nov".to_owned(), parts: vec![("a", one), ("b", other)] };
        let plot = bars(&[day(30.0, 10.0), day(0.0, 20.0)], vec!["first".to_owned()], "by day");
        assert_eq!(plot.ticks, ["40", "30", "20", "10", "0"]);
        assert!(
            plot.svg.contains("<rect class=\"a\" x=\"7\" y=\"25\" width=\"36\" height=\"75\"/>"),
            "{}",
            plot.svg
        );
        assert!(
            plot.svg.contains("<rect class=\"b\" x=\"7\" y=\"0\" width=\"36\" height=\"25\"/>"),
            "{}",
            plot.svg
        );
        assert!(plot.svg.contains("<rect class=\"b\" x=\"57\" y=\"50\" width=\"36\" height=\"50\"/>"));
        assert_eq!(bars(&[], Vec::new(), "").ticks, ["1", "0"]);
    }
}
