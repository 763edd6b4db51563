//! What a row must be like, whatever format it came in.

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::{
    catalogue::{Book, Isbn13, IsbnError, Series, fold, slug},
    store::{Entry, FIRST_OWN_BOOK, Refusal},
};

const MAX_TITLE: usize = 500;
const MAX_NAME: usize = 200;
const MAX_AUTHORS: usize = 20;
const MAX_CATEGORIES: usize = 8;
/// What shops' and readers' tags come to: of 3,000 books on a readers' site one had 50, and half had more than 20.
const MAX_SUBJECTS: usize = 50;
const YEARS: std::ops::RangeInclusive<i64> = -4000..=2100;
/// Ids that a file may name, so that there is room for those that the store gives out.
const MAX_ID: i64 = 1_999_999_999;
const _: () = assert!((FIRST_OWN_BOOK as i64) < MAX_ID);

/// Why a row is not imported.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// The record is not held in memory.
    #[error("is longer than 1 MiB")]
    TooLong,
    /// A CSV field's quote takes in other lines, and they make no row with it. All but the first are read again.
    #[error("a quote on line {line} is never closed{}", taken_in(*line, *last))]
    OpenQuote {
        /// Where the quote stands.
        line: u64,
        /// The last line that it takes in.
        last: u64,
    },
    /// The bytes are no text.
    #[error("is not UTF-8")]
    NotUtf8,
    /// The line is no JSON object with the fields' types.
    #[error("{0}")]
    Json(String),
    /// A CSV record does not fit the header.
    #[error("has {found} columns, the header has {expected}")]
    Columns {
        /// How many it has.
        found: usize,
        /// How many the header has.
        expected: usize,
    },
    /// A CSV record has absurdly many columns.
    #[error("has more than {limit} columns")]
    TooManyColumns {
        /// How many are allowed.
        limit: usize,
    },
    /// A field holds no number.
    #[error("{field} is not a number: {value}")]
    Number {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: String,
    },
    /// There is no title.
    #[error("title is empty")]
    NoTitle,
    /// There is no category.
    #[error("names no category")]
    NoCategory,
    /// A category's name holds neither letter nor digit.
    #[error("category {0} has neither a letter nor a digit")]
    Category(String),
    /// A text is too long.
    #[error("{field} is longer than {limit} characters")]
    Characters {
        /// Which field.
        field: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// A list is too long.
    #[error("has more than {limit} {field}")]
    Many {
        /// Which field.
        field: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// A text holds a control character.
    #[error("{0} holds a control character")]
    Control(&'static str),
    /// The id is out of range.
    #[error("id {0} is not between 1 and {MAX_ID}")]
    Id(i64),
    /// The year is out of range.
    #[error("year {0} is not between {start} and {end}", start = YEARS.start(), end = YEARS.end())]
    Year(i64),
    /// The place in the series is out of range.
    #[error("series_number {0} is not between 0 and 100000")]
    SeriesNumber(f64),
    /// A language is no BCP 47 tag.
    #[error("{field} {value} is not a language tag like en or pt-BR")]
    Language {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: String,
    },
    /// The ISBN is none.
    #[error("isbn {value} {reason}")]
    Isbn {
        /// What the field holds.
        value: String,
        /// What is wrong with it.
        reason: IsbnError,
    },
    /// The store did not take it.
    #[error(transparent)]
    Refused(Refusal),
}

/// What an open quote in this line cost, if anything.
fn taken_in(line: u64, last: u64) -> String {
    match line + 1 {
        next if next > last => String::new(),
        next => format!(" and takes in the lines up to {last}; those from {next} on are read anew, as rows"),
    }
}

/// A row as the file has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) id: Option<i64>,
    pub(super) title: String,
    pub(super) title_language: String,
    pub(super) authors: Vec<String>,
    pub(super) year: Option<i64>,
    pub(super) language: String,
    pub(super) series: String,
    pub(super) series_number: Option<f64>,
    pub(super) categories: Vec<String>,
    pub(super) subjects: Vec<String>,
    pub(super) isbn: String,
}

impl Fields {
    /// Holds the row against the rules.
    pub(super) fn check(self) -> Result<Entry, Rejection> {
        let id = self.id.map(|id| match i32::try_from(id) {
            Ok(small) if (1..=MAX_ID).contains(&id) => Ok(small),
            _ => Err(Rejection::Id(id)),
        });
        let title = text("title", &self.title, MAX_TITLE)?;
        if title.is_empty() {
            return Err(Rejection::NoTitle);
        }
        let authors = list("authors", &self.authors, MAX_AUTHORS)?;
        let year = self.year.map(|year| match i16::try_from(year) {
            Ok(small) if YEARS.contains(&year) => Ok(small),
            _ => Err(Rejection::Year(year)),
        });
        let series = match text("series", &self.series, MAX_NAME)? {
            name if name.is_empty() => None,
            name => Some(Series { name, number: self.series_number.map(series_number).transpose()? }),
        };
        let isbn13 = match cut(self.isbn.trim()) {
            isbn if isbn.is_empty() => None,
            value => Some(Isbn13::parse(&value).map_err(|reason| Rejection::Isbn { value, reason })?),
        };
        let categories = categories(&self.categories)?;
        let identity = identity(&title, authors.first().map_or("", String::as_str), isbn13);
        let book = Book {
            id: 0,
            title,
            title_language: language("title_language", &self.title_language)?,
            authors,
            year: year.transpose()?,
            language: language("language", &self.language)?,
            series,
            categories: Vec::new(),
            subjects: list("subjects", &self.subjects, MAX_SUBJECTS)?,
            isbn13,
        };
        Ok(Entry { id: id.transpose()?, identity, book, categories })
    }
}

/// What a book without an id is found by: its ISBN, else its title and first author as people compare them.
fn identity(title: &str, author: &str, isbn13: Option<Isbn13>) -> String {
    if let Some(isbn) = isbn13 {
        return format!("isbn:{isbn}");
    }
    match fold(title) {
        folded if folded.is_empty() => format!("work:{title}|{}", fold(author)),
        folded => format!("work:{folded}|{}", fold(author)),
    }
}

fn categories(names: &[String]) -> Result<Vec<(String, String)>, Rejection> {
    let names = list("categories", names, MAX_CATEGORIES)?;
    let mut categories: Vec<(String, String)> = Vec::with_capacity(names.len());
    for name in names {
        let slug = slug(&name);
        if slug.is_empty() {
            return Err(Rejection::Category(name));
        }
        if categories.iter().all(|(other, _)| *other != slug) {
            categories.push((slug, name));
        }
    }
    if categories.is_empty() { Err(Rejection::NoCategory) } else { Ok(categories) }
}

/// The texts of a list, empty ones and repetitions left out.
fn list(field: &'static str, texts: &[String], limit: usize) -> Result<Vec<String>, Rejection> {
    let mut kept: Vec<String> = Vec::with_capacity(texts.len().min(limit));
    for item in texts {
        let item = text(field, item, MAX_NAME)?;
        if item.is_empty() || kept.contains(&item) {
            continue;
        }
        if kept.len() == limit {
            return Err(Rejection::Many { field, limit });
        }
        kept.push(item);
    }
    Ok(kept)
}

/// The text in Unicode's composed form, white space reduced to single spaces.
fn text(field: &'static str, text: &str, limit: usize) -> Result<String, Rejection> {
    let mut clean = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.push_str(word);
    }
    if clean.chars().any(char::is_control) {
        return Err(Rejection::Control(field));
    }
    if !is_nfc(&clean) {
        clean = clean.nfc().collect();
    }
    // A character is at least a byte.
    if clean.len() > limit && clean.chars().count() > limit {
        return Err(Rejection::Characters { field, limit });
    }
    Ok(clean)
}

