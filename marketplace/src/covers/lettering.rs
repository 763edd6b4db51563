//! Setting titles and names: how wide a line is, where it may break, and how large it may be.

/// A line as it will be drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) text: String,
    /// Its width, where every letter's advance is known well enough to hold the line to it.
    pub(super) measured: Option<f32>,
}

/// Lines of one size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lettering {
    pub(super) size: f32,
    pub(super) lines: Vec<Line>,
    pub(super) direction: Direction,
}

/// Which way the text runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    LeftToRight,
    RightToLeft,
}

impl Lettering {
    /// From one baseline to the next.
    pub(super) fn leading(&self) -> f32 {
        self.size * 1.1
    }

    /// Compounds that are broken at their hyphens weigh two, short words that stand alone one.
    fn faults(&self) -> usize {
        let [most @ .., _] = self.lines.as_slice() else { return 0 };
        if most.is_empty() {
            return 0;
        }
        let short =
            |text: &str| text.chars().count() <= 3 && text.chars().all(|c| c.is_alphabetic() && !wide(c));
        let broken = most.iter().filter(|line| line.text.ends_with('-')).count();
        2 * broken + self.lines.iter().filter(|line| short(&line.text)).count()
    }

    /// From the top of the first line to the deepest descender of the last.
    pub(super) fn height(&self) -> f32 {
        self.leading() * self.lines.len() as f32
    }
}

const SIZES: [f32; 10] = [38.0, 35.0, 32.0, 29.0, 26.0, 23.5, 21.0, 19.0, 17.5, 16.0];
const MOST_LINES: usize = 4;
/// Of the authors' line.
const SMALLEST_CREDIT: f32 = 9.0;
/// More would leave the motif no room.
const TALLEST: f32 = 119.0;

/// The title at the largest size at which it fits into at most four lines of `width`. A title that is too
/// long for the smallest loses its subtitle, then its last words, never its legibility.
pub(super) fn title(title: &str, width: f32) -> Lettering {
    let direction = direction(title);
    let smallest = SIZES[SIZES.len() - 1];
    let short = title.split_once(": ").map_or(title, |(main, _)| main);
    for text in [title, short] {
        let set = |size: f32, breaking| {
            let lines = wrap(text, size, width, breaking)?;
            let fits = lines.len() <= MOST_LINES && lines.len() as f32 * size * 1.1 <= TALLEST;
            let lines = fits.then(|| balance(text, size, width, breaking, lines))?;
            Some(Lettering { size, lines, direction })
        };
        // Words are kept whole as long as any size allows it. Beauty may cost a size or two, but no more.
        let whole = SIZES.iter().map(|&size| {
            let ways = [Breaking::AtSpaces, Breaking::AtHyphens];
            ways.into_iter().filter_map(|breaking| set(size, breaking)).min_by_key(Lettering::faults)
        });
        if let Some(best) = whole.flatten().take(3).min_by_key(Lettering::faults) {
            return best;
        }
        if let Some(broken) = SIZES[4..].iter().find_map(|&size| set(size, Breaking::Anywhere)) {
            return broken;
        }
    }
    let mut lines = wrap(short, smallest, width, Breaking::Anywhere).unwrap_or_default();
    lines.truncate(MOST_LINES);
    if let Some(last) = lines.last_mut() {
        let mut text = std::mem::take(&mut last.text);
        while advance(&text) * smallest > width - smallest {
            text.pop();
        }
        *last = line(&format!("{}…", text.trim_end_matches([' ', ',', ':', ';', '-'])), smallest);
    }
    Lettering { size: smallest, lines, direction }
}

/// The authors in capitals on one line.
pub(super) fn credit(author: &str, width: f32) -> Lettering {
    let direction = direction(author);
    let mut name = author.to_uppercase();
    let mut size = 11.5;
    while spaced(&name) * size > width && size > SMALLEST_CREDIT {
        size -= 0.5;
    }
    for shorter in [initials, surname] {
        if spaced(&name) * size > width {
            name = name.split(" & ").map(shorter).collect::<Vec<_>>().join(" & ");
        }
    }
    if spaced(&name) * size > width {
        while spaced(&name) * size > width - size {
            name.pop();
        }
        name = format!("{}…", name.trim_end());
    }
    let measured = known(&name).then(|| spaced(&name) * size);
    let lines = if name.is_empty() { Vec::new() } else { vec![Line { text: name, measured }] };
    Lettering { size, lines, direction }
}

