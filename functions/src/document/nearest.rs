/// No key is nearly as long, and how long comparing takes grows with it.
const LONGEST: usize = 64;

/// The word that another was likely meant to be: the one with the fewest letters to change, if these are few. Letters' case, `-`
/// and `_` count for nothing, so that `keep_alive` is `keepalive`.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let plain = plain(word);
    // One letter in three may be wrong, but not all of a short word.
    let most = (plain.len() / 3).clamp(1, 3);
    let near = known.map(|known| (changes(&plain, &self::plain(known)), known));
    near.filter(|(changes, _)| *changes <= most).min_by_key(|(changes, _)| *changes).map(|(_, known)| known)
}

fn plain(word: &str) -> Vec<char> {
    word.chars().filter(|c| !"-_".contains(*c)).flat_map(char::to_lowercase).take(LONGEST).collect()
}

/// How many letters have to be put in, left out, replaced or swapped with their neighbour: optimal string alignment (Boytsov,
/// "Indexing methods for approximate dictionary searching", 2011).
fn changes(one: &[char], other: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut least = (above[j] + usize::from(a != b)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_found_and_another_word_is_not() {
        let known = ["keepalive", "timeout", "threads", "bind", "table-elements"];
        for (word, meant) in [
            ("keep_alive", Some("keepalive")),
            ("keep-alive", Some("keepalive")),
            ("KeepAlive", Some("keepalive")),
            ("timeuot", Some("timeout")),
            ("thread", Some("threads")),
            ("bnid", Some("bind")),
            ("table_elements", Some("table-elements")),
            ("worker_class", None),
            ("xyz", None),
            ("", None),
            (&"x".repeat(100_000), None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), meant, "{word}");
        }
    }
}
