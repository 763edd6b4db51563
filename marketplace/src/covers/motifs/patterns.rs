//! Motifs that are geometry.

use super::{super::dice::Dice, Path, Sketch, polar};

/// Blades of light, or bolts.
pub(super) fn slashes(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let (mut plain, mut bright) = (Path::new(), Path::new());
    let lit = 1 + dice.pick(4);
    if dice.pick(3) == 0 {
        for bolt in 0..6 {
            let x = -4.0 + 38.0 * bolt as f32;
            let width = dice.between(7, 14);
            let path = if bolt == lit { &mut bright } else { &mut plain };
            path.start(x + 22.0, 0.0).line(x - 6.0, h * 0.56).line(x + 10.0, h * 0.56).line(x - 10.0, h);
            path.line(x - 10.0 + width * 0.4, h).line(x + 10.0 + width * 1.7, h * 0.46);
            path.line(x - 6.0 + width * 1.9, h * 0.46).line(x + 22.0 + width, 0.0).close();
        }
    } else {
        let lean = dice.of(&[-1.0, 1.0]) * dice.between(46, 84);
        for blade in 0..6 {
            let x = -20.0 + 44.0 * blade as f32 + dice.between(0, 14) - lean / 2.0;
            let width = dice.between(6, 22);
            let path = if blade == lit { &mut bright } else { &mut plain };
            path.start(x, h).line(x + lean, 0.0).line(x + lean + width * 0.5, 0.0).line(x + width, h).close();
        }
    }
    s.fill(&plain, palette.second);
    s.fill(&bright, palette.accent);
}

