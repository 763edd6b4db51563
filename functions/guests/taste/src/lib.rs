//! Says which authors a reader likes, from the reader's history. Uses every call that the host has for an algorithm, so it needs
//! the grants `books`, `readers` and `state`; without one of them the answer is the host's `not-granted`.
//!
//! Input: `{"reader": 7, "count": 3, "history": 100, "forget": false}`; only `reader` is needed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::shelfwise::functions::log::{Level, write};
use crate::shelfwise::functions::{books, readers, state};

wit_bindgen::generate!({ path: "../../wit", world: "algorithm" });

struct Taste;
export!(Taste);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    reader: i32,
    /// How many authors to name.
    #[serde(default = "three")]
    count: usize,
    /// How many entries of the history to look at; each is one call of the host.
    #[serde(default = "hundred")]
    history: u32,
    /// Whether to forget that this reader was asked for.
    #[serde(default)]
    forget: bool,
}

#[derive(Serialize)]
struct Output {
    reader: i32,
    /// How often this reader was asked for, this time included.
    asked: u64,
    /// How many entries the history had.
    entries: usize,
    /// The best liked first.
    authors: Vec<Author>,
    /// Books of the history that the catalogue does not have.
    unknown: Vec<i32>,
}

#[derive(Serialize)]
struct Author {
    name: String,
    /// The mean of what the reader gave; 0 if nothing was rated.
    stars: f32,
    books: usize,
}

impl Guest for Taste {
    fn run(payload: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let input: Input = serde_json::from_slice(&payload).map_err(|error| Failure {
            code: "bad-input".to_owned(),
            message: format!("The input is not understood: {error}"),
        })?;
        write(Level::Info, &format!("looks at reader {}", input.reader));
        let asked = count_asked(&input)?;
        let history = readers::history(input.reader, input.history)?;
        let entries = history.len();
        let (authors, unknown) = liked(history)?;
        if !unknown.is_empty() {
            write(Level::Warn, &format!("{} of {entries} books are not in the catalogue", unknown.len()));
        }
        let authors = authors.into_iter().take(input.count).collect();
        let output = Output { reader: input.reader, asked, entries, authors, unknown };
        Ok(serde_json::to_vec(&output).expect("numbers and texts are JSON"))
    }
}

/// Counts in the host's store how often a reader was asked for.
fn count_asked(input: &Input) -> Result<u64, Failure> {
    let key = format!("asked/{}", input.reader);
    if input.forget {
        state::delete(&key)?;
    }
    let before = state::get(&key)?.and_then(|value| value.try_into().ok()).map_or(0, u64::from_le_bytes);
    let asked = before + 1;
    state::set(&key, &asked.to_le_bytes())?;
    Ok(asked)
}

/// Authors, the best liked first, and the books that nobody knows.
fn liked(history: Vec<readers::Entry>) -> Result<(Vec<Author>, Vec<i32>), Failure> {
    let mut stars: BTreeMap<String, Vec<Option<f32>>> = BTreeMap::new();
    let mut unknown = Vec::new();
    for entry in history {
        let Some(book) = books::get(entry.book)? else {
            unknown.push(entry.book);
            continue;
        };
        // A book that was dismissed says nothing good of its authors.
        let given = if entry.dismissed { Some(0.5) } else { entry.stars };
        for author in book.authors {
            stars.entry(author).or_default().push(given);
        }
    }
    let mut authors: Vec<Author> = stars
        .into_iter()
        .map(|(name, given)| {
            let rated: Vec<f32> = given.iter().copied().flatten().collect();
            let mean = if rated.is_empty() { 0.0 } else { rated.iter().sum::<f32>() / rated.len() as f32 };
            Author { name, stars: mean, books: given.len() }
        })
        .collect();
    authors.sort_by(|a, b| b.stars.total_cmp(&a.stars).then(b.books.cmp(&a.books)).then(a.name.cmp(&b.name)));
    Ok((authors, unknown))
}

fn three() -> usize {
    3
}

fn hundred() -> u32 {
    100
}
