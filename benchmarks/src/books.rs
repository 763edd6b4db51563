//! Generated books, the same for the same count, as JSONL for `shelfwise import books`.
//!
//! Authors, subjects and categories follow Zipf's law, as those of a real catalogue roughly do: the few most popular
//! ones have most of the books. Titles are made of few words, so that searches have many hits.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use crate::{
    failure::Failure,
    random::{Random, Zipf},
};

/// Slugs in the order of their numbers, which is also that of how many books they have: `mystery` is the largest.
const CATEGORIES: [&str; 18] = [
    "mystery",
    "science-fiction",
    "self-help",
    "fantasy",
    "romance",
    "thriller",
    "history",
    "biography",
    "science",
    "philosophy",
    "poetry",
    "children",
    "young-adult",
    "classics",
    "business",
    "travel",
    "literary-fiction",
    "horror",
];

const SYLLABLES: [&str; 24] = [
    "ba", "cor", "den", "el", "fa", "gri", "hol", "is", "jun", "ka", "lor", "mi", "nor", "os", "pe", "qui",
    "ra", "sel", "ti", "ul", "ven", "wor", "ya", "zen",
];

const KINDS: [&str; 16] = [
    "Secret", "House", "Winter", "Garden", "Letters", "Shadow", "River", "Daughter", "Keeper", "Night",
    "Map", "Song", "Island", "Clock", "Return", "Silence",
];

const SUBJECTS: u64 = 5000;

/// Writes `count` books with the numbers from 1.
pub(crate) fn write(count: u32, path: &Path) -> Result<(), Failure> {
    let doing = || Failure::file(format!("write {}", path.display()));
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(doing())?);
    // Half as many authors as books leaves most of them with one book and the first with thousands.
    let shape = Shape {
        authors: Zipf::new(u64::from(count / 2).max(1)),
        categories: Zipf::new(CATEGORIES.len() as u64),
        subjects: Zipf::new(SUBJECTS),
    };
    let mut random = Random::new(0x5348_454c_4657_4953);
    for id in 1..=count {
        let book = shape.book(id, &mut random);
        writeln!(file, "{book}").map_err(doing())?;
    }
    file.flush().map_err(doing())
}

struct Shape {
    authors: Zipf,
    categories: Zipf,
    subjects: Zipf,
}

impl Shape {
    /// One line. No string in it needs escaping.
    fn book(&self, id: u32, random: &mut Random) -> String {
        let author = self.authors.pick(random);
        let author = format!("{} {}", capital(&word(author)), capital(&word(author / 7 + 31)));
        let (first, second) = (random.below(KINDS.len() as u64), random.below(KINDS.len() as u64));
        // The number's own word keeps titles apart, as the works of an author have to be.
        let title = format!(
            "The {} of {}'s {}",
            KINDS[first as usize],
            capital(&word(u64::from(id) + 1000)),
            KINDS[second as usize]
        );
        let mut categories = vec![self.categories.pick(random)];
        for _ in 0..random.below(3) {
            let another = self.categories.pick(random);
            if !categories.contains(&another) {
                categories.push(another);
            }
        }
        let categories = list(categories.iter().map(|&number| CATEGORIES[number as usize].to_owned()));
        let mut subjects: Vec<u64> = (0..2 + random.below(5)).map(|_| self.subjects.pick(random)).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let subjects =
            list(subjects.iter().map(|&number| format!("{} {}", word(number + 7), word(number / 3 + 50))));
        let year = 2026 - random.below(random.state() % 126 + 1);
        format!(
            "{{\"id\":{id},\"title\":\"{title}\",\"title_language\":\"en\",\"authors\":[\"{author}\"],\
             \"year\":{year},\"language\":\"en\",\"categories\":{categories},\"subjects\":{subjects}}}"
        )
    }
}

fn list(strings: impl Iterator<Item = String>) -> String {
    let quoted: Vec<_> = strings.map(|string| format!("\"{string}\"")).collect();
    format!("[{}]", quoted.join(","))
}

/// A number as a word that can be spoken; different numbers are different words.
fn word(mut number: u64) -> String {
    let mut word = String::new();
    loop {
        word.push_str(SYLLABLES[(number % SYLLABLES.len() as u64) as usize]);
        number /= SYLLABLES.len() as u64;
        if number == 0 {
            return word;
        }
        number -= 1;
    }
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_are_words() {
        let words: HashSet<String> = (0..100_000).map(word).collect();
        assert_eq!(words.len(), 100_000, "syllables must not run into each other");
    }
}