/// The author's initial on a medallion.
pub(super) fn monogram(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let (y, r) = (h * 0.5, (h * 0.48).min(70.0));
    let mut medallion = Path::new();
    match dice.pick(3) {
        0 => medallion.disc(100.0, y, r),
        1 => {
            let w = r * 0.82;
            medallion.start(100.0 - w, y + r).line(100.0 - w, y - r + w).arc(w, 100.0 + w, y - r + w);
            medallion.line(100.0 + w, y + r).close();
        }
        _ => {
            for petal in 0..8 {
                let (px, py) = polar(100.0, y, r * 0.62, petal as f32 / 8.0);
                medallion.disc(px, py, r * 0.37);
            }
            medallion.disc(100.0, y, r * 0.66);
        }
    }
    s.fill(&medallion, palette.second);
    let size = (r * 1.25).round();
    let baseline = super::number(y + size * 0.35);
    s.out.push_str(&format!(
        r#"<text x="100" y="{baseline}" text-anchor="middle" font-size="{size}" font-weight="600" fill="{}" class="t" "#,
        palette.accent
    ));
    s.out.push_str(r#"font-family="P052,Georgia,serif">"#);
    super::super::escape(s.out, s.initial.encode_utf8(&mut [0; 4]));
    s.out.push_str("</text>");
}

/// A path found through a grid.
pub(super) fn lattice(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let rows = 6;
    let step = (h - 20.0) / (rows - 1) as f32;
    let place = |column: usize, row: i32| (16.0 + 24.0 * column as f32, 10.0 + step * row as f32);
    let mut dots = Path::new();
    for column in 0..8 {
        for row in 0..rows {
            let (x, y) = place(column, row);
            dots.disc(x, y, 2.6);
        }
    }
    s.fill(&dots, palette.second);
    let (mut way, mut knots) = (Path::new(), Path::new());
    let mut row = dice.pick(rows as u64) as i32;
    for column in 0..8 {
        let (x, y) = place(column, row);
        if column == 0 {
            way.start(x, y);
        } else {
            way.line(x, y);
        }
        knots.disc(x, y, dice.of(&[3.4, 4.6, 6.8]));
        if column > 1 && dice.pick(3) == 0 {
            let branch = if row > 2 { row - 2 } else { row + 2 };
            let (bx, by) = place(column - 1, branch);
            way.line(bx, by).start(x, y);
            knots.disc(bx, by, 4.6);
        }
        row = (row + dice.of(&[-2, -1, 0, 1, 2])).clamp(0, rows - 1);
    }
    s.stroke(&way, palette.accent, 1.7);
    s.fill(&knots, palette.accent);
}

/// A square, a circle and a triangle.
pub(super) fn solids(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let (mut square, mut circle, mut triangle) = (Path::new(), Path::new(), Path::new());
    let side = h * 0.56;
    match dice.pick(3) {
        0 => {
            square.rectangle(26.0, h - side - 4.0, side, side);
            circle.disc(120.0, h * 0.34, h * 0.3);
            triangle.start(94.0, h - 4.0).line(136.0, h * 0.44).line(178.0, h - 4.0).close();
        }
        1 => {
            circle.disc(72.0, h * 0.62, h * 0.34);
            square.rectangle(100.0, h * 0.2, side, side);
            triangle.start(40.0, h * 0.52).line(84.0, 6.0).line(128.0, h * 0.52).close();
        }
        _ => {
            triangle.start(24.0, h - 4.0).line(100.0, h * 0.16).line(176.0, h - 4.0).close();
            circle.disc(100.0, h * 0.3, h * 0.26);
            square.rectangle(100.0 - side * 0.36, h - side * 0.72 - 4.0, side * 0.72, side * 0.72);
        }
    }
    s.fill(&square, palette.second);
    s.fill(&circle, palette.accent);
    s.veil(&triangle, palette.ink, 0.82);
}

/// Toy blocks.
pub(super) fn blocks(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let rows = (h / 40.0) as usize;
    let mut colours = [Path::new(), Path::new(), Path::new()];
    for row in 0..rows {
        for column in 0..5 {
            let (x, y) = (40.0 * column as f32, h - 40.0 * (row + 1) as f32);
            // Towers are of different heights.
            if row + 1 == rows && dice.pick(2) == 0 {
                continue;
            }
            let path = &mut colours[dice.of(&[0, 0, 1, 1, 1, 2])];
            match dice.pick(6) {
                0 => path.disc(x + 20.0, y + 20.0, 20.0),
                1 => path.start(x, y + 40.0).line(x + 20.0, y).line(x + 40.0, y + 40.0).close(),
                2 => path.start(x, y + 40.0).arc(40.0, x + 40.0, y).line(x + 40.0, y + 40.0).close(),
                3 => path.start(x, y).arc(40.0, x + 40.0, y + 40.0).line(x, y + 40.0).close(),
                4 => path
                    .start(x, y + 40.0)
                    .line(x, y + 20.0)
                    .arc(20.0, x + 40.0, y + 20.0)
                    .line(x + 40.0, y + 40.0)
                    .close(),
                _ => path.rectangle(x, y, 40.0, 40.0),
            }
        }
    }
    for (path, colour) in colours.iter().zip([palette.accent, palette.second, palette.ink]) {
        s.fill(path, colour);
    }
}

/// Ribbons.
pub(super) fn bands(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let bend = dice.of(&[30.0, 100.0, 160.0]);
    let lift = dice.of(&[-0.4, 0.45]);
    let lit = dice.pick(3);
    let (mut plain, mut bright) = (Path::new(), Path::new());
    for band in 0..8 {
        let y = 14.0 + (h - 24.0) * band as f32 / 7.0;
        let path = if band % 3 == lit { &mut bright } else { &mut plain };
        path.start(-10.0, y)
            .curve((bend, y + h * lift * (1.0 - band as f32 / 8.0)), (210.0, y * 0.86 + h * 0.07));
    }
    s.stroke(&plain, palette.second, 8.0);
    s.stroke(&bright, palette.accent, 8.0);
}

/// An engraver's rosette or star, for a cover with a frame.
pub(super) fn rosette(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let (x, y) = (100.0, h * 0.48);
    let r = (h * 0.42).min(54.0);
    let mut lines = Path::new();
    match dice.pick(3) {
        0 => {
            let petals = 10 + 2 * dice.pick(3);
            for petal in 0..petals {
                lines.leaf(x, y, r, 0.07, petal as f32 / petals as f32);
            }
        }
        1 => {
            // Stars that skip a different number of points.
            let (points, skip) = dice.of(&[(9, 4), (11, 4), (13, 5), (16, 7)]);
            for point in 0..=points {
                let (px, py) = polar(x, y, r, 0.75 + (point * skip) as f32 / points as f32);
                if point == 0 {
                    lines.start(px, py);
                } else {
                    lines.line(px, py);
                }
            }
            lines.close();
        }
        _ => {
            let circles = 8 + 2 * dice.pick(3);
            for circle in 0..circles {
                let (px, py) = polar(x, y, r * 0.5, circle as f32 / circles as f32);
                lines.disc(px, py, r * 0.5);
            }
        }
    }
    s.stroke(&lines, palette.accent, 1.3);
    s.circle(x, y, 4.5, palette.accent);
}

/// Growth: bars, stairs.
pub(super) fn steps(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let bars = 5 + dice.pick(3);
    let width = 172.0 / bars as f32;
    let lit = bars - 1 - dice.pick(3);
    let gap = if dice.pick(2) == 0 { width * 0.2 } else { 0.0 };
    let (mut plain, mut bright) = (Path::new(), Path::new());
    for bar in 0..bars {
        let rise = h * (0.2 + 0.74 * bar as f32 / (bars - 1) as f32) - dice.between(0, 5);
        let path = if bar == lit { &mut bright } else { &mut plain };
        path.rectangle(14.0 + width * bar as f32, h - rise, width - gap, rise);
    }
    s.fill(&plain, palette.second);
    s.fill(&bright, palette.accent);
}

/// Tiles of quarter circles.
pub(super) fn quarters(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let columns = 4;
    let side = 200.0 / columns as f32;
    let rows = (h / side) as usize;
    let mut colours = [Path::new(), Path::new(), Path::new()];
    for row in 0..rows {
        for column in 0..columns {
            let (x, y) = (side * column as f32, h - side * (row + 1) as f32);
            let path = &mut colours[dice.of(&[0, 1, 1, 2, 2])];
            let (right, foot) = (x + side, y + side);
            match dice.pick(4) {
                0 => path.start(x, foot).arc(side, right, y).line(right, foot).close(),
                1 => path.start(x, y).arc(side, right, foot).line(x, foot).close(),
                2 => path.start(right, y).arc(side, x, foot).line(x, y).close(),
                _ => path.start(right, foot).arc(side, x, y).line(right, y).close(),
            }
        }
    }
    s.fill(&colours[2], palette.second);
    s.veil(&colours[1], palette.ink, 0.85);
    s.fill(&colours[0], palette.accent);
}
