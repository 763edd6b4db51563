//! What is known of the books themselves: who wrote them, and what they are about.

use std::collections::HashMap;

use super::Sparse;

/// What is known of one book. All may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Who wrote it, the first first.
    pub authors: Vec<String>,
    /// The series that it belongs to.
    pub series: Option<String>,
    /// What it is about.
    pub subjects: Vec<String>,
    /// Its language as a tag; only the part before the first hyphen counts.
    pub language: String,
}

/// What is known of all books, by their numbers. Texts are compared without regard to case.
#[derive(Clone, Debug, Default)]
pub struct Items {
    /// Books × authors: 1 for the first author, 1/2 for the second, and so on, for up to four of them.
    pub(super) authors: Sparse,
    /// Books × series.
    pub(super) series: Sparse,
    /// Books × subjects.
    pub(super) subjects: Sparse,
    /// Which language, counted from 1; 0 if unknown.
    pub(super) languages: Vec<u32>,
}

/// More authors than that are an anthology's.
const AUTHORS: usize = 4;

impl Items {
    /// From the facts about book 0, 1, 2 and so on.
    #[must_use]
    pub fn new(all: impl IntoIterator<Item = Facts>) -> Self {
        let mut names: [Names; 4] = Default::default();
        let mut rows = [const { Vec::new() }; 3];
        let mut languages = Vec::new();
        for facts in all {
            let authors = facts.authors.iter().take(AUTHORS).zip(1_u8..);
            let authors = authors.map(|(name, place)| (name.as_str(), 1.0 / f32::from(place)));
            rows[0].push(names[0].row(authors));
            rows[1].push(names[1].row(facts.series.iter().map(|name| (name.as_str(), 1.0))));
            rows[2].push(names[2].row(facts.subjects.iter().map(|name| (name.as_str(), 1.0))));
            let language = facts.language.split(['-', '_']).next().unwrap_or_default();
            // The three-letter code of English is common in files made from Goodreads' data.
            let language = if language.eq_ignore_ascii_case("eng") { "en" } else { language };
            languages.push(names[3].number(language).map_or(0, |number| number + 1));
        }
        let [authors, series, subjects] =
            [0, 1, 2].map(|side| Sparse::from_rows(names[side].0.len(), &rows[side]));
        Self { authors, series, subjects, languages }
    }

    /// How many books there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.languages.len()
    }

    /// Whether there is no book.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.languages.is_empty()
    }
}

/// Numbers for texts.
#[derive(Default)]
struct Names(HashMap<String, u32>);

impl Names {
    /// The text's number, given out at the first sight of it; none for an empty text.
    fn number(&mut self, name: &str) -> Option<u32> {
        let name = name.trim().to_lowercase();
        if name.is_empty() {
            return None;
        }
        let next = self.0.len() as u32;
        Some(*self.0.entry(name).or_insert(next))
    }

    /// A sparse row. The first of several values for the same text counts.
    fn row<'a>(&mut self, names: impl Iterator<Item = (&'a str, f32)>) -> Vec<(u32, f32)> {
        let mut row: Vec<(u32, f32)> =
            names.filter_map(|(name, value)| Some((self.number(name)?, value))).collect();
        row.sort_by_key(|&(number, _)| number);
        row.dedup_by_key(|&mut (number, _)| number);
        row
    }
}
