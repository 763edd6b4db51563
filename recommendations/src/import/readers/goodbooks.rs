//! goodbooks-10k's files: `books.csv`, `ratings.csv` and, where somebody has made one, a file of genres.

use std::{
    collections::HashMap,
    io::{BufRead, Read},
    mem,
};

use super::{LibraryError, RowError, matching, matching::Described, own, table::Table, values::isbn};
use crate::{
    import::{ImportError, Rejection, row::Fields, text},
    ratings::{Entry, Stars},
    store::{self, Outcome, Store},
};

/// Books a transaction.
const BATCH: usize = 1_000;
/// Where nothing tells a book's categories.
const CATEGORY: &str = "Uncategorised";
/// How many genres a book keeps, the best fit first.
const GENRES: usize = 8;
/// How many authors a book has at most; anthologies here name more.
const AUTHORS: usize = 20;

/// Which of our numbers each of the files' books has.
#[derive(Clone, Debug, Default)]
pub struct Numbers(HashMap<i64, i32>);

/// What became of the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Those that the catalogue had.
    pub matched: u64,
    /// Those that it was given.
    pub added: u64,
    /// Those that it does not have.
    pub unmatched: u64,
    /// Rows that something is wrong with.
    pub wrong: u64,
}

/// A row of `books.csv`: 300 bytes or so.
struct Row {
    line: u64,
    number: i64,
    described: Described,
    year: Option<i64>,
    language: String,
}

/// Finds the books of `books.csv` in the catalogue, and adds those that it does not have if `add` says so, with the
/// categories that `genres` names (`item_id,genres35`: `fantasy:0.9;classics:0.3`). Tells the line and the reason of each
/// row that is left out. The rows are held meanwhile: 300 bytes a book.
///
/// # Errors
///
/// If a file cannot be read at all, or the store fails.
pub async fn books(
    books: impl Read + Send + 'static,
    genres: Option<impl Read + Send + 'static>,
    add: bool,
    store: &Store,
    mut tell: impl FnMut(u64, &dyn std::error::Error),
) -> Result<(Numbers, Books), ImportError> {
    let reading = tokio::task::spawn_blocking(move || {
        let genres = genres.map_or_else(|| Ok(HashMap::new()), read_genres)?;
        Ok((read_books(books)?, genres))
    });
    let (rows, genres) = reading.await.map_err(|error| ImportError::Read(std::io::Error::other(error)))??;
    let mut report = Books::default();
    let mut numbers = Numbers::default();
    let known = matching::Books::of_store(store).await.map_err(ImportError::Store)?;
    let (mut missing, mut entries) = (Vec::new(), Vec::new());
    for row in rows {
        let row = match row {
            Ok(row) => row,
            Err((line, reason)) => {
                report.wrong += 1;
                tell(line, &reason);
                continue;
            }
        };
        match known.find(&row.described) {
            Some(book) => {
                report.matched += 1;
                numbers.0.insert(row.number, book);
            }
            None if add => match row.fields(genres.get(&row.number)).check() {
                Ok(entry) => {
                    entries.push(entry);
                    missing.push(row);
                }
                Err(reason) => {
                    report.wrong += 1;
                    tell(row.line, &reason);
                }
            },
            None => missing.push(row),
        }
    }
    let mut refused: HashMap<usize, Rejection> = HashMap::new();
    let mut writer = store.writer();
    let mut place = 0;
    while !entries.is_empty() {
        let rest = entries.split_off(entries.len().min(BATCH));
        let batch: Vec<store::Entry> = mem::replace(&mut entries, rest);
        for outcome in writer.write(batch).await.map_err(ImportError::Store)? {
            match outcome {
                Outcome::Refused(reason) => drop(refused.insert(place, Rejection::Refused(reason))),
                Outcome::New | Outcome::Changed | Outcome::Unchanged => {}
            }
            place += 1;
        }
    }
    let known = match add {
        true => matching::Books::of_store(store).await.map_err(ImportError::Store)?,
        false => matching::Books::default(),
    };
    for (place, row) in missing.into_iter().enumerate() {
        match (refused.get(&place), known.find(&row.described)) {
            (None, Some(book)) => {
                report.added += 1;
                numbers.0.insert(row.number, book);
            }
            (refusal, _) => {
                report.unmatched += 1;
                match refusal {
                    Some(reason) => tell(row.line, reason),
                    None => tell(row.line, &unmatched(row.described)),
                }
            }
        }
    }
    Ok((numbers, report))
}

impl Numbers {
    /// Whose rating and what: a row of `ratings.csv`.
    pub(super) fn row<R: BufRead>(&self, table: &Table<R>, now: u32) -> Result<(u32, Entry), RowError> {
        let reader = own::reader("user_id", &table.field("user_id"))?;
        let number = own::number("book_id", &table.field("book_id"))?;
        let stars: Stars = own::stars("rating", &table.field("rating"))?;
        let book = *self.0.get(&i64::from(number)).ok_or_else(|| RowError::Unmatched {
            title: format!("number {number} of books.csv"),
            author: String::new(),
        })?;
        Ok((reader, Entry { changed: now, stars: Some(stars), ..Entry::nothing(book) }))
    }
}

