//! Motifs that show a scene.

use super::{super::dice::Dice, Path, Sketch, polar};

/// Something seen through a venetian blind: a lamp, a keyhole, a window.
pub(super) fn blinds(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let x = dice.of(&[64.0, 100.0, 136.0]);
    let r = h * 0.33;
    let mut shape = Path::new();
    match dice.pick(3) {
        0 => shape.disc(x, h * 0.48, r),
        1 => {
            shape.disc(x, h * 0.34, r * 0.62);
            shape.start(x - r * 0.2, h * 0.34).line(x + r * 0.2, h * 0.34);
            shape.line(x + r * 0.55, h * 0.92).line(x - r * 0.55, h * 0.92).close();
        }
        _ => {
            let w = r * 0.8;
            shape.start(x - w, h * 0.94).line(x - w, h * 0.12 + w).arc(w, x + w, h * 0.12 + w);
            shape.line(x + w, h * 0.94).close();
        }
    }
    s.fill(&shape, palette.accent);
    let slats = 8 + dice.pick(4);
    let step = h / slats as f32;
    let (mut gaps, mut edges) = (Path::new(), Path::new());
    for slat in 0..slats {
        let y = slat as f32 * step;
        let thickness = step * (0.16 + 0.42 * slat as f32 / slats as f32);
        gaps.rectangle(0.0, y, 200.0, thickness);
        edges.rectangle(0.0, y, 200.0, 1.6 + 1.4 * slat as f32 / slats as f32);
    }
    s.fill(&gaps, palette.ground);
    s.fill(&edges, palette.second);
}

