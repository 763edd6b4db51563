//! The pictures: one a category, each with variations. All draw into a viewport of 200 units by the height
//! that the title leaves, so nothing can lie under a title.

mod patterns;
mod pictures;

use std::{f32::consts::TAU, fmt::Write as _};

use super::{dice::Dice, number, palettes::Palette};

/// One family of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Motif {
    Blinds,
    Orbits,
    Rays,
    Peaks,
    Petals,
    Slashes,
    Arches,
    Monogram,
    Lattice,
    Solids,
    Moon,
    Blocks,
    Bands,
    Rosette,
    Steps,
    Waves,
    Quarters,
    Forest,
}

/// What a motif draws on, and with.
pub(super) struct Sketch<'a> {
    pub(super) out: &'a mut String,
    pub(super) height: f32,
    pub(super) palette: Palette,
    pub(super) initial: char,
}

impl Motif {
    pub(super) const ALL: [Self; 18] = [
        Self::Blinds,
        Self::Orbits,
        Self::Rays,
        Self::Peaks,
        Self::Petals,
        Self::Slashes,
        Self::Arches,
        Self::Monogram,
        Self::Lattice,
        Self::Solids,
        Self::Moon,
        Self::Blocks,
        Self::Bands,
        Self::Rosette,
        Self::Steps,
        Self::Waves,
        Self::Quarters,
        Self::Forest,
    ];

    pub(super) fn draw(self, sketch: &mut Sketch<'_>, dice: &mut Dice) {
        match self {
            Self::Blinds => pictures::blinds(sketch, dice),
            Self::Orbits => pictures::orbits(sketch, dice),
            Self::Rays => pictures::rays(sketch, dice),
            Self::Peaks => pictures::peaks(sketch, dice),
            Self::Petals => pictures::petals(sketch, dice),
            Self::Slashes => patterns::slashes(sketch, dice),
            Self::Arches => pictures::arches(sketch, dice),
            Self::Monogram => patterns::monogram(sketch, dice),
            Self::Lattice => patterns::lattice(sketch, dice),
            Self::Solids => patterns::solids(sketch, dice),
            Self::Moon => pictures::moon(sketch, dice),
            Self::Blocks => patterns::blocks(sketch, dice),
            Self::Bands => patterns::bands(sketch, dice),
            Self::Rosette => patterns::rosette(sketch, dice),
            Self::Steps => patterns::steps(sketch, dice),
            Self::Waves => pictures::waves(sketch, dice),
            Self::Quarters => patterns::quarters(sketch, dice),
            Self::Forest => pictures::forest(sketch, dice),
        }
    }
}

impl Sketch<'_> {
    fn circle(&mut self, x: f32, y: f32, radius: f32, fill: &str) {
        let (x, y, r) = (number(x), number(y), number(radius));
        _ = write!(self.out, r#"<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}"/>"#);
    }

    fn ring(&mut self, x: f32, y: f32, radius: f32, width: f32, stroke: &str) {
        let (x, y, r) = (number(x), number(y), number(radius));
        _ = write!(
            self.out,
            r#"<circle cx="{x}" cy="{y}" r="{r}" fill="none" stroke="{stroke}" stroke-width="{width}"/>"#
        );
    }

    fn fill(&mut self, path: &Path, fill: &str) {
        _ = write!(self.out, r#"<path fill="{fill}" d="{}"/>"#, path.0);
    }

    fn veil(&mut self, path: &Path, fill: &str, opacity: f32) {
        _ = write!(self.out, r#"<path fill="{fill}" fill-opacity="{opacity}" d="{}"/>"#, path.0);
    }

    fn stroke(&mut self, path: &Path, stroke: &str, width: f32) {
        _ = write!(
            self.out,
            r#"<path fill="none" stroke="{stroke}" stroke-width="{width}" d="{}"/>"#,
            path.0
        );
    }
}

/// Path data, shapes of one colour together.
struct Path(String);

impl Path {
    const fn new() -> Self {
        Self(String::new())
    }

    fn start(&mut self, x: f32, y: f32) -> &mut Self {
        _ = write!(self.0, "M{} {}", number(x), number(y));
        self
    }

    fn line(&mut self, x: f32, y: f32) -> &mut Self {
        _ = write!(self.0, "L{} {}", number(x), number(y));
        self
    }

    /// A quadratic curve: control point, end.
    fn curve(&mut self, control: (f32, f32), end: (f32, f32)) -> &mut Self {
        let (a, b, c, d) = (number(control.0), number(control.1), number(end.0), number(end.1));
        _ = write!(self.0, "Q{a} {b} {c} {d}");
        self
    }

    /// A circle's arc, clockwise, to a point.
    fn arc(&mut self, radius: f32, x: f32, y: f32) -> &mut Self {
        let r = number(radius);
        _ = write!(self.0, "A{r} {r} 0 0 1 {} {}", number(x), number(y));
        self
    }

    fn close(&mut self) {
        self.0.push('z');
    }

    fn rectangle(&mut self, x: f32, y: f32, width: f32, height: f32) {
        let (x, y, w, h) = (number(x), number(y), number(width), number(height));
        _ = write!(self.0, "M{x} {y}h{w}v{h}h-{w}z");
    }

    fn disc(&mut self, x: f32, y: f32, radius: f32) {
        self.start(x - radius, y).arc(radius, x + radius, y).arc(radius, x - radius, y).close();
    }

    /// A leaf from a point, `length` long, towards `turn` (of a full circle).
    fn leaf(&mut self, x: f32, y: f32, length: f32, breadth: f32, turn: f32) {
        let tip = polar(x, y, length, turn);
        self.start(x, y);
        self.curve(polar(x, y, length * 0.62, turn - breadth), tip);
        self.curve(polar(x, y, length * 0.62, turn + breadth), (x, y)).close();
    }
}

/// The point at a distance and a direction, where 0 is to the right and 0.25 is down.
fn polar(x: f32, y: f32, distance: f32, turn: f32) -> (f32, f32) {
    let angle = turn * TAU;
    (x + distance * angle.cos(), y + distance * angle.sin())
}