impl Row {
    fn fields(&self, genres: Option<&Vec<String>>) -> Fields {
        let (title, series) = without_series(&self.described.title);
        let (series, series_number) = series.unwrap_or_default();
        Fields {
            title,
            series,
            series_number,
            title_language: self.language.clone(),
            authors: self.described.authors.iter().take(AUTHORS).cloned().collect(),
            year: self.year,
            categories: genres.cloned().unwrap_or_else(|| vec![CATEGORY.to_owned()]),
            isbn: self.described.isbns.first().map_or_else(String::new, ToString::to_string),
            ..Fields::default()
        }
    }
}

type Rows = Vec<Result<Row, (u64, RowError)>>;

fn read_books(file: impl Read) -> Result<Rows, ImportError> {
    let mut table = table(file, &["book_id", "title", "authors"])?;
    let mut rows = Vec::new();
    while let Some((line, record)) = table.next().map_err(ImportError::Read)? {
        let row = record.map_err(RowError::Record).and_then(|()| {
            let title = table.field("title").into_owned();
            if title.is_empty() {
                return Err(RowError::Empty("title"));
            }
            let authors = table.field("authors");
            let authors =
                authors.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
            let isbns = [table.field("isbn13"), table.field("isbn")];
            Ok(Row {
                line,
                number: own::number("book_id", &table.field("book_id"))?.into(),
                year: year(&table.field("original_publication_year")),
                language: language(&table.field("language_code")).to_owned(),
                described: Described {
                    isbns: isbns.iter().filter_map(|text| isbn(text)).collect(),
                    title,
                    authors: authors.collect(),
                },
            })
        });
        rows.push(row.map_err(|reason| (line, reason)));
    }
    Ok(rows)
}

fn read_genres(file: impl Read) -> Result<HashMap<i64, Vec<String>>, ImportError> {
    let mut table = table(file, &["item_id", "genres35"])?;
    let mut genres = HashMap::new();
    while let Some((_, record)) = table.next().map_err(ImportError::Read)? {
        if record.is_err() {
            continue;
        }
        let (book, all) = (table.field("item_id"), table.field("genres35"));
        let names = all.split(';').map(|genre| genre.split(':').next().unwrap_or_default().trim().to_owned());
        let names: Vec<String> = names.filter(|name| !name.is_empty()).take(GENRES).collect();
        if let (Ok(book), false) = (book.parse(), names.is_empty()) {
            genres.insert(book, names);
        }
    }
    Ok(genres)
}

fn table<R: Read>(file: R, columns: &[&'static str]) -> Result<Table<impl BufRead + use<R>>, ImportError> {
    let file = text(file).map_err(ImportError::Read)?.ok_or(ImportError::Utf16)?;
    let table = Table::csv(file).map_err(|error| match error {
        LibraryError::Read(error) => ImportError::Read(error),
        error => ImportError::Header(error.to_string()),
    })?;
    let missing: Vec<_> = columns.iter().copied().filter(|column| !table.has(column)).collect();
    match missing.is_empty() {
        true => Ok(table),
        false => Err(ImportError::Header(LibraryError::Missing(missing).to_string())),
    }
}

fn unmatched(described: Described) -> RowError {
    RowError::Unmatched { title: described.title, author: described.authors.join(", ") }
}

/// `The Hobbit (Middle-earth, #0)` is `The Hobbit`, the book 0 of Middle-earth.
fn without_series(title: &str) -> (String, Option<(String, Option<f64>)>) {
    let whole = || (title.to_owned(), None);
    let Some(inner) = title.trim().strip_suffix(')') else { return whole() };
    let Some((before, inner)) = inner.rsplit_once('(') else { return whole() };
    let Some((name, number)) = inner.rsplit_once('#') else { return whole() };
    let (before, name) = (before.trim(), name.trim().trim_end_matches(',').trim());
    if before.is_empty() || name.is_empty() {
        return whole();
    }
    (before.to_owned(), Some((name.to_owned(), number.trim().parse().ok())))
}

/// A year as a table of numbers writes it: `2008.0`.
#[allow(clippy::cast_possible_truncation)]
fn year(text: &str) -> Option<i64> {
    text.parse::<f64>().ok().filter(|year| (-4_000.0..=2_100.0).contains(year)).map(|year| year as i64)
}

/// The tag of a language that the files name by three letters; others are tags already.
fn language(code: &str) -> &str {
    match code {
        "eng" => "en",
        "spa" => "es",
        "fre" => "fr",
        "ger" => "de",
        "ita" => "it",
        "por" => "pt",
        "jpn" => "ja",
        "pol" => "pl",
        "nl" | "dut" => "nl",
        "swe" => "sv",
        "nor" => "no",
        "dan" => "da",
        "fin" => "fi",
        "ara" => "ar",
        "per" => "fa",
        "ind" => "id",
        "rum" => "ro",
        "tur" => "tr",
        "rus" => "ru",
        "vie" => "vi",
        "mul" => "",
        code => code,
    }
}