/// `JOHANN WOLFGANG VON GOETHE` as `J. W. V. GOETHE`.
fn initials(name: &str) -> String {
    let Some((first, last)) = name.rsplit_once(' ') else { return name.to_owned() };
    let letters = first.split_whitespace().map(|word| match word.chars().next() {
        Some(letter) if letter.is_alphabetic() => format!("{letter}. "),
        _ => format!("{word} "),
    });
    format!("{}{last}", letters.collect::<String>())
}

/// `W. WORDSWORTH` as `WORDSWORTH`.
fn surname(name: &str) -> String {
    match name.rsplit_once(". ") {
        Some((_, last)) => last.to_owned(),
        None => name.to_owned(),
    }
}

/// Sans-serif capitals, letter-spaced, in units of the size. They are wider than the serif's lower case.
fn spaced(name: &str) -> f32 {
    name.chars().map(|c| if c.is_uppercase() { em(c) * 0.92 + 0.08 } else { em(c) + 0.06 }).sum()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaking {
    AtSpaces,
    /// And at dashes.
    AtHyphens,
    Anywhere,
}

/// Greedy lines. `None` if a word is wider than a line and may not be broken.
fn wrap(text: &str, size: f32, width: f32, breaking: Breaking) -> Option<Vec<Line>> {
    let limit = width / size;
    let mut lines: Vec<String> = vec![String::new()];
    for piece in pieces(text, breaking) {
        let current = lines.last_mut().expect("never empty");
        let gap = if piece.spaced && !current.is_empty() { " " } else { "" };
        if advance(current) + advance(gap) + advance(piece.text) <= limit {
            current.push_str(gap);
            current.push_str(piece.text);
            continue;
        }
        if advance(piece.text) <= limit {
            lines.push(piece.text.to_owned());
            continue;
        }
        if breaking != Breaking::Anywhere {
            return None;
        }
        if !current.is_empty() {
            lines.push(String::new());
        }
        for letter in piece.text.chars() {
            let current = lines.last_mut().expect("never empty");
            if advance(current) + em(letter) + em('-') > limit && !joins(letter) {
                if current.ends_with(char::is_alphabetic) && em(letter) < 1.0 {
                    current.push('-');
                }
                lines.push(String::new());
            }
            lines.last_mut().expect("never empty").push(letter);
        }
    }
    Some(lines.iter().filter(|text| !text.is_empty()).map(|text| line(text, size)).collect())
}

/// The same number of lines, as equal in width as can be.
fn balance(text: &str, size: f32, width: f32, breaking: Breaking, lines: Vec<Line>) -> Vec<Line> {
    let mut best = lines;
    let mut narrower = width;
    while narrower > width * 0.5 {
        narrower -= 6.0;
        match wrap(text, size, narrower, breaking) {
            Some(lines) if lines.len() == best.len() => best = lines,
            _ => break,
        }
    }
    best
}

fn line(text: &str, size: f32) -> Line {
    Line { text: text.to_owned(), measured: known(text).then(|| advance(text) * size) }
}

/// Text that stays together on a line.
struct Piece<'a> {
    text: &'a str,
    /// Whether a space stands before it.
    spaced: bool,
}

/// Words; after a hyphen or dash, and between ideographs, a line may end too.
fn pieces(text: &str, breaking: Breaking) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for word in text.split_whitespace() {
        let mut start = 0;
        let mut spaced = true;
        let mut letters = word.char_indices().peekable();
        while let Some((_, letter)) = letters.next() {
            let Some(&(next_at, next)) = letters.peek() else { break };
            let dash = matches!(letter, '-' | '–' | '—' | '/');
            let hyphen = dash && breaking != Breaking::AtSpaces && next_at - start > 3;
            let ideographs = (wide(letter) || wide(next)) && !closes(next) && !opens(letter);
            if (hyphen || ideographs) && !joins(next) {
                pieces.push(Piece { text: &word[start..next_at], spaced });
                start = next_at;
                spaced = false;
            }
        }
        pieces.push(Piece { text: &word[start..], spaced });
    }
    pieces
}

