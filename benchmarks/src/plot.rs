//! Small plots as SVG, readable on light and dark pages: what is drawn has colours of its own, paper has none.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 52.0;

/// Told apart by eyes that do not see all colours (Okabe and Ito 2008), and by paper of either kind.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9"];

/// A plot of points, joined or not.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) title: &'static str,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

/// What an axis shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(crate) name: &'static str,
    pub(crate) logarithmic: bool,
}

/// Points of one colour.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// Beside the last point; empty where each point has its own name.
    pub(crate) name: String,
    /// Each with its name, which may be empty.
    pub(crate) points: Vec<(f64, f64, String)>,
    pub(crate) joined: bool,
}

/// From values to places on paper.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    logarithmic: bool,
    ticks: Vec<f64>,
}

impl Scale {
    fn new(axis: Axis, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = values
            .filter(|it| it.is_finite())
            .fold((f64::MAX, f64::MIN), |(low, high), it| (low.min(it), high.max(it)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        if axis.logarithmic {
            let (first, last) = (low.max(1e-9).log10().floor(), high.max(1e-9).log10().ceil());
            let last = last.max(first + 1.0);
            let ticks =
                (0..=(last - first) as i32).map(|step| 10_f64.powf(first + f64::from(step))).collect();
            return Self { low: first, high: last, from, to, logarithmic: true, ticks };
        }
        // About six ticks, 1, 2 or 5 times a power of ten apart.
        let rough = ((high - low).max(high.abs() * 0.05).max(1e-6)) / 6.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|it| it * power).into_iter().find(|&it| it >= rough).unwrap_or(rough);
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        let high = if high > low { high } else { low + step };
        let ticks = (0..=((high - low) / step).round() as i32).map(|it| low + f64::from(it) * step).collect();
        Self { low, high, from, to, logarithmic: false, ticks }
    }

    fn at(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.max(1e-9).log10() } else { value };
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }
}

impl Plot {
    /// As a file.
    pub(crate) fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = Scale::new(self.x, points().map(|it| it.0), LEFT, WIDTH - RIGHT);
        let y = Scale::new(self.y, points().map(|it| it.1), HEIGHT - BOTTOM, TOP);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n<style>\n\
             text {{ font: 13px system-ui, sans-serif; fill: #59636e }}\n.title {{ font-size: 15px; font-weight: 600 }}\n\
             .grid {{ stroke: #8b949e; stroke-opacity: .3 }}\n\
             @media (prefers-color-scheme: dark) {{ text {{ fill: #9ea7b3 }} }}\n</style>\n\
             <text class=\"title\" x=\"{LEFT}\" y=\"22\">{title}</text>\n",
            title = escaped(self.title),
        );
        for &tick in &x.ticks {
            let at = x.at(tick);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{:.1}\"/>", HEIGHT - BOTTOM);
            let _ = writeln!(
                svg,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                HEIGHT - BOTTOM + 18.0,
                number(tick)
            );
        }
        for &tick in &y.ticks {
            let at = y.at(tick);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/>", WIDTH - RIGHT);
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                number(tick)
            );
        }
        let middle = LEFT + (WIDTH - RIGHT - LEFT) / 2.0;
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 12.0,
            escaped(self.x.name)
        );
        let middle = TOP + (HEIGHT - BOTTOM - TOP) / 2.0;
        let _ = writeln!(
            svg,
            "<text transform=\"translate(16 {middle}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            escaped(self.y.name)
        );
        // Names that would lie on each other are moved apart.
        let mut named: Vec<(f64, f64)> = Vec::new();
        let mut name = |svg: &mut String, left: f64, top: f64, text: &str| {
            let mut top = top + 4.0;
            while named.iter().any(|&(x, y)| (x - left).abs() < 90.0 && (y - top).abs() < 13.0) {
                top += 13.0;
            }
            named.push((left, top));
            let _ = writeln!(svg, "<text x=\"{left:.1}\" y=\"{top:.1}\">{}</text>", escaped(text));
        };
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let places: Vec<(f64, f64)> = series.points.iter().map(|it| (x.at(it.0), y.at(it.1))).collect();
            if series.joined {
                let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
                let path = path.join("L");
                let _ = writeln!(
                    svg,
                    "<path d=\"M{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
                );
            }
            for ((left, top), (_, _, text)) in places.iter().zip(&series.points) {
                let _ = writeln!(svg, "<circle cx=\"{left:.1}\" cy=\"{top:.1}\" r=\"4\" fill=\"{colour}\"/>");
                if !text.is_empty() {
                    name(&mut svg, left + 8.0, *top, text);
                }
            }
            if let (false, Some((left, top))) = (series.name.is_empty(), places.last()) {
                name(&mut svg, left + 8.0, *top, &series.name);
            }
        }
        svg + "</svg>\n"
    }
}

/// Short: 10k, 1M, 0.35.
fn number(value: f64) -> String {
    let rounded = |value: f64| {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match value.abs() {
        it if it >= 1e6 => rounded(value / 1e6) + "M",
        it if it >= 1e4 => rounded(value / 1e3) + "k",
        _ => rounded(value),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{Axis, Plot, Series, number};

    #[test]
    fn every_point_lies_within_the_axes_and_every_name_is_there() {
        let points = vec![(1_000.0, 0.012, "a & b".to_owned()), (1_000_000.0, 0.031, String::new())];
        let series = vec![Series { name: "line".to_owned(), points, joined: true }];
        let plot = Plot {
            title: "t",
            x: Axis { name: "books", logarithmic: true },
            y: Axis { name: "ms", logarithmic: false },
            series,
        };
        let svg = plot.svg();
        for text in ["a &amp; b", ">line<", ">1M<", ">0.03<", "prefers-color-scheme: dark"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        for circle in svg.lines().filter(|line| line.starts_with("<circle")) {
            let at = |name: &str| -> f64 {
                let rest = circle.split(&format!("{name}=\"")).nth(1).expect("an attribute");
                rest.split('"').next().expect("its end").parse().expect("a number")
            };
            assert!((super::LEFT..=super::WIDTH - super::RIGHT).contains(&at("cx")), "{circle}");
            assert!((super::TOP..=super::HEIGHT - super::BOTTOM).contains(&at("cy")), "{circle}");
        }
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.25, 10_000.0, 2_500_000.0, 3.0].map(number), ["0.25", "10k", "2.5M", "3"]);
    }
}