/// A sun, its planets, and sometimes a ringed giant.
pub(super) fn orbits(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let (x, y) = (dice.of(&[48.0, 84.0, 128.0, 158.0]), h * dice.of(&[0.5, 0.62]));
    let mut stars = Path::new();
    for _ in 0..9 {
        stars.disc(dice.between(10, 190), dice.between(4, h as i32 - 4), 0.9);
    }
    s.fill(&stars, palette.ink);
    if dice.pick(4) == 0 {
        let r = h * 0.27;
        s.circle(100.0, y, r, palette.accent);
        let tilt = dice.of(&[-18, 14]);
        let (w, flat) = (r * 1.85, r * 0.42);
        let ellipse =
            format!(r#"cx="100" cy="{y}" rx="{w:.1}" ry="{flat:.1}" transform="rotate({tilt} 100 {y})""#);
        s.out.push_str(&format!(
            r#"<ellipse {ellipse} fill="none" stroke="{}" stroke-width="9"/>"#,
            palette.ground
        ));
        s.out.push_str(&format!(
            r#"<ellipse {ellipse} fill="none" stroke="{}" stroke-width="3.5"/>"#,
            palette.second
        ));
        // The half of the planet that hides the far side of the ring.
        let mut front = Path::new();
        front.start(100.0 - r, y).arc(r, 100.0 + r, y).close();
        let turned = format!(r#"transform="rotate({tilt} 100 {y})""#);
        s.out.push_str(&format!(r#"<path fill="{}" {turned} d="{}"/>"#, palette.accent, front.0));
        return;
    }
    for ring in 0..5 {
        s.ring(x, y, 24.0 + 19.0 * ring as f32, 1.5, palette.second);
    }
    s.circle(x, y, 12.0, palette.accent);
    for ring in 0..5 {
        // Turned towards the middle of the cover, where there is room.
        let towards = if x < 100.0 { 0.0 } else { 0.5 };
        let turn = towards + dice.between(-17, 17) / 100.0;
        let (px, py) = polar(x, y, 24.0 + 19.0 * ring as f32, turn);
        let colour = if ring % 2 == 0 { palette.ink } else { palette.accent };
        s.circle(px, py, dice.between(3, 6), colour);
    }
}

/// A rising sun.
pub(super) fn rays(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let x = dice.of(&[100.0, 100.0, 40.0, 160.0]);
    let rays = 11 + 2 * dice.pick(4);
    let r = h * 0.36;
    let mut beams = Path::new();
    for ray in 0..rays {
        let turn = 0.5 + 0.5 * (ray as f32 + 0.25) / rays as f32;
        let (a, b) = (polar(x, h, 260.0, turn), polar(x, h, 260.0, turn + 0.25 / rays as f32));
        beams.start(x, h).line(a.0, a.1).line(b.0, b.1).close();
    }
    s.fill(&beams, palette.second);
    s.circle(x, h, r + 8.0, palette.ground);
    s.circle(x, h, r, palette.accent);
}

/// Ranges of mountains under a moon, one of them with a tower.
pub(super) fn peaks(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    s.circle(dice.of(&[48.0, 100.0, 150.0]), h * 0.26, dice.between(15, 24), palette.accent);
    let tower = dice.pick(3) == 0;
    for (range, opacity) in [(0, 0.4), (1, 0.7), (2, 1.0)] {
        let base = h * (0.46 + 0.2 * range as f32);
        let mut ridge = Path::new();
        ridge.start(-10.0, h).line(-10.0, base);
        let mut x = -10.0 + dice.between(10, 34);
        let mut up = true;
        while x < 205.0 {
            let rise = if up { -h * 0.15 - dice.between(0, 16) } else { h * 0.02 + dice.between(0, 8) };
            ridge.line(x, base + rise);
            up = !up;
            x += dice.between(22, 40);
        }
        ridge.line(212.0, base).line(212.0, h).close();
        s.veil(&ridge, palette.second, opacity);
        if tower && range == 1 {
            let x = dice.of(&[40.0, 128.0]);
            let mut castle = Path::new();
            castle.rectangle(x, h * 0.4, 15.0, h * 0.5);
            castle.start(x - 4.0, h * 0.4).line(x + 7.5, h * 0.22).line(x + 19.0, h * 0.4).close();
            castle.rectangle(x + 19.0, h * 0.52, 11.0, h * 0.4);
            castle.start(x + 16.0, h * 0.52).line(x + 24.5, h * 0.38).line(x + 33.0, h * 0.52).close();
            s.fill(&castle, palette.accent);
        }
    }
}

/// Flowers.
pub(super) fn petals(s: &mut Sketch<'_>, dice: &mut Dice) {
    let h = s.height;
    match dice.pick(3) {
        0 => flower(s, (100.0, h * 0.5), h * 0.47, dice),
        1 => {
            let x = dice.of(&[30.0, 170.0]);
            flower(s, (x, h * 0.66), h * 0.72, dice);
        }
        _ => {
            let side = dice.of(&[-1.0, 1.0]);
            flower(s, (100.0 + 34.0 * side, h * 0.4), h * 0.36, dice);
            flower(s, (100.0 - 52.0 * side, h * 0.74), h * 0.23, dice);
        }
    }
}

fn flower(s: &mut Sketch<'_>, (x, y): (f32, f32), length: f32, dice: &mut Dice) {
    let count = 10 + 2 * dice.pick(3);
    let (mut under, mut over) = (Path::new(), Path::new());
    for petal in 0..count {
        let turn = petal as f32 / count as f32;
        let (layer, reach) = if petal % 2 == 0 { (&mut over, 1.0) } else { (&mut under, 0.9) };
        layer.leaf(x, y, length * reach, 0.8 / count as f32, turn);
    }
    s.fill(&under, s.palette.second);
    s.veil(&over, s.palette.accent, 0.88);
    s.circle(x, y, length * 0.16, s.palette.ground);
    s.circle(x, y, length * 0.08, s.palette.accent);
}

/// An arcade, one storey or two, or a temple.
pub(super) fn arches(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    if dice.pick(3) == 0 {
        let mut temple = Path::new();
        temple.start(20.0, h * 0.34).line(100.0, h * 0.06).line(180.0, h * 0.34).close();
        temple.rectangle(26.0, h * 0.37, 148.0, h * 0.07);
        temple.rectangle(18.0, h * 0.9, 164.0, h * 0.1);
        s.fill(&temple, palette.accent);
        let mut columns = Path::new();
        for column in 0..5 {
            columns.rectangle(32.0 + 30.0 * column as f32, h * 0.47, 16.0, h * 0.4);
        }
        s.fill(&columns, palette.second);
        return;
    }
    let storeys = 1 + dice.pick(2);
    let bays = 3 + dice.pick(2);
    let (bay, storey) = (172.0 / bays as f32, (h - 2.0) / storeys as f32);
    let lit = dice.pick((storeys * bays) as u64);
    let (mut plain, mut bright, mut doors) = (Path::new(), Path::new(), Path::new());
    for level in 0..storeys {
        for column in 0..bays {
            let (x, foot) = (14.0 + bay * column as f32 + 3.0, 2.0 + storey * (level + 1) as f32);
            let width = bay - 6.0;
            let outer = width / 2.0;
            let rise = (storey - 10.0).max(outer + 14.0);
            let wall = if level * bays + column == lit { &mut bright } else { &mut plain };
            wall.start(x, foot).line(x, foot - rise + outer).arc(outer, x + width, foot - rise + outer);
            wall.line(x + width, foot).close();
            let inset = width * 0.22;
            let inner = outer - inset;
            doors.start(x + inset, foot).line(x + inset, foot - rise + outer);
            doors.arc(inner, x + width - inset, foot - rise + outer).line(x + width - inset, foot).close();
        }
    }
    s.fill(&plain, palette.second);
    s.fill(&bright, palette.accent);
    s.fill(&doors, palette.ground);
}

/// A moon over still water.
pub(super) fn moon(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let x = dice.of(&[70.0, 100.0, 130.0]);
    let r = h * 0.3;
    let y = r + 6.0;
    s.circle(x, y, r, palette.accent);
    let phase = dice.of(&[-0.5, 0.42, 0.62]);
    s.circle(x + r * phase, y - r * 0.16, r * 0.9, palette.ground);
    let mut water = Path::new();
    let lines = 4 + dice.pick(2);
    for line in 0..lines {
        let half = (76.0 - 15.0 * line as f32) - dice.between(0, 8);
        let drift = dice.between(-9, 9);
        water.rectangle(x + drift - half, h * 0.74 + line as f32 * h * 0.057, half * 2.0, 2.0);
    }
    s.fill(&water, palette.second);
}

/// The sea, a sun or a sail.
pub(super) fn waves(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    let x = dice.of(&[58.0, 100.0, 142.0]);
    if dice.pick(3) == 0 {
        let mut boat = Path::new();
        boat.start(x - 3.0, h * 0.06).line(x - 3.0, h * 0.48).line(x - 36.0, h * 0.48).close();
        boat.start(x + 3.0, h * 0.14).line(x + 3.0, h * 0.48).line(x + 28.0, h * 0.48).close();
        boat.start(x - 40.0, h * 0.52)
            .line(x + 36.0, h * 0.52)
            .line(x + 22.0, h * 0.68)
            .line(x - 26.0, h * 0.68)
            .close();
        s.fill(&boat, palette.accent);
    } else {
        s.circle(x, h * 0.36, h * 0.23, palette.accent);
    }
    for (row, opacity) in [(0, 0.4), (1, 0.6), (2, 0.8), (3, 1.0)] {
        let y = h * (0.56 + 0.13 * row as f32);
        let start = -60.0 + dice.between(0, 30);
        let mut sea = Path::new();
        sea.start(start, y);
        sea.0.push_str("q15-14 30 0t30 0t30 0t30 0t30 0t30 0t30 0t30 0t30 0");
        sea.0.push_str(&format!("V{h}H{start}z"));
        s.veil(&sea, palette.second, opacity);
    }
}

/// Bare trees before a moon, or an eye.
pub(super) fn forest(s: &mut Sketch<'_>, dice: &mut Dice) {
    let (h, palette) = (s.height, s.palette);
    if dice.pick(4) == 0 {
        let y = h * 0.5;
        let mut eye = Path::new();
        eye.start(16.0, y)
            .curve((100.0, y - h * 0.72), (184.0, y))
            .curve((100.0, y + h * 0.72), (16.0, y))
            .close();
        s.fill(&eye, palette.second);
        s.circle(100.0, y, h * 0.27, palette.accent);
        let mut slit = Path::new();
        slit.leaf(100.0, y + h * 0.25, h * 0.5, 0.035, 0.75);
        s.fill(&slit, palette.ground);
        return;
    }
    s.circle(dice.of(&[60.0, 100.0, 140.0]), h * 0.36, h * 0.26, palette.accent);
    let mut trunks = Path::new();
    let mut x = 6.0 + dice.between(0, 8);
    while x < 196.0 {
        let (top, foot) = (dice.between(1, 4), dice.between(6, 12));
        let lean = dice.between(-6, 6);
        trunks.start(x - foot / 2.0, h).line(x + lean - top / 2.0, 0.0).line(x + lean + top / 2.0, 0.0);
        trunks.line(x + foot / 2.0, h).close();
        let y = h * (0.2 + dice.between(0, 35) / 100.0);
        let side = dice.of(&[-1.0, 1.0]);
        let reach = dice.between(12, 22);
        let bough = x + lean * (1.0 - y / h);
        trunks.start(bough, y + 4.0).line(bough + side * reach, y - reach).line(bough, y).close();
        x += dice.between(21, 32);
    }
    s.fill(&trunks, palette.second);
}
