use unicode_normalization::UnicodeNormalization as _;

use crate::catalogue::fold;

/// The words that a text can be found by, separated by spaces: its words without accents and signs, and other ways to
/// write the same: `Catch-22` as one word, `J. R. R.` as one, `L’Étranger` and `Ender’s` without what the apostrophe parts
/// off. Where words are written without spaces between them, each sign and each two neighbours count as words.
pub(super) fn words(text: &str) -> String {
    let mut words = fold(text);
    let mut add = |word: &str| {
        if !word.is_empty() && !words.split(' ').any(|known| known == word) {
            words.push(' ');
            words.push_str(word);
        }
    };
    let mut initials = String::new();
    for written in text.split_whitespace() {
        let parts = fold(written);
        if parts.contains(' ') {
            add(&parts.replace(' ', ""));
        }
        for part in written.split(['\'', '’', '‘', 'ʼ']).filter(|part| part.len() < written.len()) {
            let part = fold(part);
            if part.chars().count() > 1 {
                add(&part);
            }
        }
        if parts.chars().count() == 1 {
            initials.push_str(&parts);
        } else {
            if initials.chars().count() > 1 {
                add(&initials);
            }
            initials.clear();
        }
    }
    if initials.chars().count() > 1 {
        add(&initials);
    }
    if words.chars().any(is_sign) { signs(&composed(&words)) } else { words }
}

/// Words, with each sign and each pair of signs in place of whole runs of them. A space between signs does not part them:
/// many leave it out.
fn signs(words: &str) -> String {
    let mut joined = String::with_capacity(words.len());
    for word in words.split(' ') {
        if !(joined.ends_with(is_sign) && word.starts_with(is_sign)) {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    let mut pieces: Vec<&str> = Vec::new();
    for run in joined.split(' ').flat_map(runs) {
        match run {
            Run::Letters(word) => pieces.push(word),
            Run::Signs(signs) => {
                pieces.extend(signs.split("").filter(|sign| !sign.is_empty()));
                pieces.extend(pairs(signs));
            }
        }
    }
    pieces.sort_unstable();
    pieces.dedup();
    pieces.join(" ")
}

/// A part of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run<'a> {
    /// Of a script that parts its words.
    Letters(&'a str),
    /// Of one that need not: ideographs, kana, hangul.
    Signs(&'a str),
}

/// Folded text with each syllable of hangul as one sign again, which folding takes apart.
pub(super) fn composed(folded: &str) -> String {
    folded.nfc().collect()
}

/// The runs of signs in a composed word, and what stands between them.
pub(super) fn runs(word: &str) -> impl Iterator<Item = Run<'_>> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let signs = is_sign(rest.chars().next()?);
        let (run, behind) = rest.split_at(rest.find(|letter| is_sign(letter) != signs).unwrap_or(rest.len()));
        rest = behind;
        Some(if signs { Run::Signs(run) } else { Run::Letters(run) })
    })
}

/// Each two neighbours of a run; none if it is a single sign.
pub(super) fn pairs(run: &str) -> Vec<&str> {
    let starts: Vec<usize> = run.char_indices().map(|(start, _)| start).chain([run.len()]).collect();
    starts.windows(3).map(|window| &run[window[0]..window[2]]).collect()
}

fn is_sign(letter: char) -> bool {
    matches!(letter,
        '\u{1100}'..='\u{11ff}' // parts of hangul
        | '\u{3005}'..='\u{3007}' // marks that repeat a sign, zero
        | '\u{3041}'..='\u{312f}' // kana, bopomofo
        | '\u{31f0}'..='\u{31ff}' // small kana
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}'
        | '\u{ac00}'..='\u{d7a3}') // hangul
}

/// The texts that a title is exactly found by: as a whole, without its article, and without what follows a colon.
pub(super) fn exact(title: &str) -> impl Iterator<Item = String> {
    let main = title.split([':', ';']).next().unwrap_or_default();
    let whole = fold(title);
    let main = fold(main);
    let mut texts = vec![without_article(&whole).to_owned(), without_article(&main).to_owned(), whole, main];
    texts.sort_unstable();
    texts.dedup();
    texts.into_iter().filter(|text| !text.is_empty())
}

/// A folded text without an article at its start.
pub(super) fn without_article(folded: &str) -> &str {
    const ARTICLES: [&str; 12] =
        ["the", "a", "an", "le", "la", "les", "el", "los", "der", "die", "das", "il"];
    match folded.split_once(' ') {
        Some((first, rest)) if ARTICLES.contains(&first) => rest,
        _ => folded,
    }
}

#[cfg(test)]
mod tests {
    use super::{exact, words};

    #[test]
    fn other_ways_to_write_the_same() {
        for (text, expected) in [
            ("Catch-22", "catch 22 catch22"),
            ("J. R. R. Tolkien", "j r r tolkien jrr"),
            ("J.R.R. Tolkien", "j r r tolkien jrr"),
            ("L’Étranger", "letranger etranger"),
            ("Ender's Game", "enders game ender"),
            ("Dune", "dune"),
            ("红楼梦", "梦 楼 楼梦 红 红楼"),
            ("1Q84 村上", "1q84 上 村 村上"),
            ("한강", "강 한 한강"),
        ] {
            assert_eq!(words(text), expected);
        }
    }

    #[test]
    fn titles_have_short_forms() {
        let texts: Vec<_> = exact("The Hobbit: Or, There and Back Again").collect();
        assert_eq!(
            texts,
            ["hobbit", "hobbit or there and back again", "the hobbit", "the hobbit or there and back again"]
        );
    }
}
