//! Typographic book covers as SVG, drawn from title, authors and category alone.
//!
//! A category is a series: one motif, three palettes. A book keeps its cover for ever, so nothing here may
//! depend on anything but the arguments, and a change to this module is a change to every shop's look.

mod dice;
mod lettering;
mod motifs;
mod palettes;

use std::fmt::Write as _;

use askama::filters::{Escaper as _, Html};

use self::{
    dice::Dice,
    lettering::{Direction, Lettering},
    motifs::{Motif, Sketch},
};

/// Where a cover will stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Inside a page that names the book beside it: hidden from screen readers, fonts from the page's style
    /// sheet.
    Inline,
    /// A file of its own, with fonts and a name.
    File,
}

/// The sans-serif stack of the style sheet, for files.
const SANS: &str = "system-ui,'Segoe UI',Inter,Roboto,'Noto Sans',sans-serif";
/// The serif stack of the style sheet, for files.
const SERIF: &str =
    "'Iowan Old Style','Palatino Linotype','URW Palladio L',P052,'Book Antiqua',Georgia,serif";

/// The top edge of the title, and the line that the motif must not pass at the foot; of 300 units.
const TITLE_TOP: f32 = 24.0;
const MOTIF_FOOT: f32 = 270.0;
/// A short title leaves more room than a motif needs: it starts here at the earliest.
const MOTIF_HEAD: f32 = 104.0;

/// Draws a cover of 200 × 300 units. `category` is the slug of the book's first category; any text will do.
#[must_use]
pub fn draw(title: &str, authors: &[String], category: &str, form: Form) -> String {
    let author = byline(authors);
    let mut dice = Dice::new(&[title, &author]);
    let series = palettes::series(category);
    let palette = series.palettes[dice.pick(3)];
    let framed = series.motif == Motif::Rosette;
    let title_width = if framed { 146.0 } else { 168.0 };
    let lettering = lettering::title(title, title_width);

    let mut svg = String::with_capacity(2048);
    open(&mut svg, form, title, &author);
    _ = write!(svg, r#"<path fill="{}" d="M0 0h200v300H0z"/>"#, palette.ground);

    let head = if framed { TITLE_TOP + 10.0 } else { TITLE_TOP };
    let top = (head + lettering.height() + 12.0).max(MOTIF_HEAD).round();
    let foot = if framed { MOTIF_FOOT - 10.0 } else { MOTIF_FOOT };
    // A nested viewport clips without an id, of which a page with many covers would need many.
    _ = write!(svg, r#"<svg y="{top}" width="200" height="{height}">"#, height = foot - top);
    let initial = initial(authors).unwrap_or_else(|| title.chars().next().unwrap_or('·'));
    series.motif.draw(&mut Sketch { out: &mut svg, height: foot - top, palette, initial }, &mut dice);
    svg.push_str("</svg>");
    if framed {
        _ = write!(
            svg,
            r#"<path fill="none" stroke="{}" d="M12 12h176v276H12zM16.5 16.5h167v267h-167z"/>"#,
            palette.accent
        );
    }

    text(&mut svg, form, &lettering, Place { framed, top: head, ink: palette.ink });
    let credit = lettering::credit(&author, title_width);
    let baseline = if framed { 274.0 } else { 289.0 };
    let place = Place { framed, top: baseline, ink: palette.ink };
    small_capitals(&mut svg, form, &credit, place);
    svg.push_str(r##"<path stroke="#000" stroke-opacity=".16" stroke-width="2" d="M5 0v300"/>"##);
    svg.push_str(r##"<path stroke="#fff" stroke-opacity=".12" d="M7 0v300"/></svg>"##);
    svg
}

struct Place {
    framed: bool,
    top: f32,
    ink: &'static str,
}

fn open(svg: &mut String, form: Form, title: &str, author: &str) {
    match form {
        Form::Inline => svg.push_str(r#"<svg class="cover" viewBox="0 0 200 300" aria-hidden="true">"#),
        Form::File => {
            svg.push_str(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="400" height="600" viewBox="0 0 200 300" "#,
            );
            svg.push_str(r#"role="img"><title>"#);
            escape(svg, title);
            if !author.is_empty() {
                svg.push_str(", ");
                escape(svg, author);
            }
            svg.push_str("</title>");
        }
    }
}

fn text(svg: &mut String, form: Form, lettering: &Lettering, place: Place) {
    let size = lettering.size;
    _ = write!(svg, r#"<g fill="{}" font-size="{size}""#, place.ink);
    match form {
        Form::Inline => svg.push_str(r#" class="t""#),
        Form::File => _ = write!(svg, r#" font-family="{SERIF}" font-weight="600""#),
    }
    align(svg, place.framed, lettering.direction);
    svg.push('>');
    for (row, line) in lettering.lines.iter().enumerate() {
        let x = edge(place.framed, lettering.direction);
        let y = place.top + size * 0.8 + row as f32 * lettering.leading();
        _ = write!(svg, r#"<text x="{x}" y="{}""#, number(y));
        if let Some(width) = line.measured {
            // Whatever font the reader has, the line is as wide as it was measured.
            _ = write!(svg, r#" textLength="{}" lengthAdjust="spacingAndGlyphs""#, number(width));
        }
        svg.push('>');
        escape(svg, &line.text);
        svg.push_str("</text>");
    }
    svg.push_str("</g>");
}

fn small_capitals(svg: &mut String, form: Form, credit: &Lettering, place: Place) {
    let Some(line) = credit.lines.first() else { return };
    let x = edge(place.framed, credit.direction);
    _ = write!(svg, r#"<text x="{x}" y="{}" fill="{}" font-size="{}""#, place.top, place.ink, credit.size);
    match form {
        Form::Inline => svg.push_str(r#" class="a""#),
        Form::File => _ = write!(svg, r#" font-family="{SANS}""#),
    }
    align(svg, place.framed, credit.direction);
    if let Some(width) = line.measured {
        // Capitals take their width in the gaps between them.
        _ = write!(svg, r#" textLength="{}""#, number(width));
    }
    svg.push('>');
    escape(svg, &line.text);
    svg.push_str("</text>");
}

fn align(svg: &mut String, framed: bool, direction: Direction) {
    if direction == Direction::RightToLeft {
        svg.push_str(r#" direction="rtl""#);
    }
    if framed {
        svg.push_str(r#" text-anchor="middle""#);
    }
}

const fn edge(framed: bool, direction: Direction) -> u32 {
    match (framed, direction) {
        (true, _) => 100,
        (false, Direction::LeftToRight) => 17,
        (false, Direction::RightToLeft) => 184,
    }
}

/// The authors as one line for the foot.
fn byline(authors: &[String]) -> String {
    match authors {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} & {two}"),
        [first, others @ ..] => format!("{first} & {} others", others.len()),
    }
}

/// The first letter of the first author's last name.
fn initial(authors: &[String]) -> Option<char> {
    let name = authors.first()?.split_whitespace().last()?;
    name.chars().find(|letter| letter.is_alphabetic()).and_then(|letter| letter.to_uppercase().next())
}

/// At most one decimal, and none where it is zero: covers are most of a page's bytes.
fn number(value: f32) -> f32 {
    (value * 10.0).round() / 10.0
}

fn escape(svg: &mut String, text: &str) {
    // Characters that XML 1.0 forbids would make the whole file unreadable.
    let allowed = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    if text.chars().all(|c| allowed(&c)) {
        _ = Html.write_escaped_str(svg, text);
    } else {
        _ = Html.write_escaped_str(svg, &text.chars().filter(allowed).collect::<String>());
    }
}

#[cfg(test)]
mod tests;
