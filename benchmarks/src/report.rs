//! What is printed, and written into README.md: one section a measurement, between its markers.

use std::{fmt::Write as _, fs, path::Path};

use crate::{failure::Failure, load::Round, machine, plot::Plot, rounds::Results};

/// Where plots lie, beside README.md.
const PLOTS: &str = "plots";

/// One measurement.
#[derive(Debug)]
pub(crate) struct Section {
    /// The name of its markers.
    pub(crate) marker: &'static str,
    /// Day, machine, load at the start.
    pub(crate) circumstances: String,
    pub(crate) tables: Vec<Table>,
    pub(crate) targets: Vec<Target>,
    /// Contenders that were not there, with what to do about it.
    pub(crate) skipped: Vec<String>,
    /// What needs data that is not there, which nothing can be done about.
    pub(crate) without_data: Vec<String>,
    /// Sentences below the tables.
    pub(crate) notes: Vec<String>,
    /// Each with the name of its file.
    pub(crate) plots: Vec<(&'static str, Plot)>,
}

/// Columns and rows; the first column is to the left, the others are numbers.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Something to reach.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) measured: f64,
    pub(crate) wanted: Bound,
    /// Behind the number.
    pub(crate) unit: &'static str,
}

/// On which side of a number it has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// That or more.
    AtLeast(f64),
    /// That or less.
    AtMost(f64),
    /// Less than that.
    Under(f64),
}

impl Target {
    fn reached(&self) -> bool {
        match self.wanted {
            Bound::AtLeast(wanted) => self.measured >= wanted,
            Bound::AtMost(wanted) => self.measured <= wanted,
            Bound::Under(wanted) => self.measured < wanted,
        }
    }
}

impl Section {
    /// Nothing yet, begun now.
    pub(crate) fn new(marker: &'static str) -> Self {
        let circumstances = format!("{}; load average before {:.2}", machine::description(), machine::load());
        Self {
            marker,
            circumstances,
            tables: Vec::new(),
            targets: Vec::new(),
            skipped: Vec::new(),
            without_data: Vec::new(),
            notes: Vec::new(),
            plots: Vec::new(),
        }
    }

    /// Adds a column-titled table.
    pub(crate) fn table<const COLUMNS: usize>(
        &mut self,
        columns: [&str; COLUMNS],
        rows: impl IntoIterator<Item = [String; COLUMNS]>,
    ) {
        let columns = columns.map(str::to_owned).into();
        self.tables.push(Table { columns, rows: rows.into_iter().map(Into::into).collect() });
    }

    /// Adds the usual table of a comparison, and how the first contender compares with the others.
    pub(crate) fn comparison(&mut self, results: &[Results]) {
        let number = |value: f64| {
            if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
        };
        self.table(
            ["", "calls/s", "p50 µs", "p99 µs", "bytes", "CPU µs/call", "generator CPU µs/call"],
            results.iter().map(|contender| {
                let column = |of: fn(&Round) -> f64| number(contender.median(of));
                [
                    contender.name.to_owned(),
                    column(|round| round.rate),
                    column(|round| round.p50),
                    column(|round| round.p99),
                    column(|round| round.bytes),
                    column(|round| round.cost),
                    column(|round| round.generator),
                ]
            }),
        );
        if let Some((own, others)) = results.split_first() {
            self.table(
                ["median of the rounds' ratios", "calls/s", "CPU a call"],
                others.iter().map(|other| {
                    [
                        format!("{} to {}", own.name, other.name),
                        format!("{:.2} ×", own.ratio(other, |round| round.rate)),
                        format!("{:.2} ×", own.ratio(other, |round| round.cost)),
                    ]
                }),
            );
        }
    }

    /// Adds a target.
    pub(crate) fn target(
        &mut self,
        what: impl Into<String>,
        measured: f64,
        wanted: Bound,
        unit: &'static str,
    ) {
        self.targets.push(Target { what: what.into(), measured, wanted, unit });
    }

    /// Whether every target that was measured is reached.
    pub(crate) fn reached(&self) -> bool {
        self.targets.iter().all(Target::reached)
    }

