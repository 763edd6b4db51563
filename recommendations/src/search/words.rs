use crate::catalogue::fold;

/// The words that a text can be found by, separated by spaces: its words without accents and signs, and other ways to
/// write the same: `Catch-22` as one word, `J. R. R.` as one, `L’Étranger` and `Ender’s` without what the apostrophe parts
/// off.
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
    words
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