fn direction(text: &str) -> Direction {
    let right_to_left =
        |c: char| matches!(c as u32, 0x590..=0x8ff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff | 0x10800..=0x10fff);
    match text.chars().find(|c| c.is_alphabetic()) {
        Some(first) if right_to_left(first) => Direction::RightToLeft,
        _ => Direction::LeftToRight,
    }
}

/// Whether every letter is of a script whose advances are known.
fn known(text: &str) -> bool {
    text.chars().all(|c| matches!(c as u32, 0x20..=0x52f | 0x1e00..=0x1fff | 0x2010..=0x2026) || wide(c))
}

fn wide(c: char) -> bool {
    matches!(c as u32, 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe4f
        | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x20000..=0x3fffd)
}

/// Punctuation that may not begin a line.
fn closes(c: char) -> bool {
    "、。，．：；！？」』）】》〉”’ー々".contains(c) || c.is_ascii_punctuation()
}

/// Punctuation that may not end a line.
fn opens(c: char) -> bool {
    "「『（【《〈“‘(".contains(c)
}

/// Marks that belong to the letter before them, and joiners.
fn joins(c: char) -> bool {
    matches!(c as u32, 0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5c7 | 0x610..=0x61a | 0x64b..=0x65f | 0x670
        | 0x6d6..=0x6ed | 0x900..=0x903 | 0x93a..=0x94f | 0x981..=0x983 | 0x9bc..=0x9cd | 0xa3c..=0xa51 | 0xabc..=0xacd
        | 0xb3c..=0xb57 | 0xbbe..=0xbcd | 0xc3e..=0xc56 | 0xcbc..=0xcd6 | 0xd3e..=0xd4d | 0xe31 | 0xe34..=0xe3a
        | 0xe47..=0xe4e | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x200c | 0x200d | 0x20d0..=0x20ff | 0xfe00..=0xfe0f
        | 0xfe20..=0xfe2f)
}

/// The width of a line in units of its size.
fn advance(text: &str) -> f32 {
    text.chars().map(em).sum()
}

/// Advances of the printable ASCII characters in P052 Bold, the free Palatino, in thousandths of the size.
#[rustfmt::skip]
const ASCII: [u16; 95] = [
    250, 278, 402, 500, 500, 889, 833, 227, 333, 333, 444, 606, 250, 333, 250, 296, 500, 500, 500, 500, 500, 500, 500, 500,
    500, 500, 250, 250, 606, 606, 606, 444, 747, 778, 667, 722, 833, 611, 556, 833, 833, 389, 389, 778, 611, 1000, 833, 833,
    611, 833, 722, 611, 667, 778, 778, 1000, 667, 667, 667, 333, 606, 333, 606, 500, 333, 500, 611, 444, 611, 500, 389, 556,
    611, 333, 333, 611, 333, 889, 611, 556, 611, 611, 389, 444, 333, 611, 556, 833, 500, 556, 500, 310, 606, 310, 606,
];

/// The advance of one character in units of the size: exact for ASCII, the script's mean for its capitals and
/// small letters elsewhere, generous for scripts whose fonts differ much.
fn em(c: char) -> f32 {
    match c as u32 {
        code @ 0x20..=0x7e => f32::from(ASCII[code as usize - 0x20]) / 1000.0,
        _ if joins(c) => 0.0,
        0x2018 | 0x2019 => 0.28,
        0x2014 | 0x2026 => 1.0,
        0x2010..=0x2027 => 0.5,
        _ if wide(c) => 1.0,
        0x590..=0x6ff => 0.56,
        0x80..=0x52f | 0x1e00..=0x1fff if c.is_uppercase() => 0.73,
        0x80..=0x52f | 0x1e00..=0x1fff => 0.54,
        _ => 0.68,
    }
}

#[cfg(test)]
mod tests;