    /// As Markdown. A smoke run judges nothing: its rounds are too short and its build may be a slow one.
    pub(crate) fn render(&self, smoke: bool) -> String {
        let mut text = format!("{}.\n", self.circumstances);
        for table in &self.tables {
            let _ = write!(text, "\n{}", table.render());
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
        if !self.targets.is_empty() {
            let verdict = |target: &Target| match (smoke, target.reached()) {
                (true, _) => "not judged",
                (false, true) => "PASS",
                (false, false) => "FAIL",
            };
            let rows = self.targets.iter().map(|target| {
                let wanted = match target.wanted {
                    Bound::AtLeast(wanted) => format!("at least {wanted}{}", target.unit),
                    Bound::AtMost(wanted) => format!("at most {wanted}{}", target.unit),
                    Bound::Under(wanted) => format!("under {wanted}{}", target.unit),
                };
                // Shares and qualities differ in the third place.
                let places = if target.measured.abs() < 1.0 { 3 } else { 2 };
                let measured = format!("{:.places$}{}", target.measured, target.unit);
                vec![target.what.clone(), measured, wanted, verdict(target).to_owned()]
            });
            let columns = ["target", "measured", "to reach", ""].map(str::to_owned).into();
            let _ = write!(text, "\n{}", Table { columns, rows: rows.collect() }.render());
        }
        for (file, plot) in &self.plots {
            let _ = write!(text, "\n![{}]({PLOTS}/{file}.svg)\n", plot.title);
        }
        for skipped in self.skipped.iter().chain(&self.without_data) {
            let _ = write!(text, "\nskipped: {skipped}\n");
        }
        text
    }

    /// Replaces what README.md says between this section's markers, and the plots beside it.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = folder.join("README.md");
        let readme = fs::read_to_string(&path).map_err(Failure::file("read README.md"))?;
        let readme = replace(&readme, self.marker, &self.render(false))
            .ok_or_else(|| Failure::NoMarker { marker: self.marker.to_owned() })?;
        for (file, plot) in &self.plots {
            fs::create_dir_all(folder.join(PLOTS)).map_err(Failure::file("make a folder for plots"))?;
            let path = folder.join(PLOTS).join(file).with_extension("svg");
            fs::write(path, plot.svg()).map_err(Failure::file("write a plot"))?;
        }
        fs::write(&path, readme).map_err(Failure::file("write README.md"))
    }
}

impl Table {
    fn render(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.columns]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: &[String]| {
            let mut text = String::new();
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let _ = if column == 0 {
                    write!(text, "| {cell:<width$} ")
                } else {
                    write!(text, "| {cell:>width$} ")
                };
            }
            text + "|\n"
        };
        let rule: Vec<String> = widths
            .iter()
            .enumerate()
            .map(|(column, width)| {
                "-".repeat(width - usize::from(column > 0)) + if column > 0 { ":" } else { "" }
            })
            .collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.columns) + &line(&rule) + &rows
    }
}

/// `text` with what is between two markers replaced; `None` if they are not there.
fn replace(text: &str, marker: &str, by: &str) -> Option<String> {
    let (before, rest) = text.split_once(&format!("<!-- {marker}:begin -->\n"))?;
    let (_, after) = rest.split_once(&format!("<!-- {marker}:end -->"))?;
    Some(format!("{before}<!-- {marker}:begin -->\n{by}<!-- {marker}:end -->{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_section_is_replaced() {
        let readme = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n<!-- y:begin -->\n<!-- y:end -->\n";
        let replaced = replace(readme, "x", "new\n").expect("it has the markers");
        assert_eq!(replaced, readme.replace("old", "new"));
        assert_eq!(replace(&replaced, "y", "").as_ref(), Some(&replaced));
        assert_eq!(replace(readme, "z", "new"), None);
    }

    #[test]
    fn targets_are_judged_only_in_earnest() {
        let mut section = Section::new("x");
        section.target("speed", 11.0, Bound::AtLeast(10.0), " ×");
        assert!(section.reached());
        section.target("memory", 60.0, Bound::Under(60.0), " MB");
        assert!(!section.reached());
        let text = section.render(false);
        assert!(
            text.contains("| speed  |  11.00 × |") && text.contains("PASS") && text.contains("FAIL"),
            "{text}"
        );
        let text = section.render(true);
        assert!(text.contains("not judged") && !text.contains("FAIL"), "{text}");
    }
}