/// A tag that looks like BCP 47. Whether the language exists is not asked.
fn language(field: &'static str, tag: &str) -> Result<String, Rejection> {
    let tag = tag.trim();
    let mut parts = tag.split('-');
    let first = parts.next().unwrap_or_default();
    let good = (2..=8).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && tag.len() <= 35
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
    if tag.is_empty() || good {
        Ok(tag.to_owned())
    } else {
        Err(Rejection::Language { field, value: cut(tag) })
    }
}

fn series_number(number: f64) -> Result<f64, Rejection> {
    if (0.0..=100_000.0).contains(&number) { Ok(number) } else { Err(Rejection::SeriesNumber(number)) }
}

/// As much of a bad value as a report shows.
fn cut(value: &str) -> String {
    value.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::{Fields, Rejection};

    fn good() -> Fields {
        Fields {
            title: "Dune".to_owned(),
            categories: vec!["science-fiction".to_owned()],
            ..Fields::default()
        }
    }

    #[test]
    fn rows_are_cleaned() {
        let entry = Fields {
            title: " The  Maltese\tFalcon ".to_owned(),
            authors: vec![String::new(), "Dashiell Hammett".to_owned(), "Dashiell Hammett".to_owned()],
            categories: vec!["Young Adult".to_owned(), "young-adult".to_owned(), "Manga".to_owned()],
            isbn: "0-679-72264-5".to_owned(),
            ..Fields::default()
        };
        let entry = entry.check().unwrap();
        assert_eq!(entry.book.title, "The Maltese Falcon");
        assert_eq!(entry.book.authors, ["Dashiell Hammett"]);
        assert_eq!(entry.identity, "isbn:9780679722649");
        let slugs: Vec<_> = entry.categories.iter().map(|(slug, _)| slug.as_str()).collect();
        assert_eq!(slugs, ["young-adult", "manga"]);
    }

    #[test]
    fn each_rule_has_its_reason() {
        let long = |length| "ü".repeat(length);
        for (fields, reason) in [
            (Fields { title: " ".to_owned(), ..good() }, "title is empty"),
            (Fields { title: long(501), ..good() }, "title is longer than 500 characters"),
            (Fields { title: "a\0b".to_owned(), ..good() }, "title holds a control character"),
            (Fields { categories: vec![], ..good() }, "names no category"),
            (
                Fields { categories: vec!["?!".to_owned()], ..good() },
                "category ?! has neither a letter nor a digit",
            ),
            (
                Fields { categories: (0..9).map(|n| n.to_string()).collect(), ..good() },
                "has more than 8 categories",
            ),
            (
                Fields { authors: (0..21).map(|n| n.to_string()).collect(), ..good() },
                "has more than 20 authors",
            ),
            (
                Fields { subjects: (0..51).map(|n| n.to_string()).collect(), ..good() },
                "has more than 50 subjects",
            ),
            (Fields { subjects: vec![long(201)], ..good() }, "subjects is longer than 200 characters"),
            (Fields { year: Some(2101), ..good() }, "year 2101 is not between -4000 and 2100"),
            (Fields { id: Some(0), ..good() }, "id 0 is not between 1 and 1999999999"),
            (Fields { id: Some(1 << 40), ..good() }, "id 1099511627776 is not between 1 and 1999999999"),
            (
                Fields { language: "e".to_owned(), ..good() },
                "language e is not a language tag like en or pt-BR",
            ),
            (
                Fields { isbn: "9780679722648".to_owned(), ..good() },
                "isbn 9780679722648 has a wrong check digit",
            ),
            (
                Fields { series: "Dune".to_owned(), series_number: Some(f64::NAN), ..good() },
                "series_number NaN is not between 0 and 100000",
            ),
        ] {
            assert_eq!(fields.check().unwrap_err().to_string(), reason);
        }
        assert_eq!(
            Fields { title: long(500), year: Some(-4000), ..good() }.check().map(drop),
            Ok::<_, Rejection>(())
        );
    }
}
