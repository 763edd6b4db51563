//! What readers think of books, from files: our own, goodbooks-10k's, and what Goodreads and StoryGraph export. One format
//! a module; `matching` finds the books, `table` the records, and `errors` writes down what was not stored.
//!
//! Of a file of any length little is held: a record over 1 MiB is skipped, and no more than a few submissions of 500 rows
//! are on their way at once. Good rows are stored, each bad one is reported. Importing a file again changes nothing.
//!
//! A row of our own formats says all that is known of a reader and a book, and replaces it. One from elsewhere adds to it:
//! what it is silent about stays.

mod errors;
mod goodbooks;
mod goodreads;
mod matching;
mod own;
mod storygraph;
mod table;

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
    sync::Arc,
};

use chrono::NaiveDate;
use tokio::sync::mpsc;

pub use self::{
    errors::Errors,
    goodbooks::{Books as GoodbooksBooks, Numbers, books as goodbooks_books},
    matching::Books,
    own::{write, write_header},
};
use self::{matching::Described, table::Table};
use super::Rejection;
use crate::{
    catalogue::Isbn13,
    ratings::{Change, Entry},
    readers::{MAX_TOGETHER, Readers, Said, Submitted, WriteError, now},
    store::StoreError,
};

/// How much of a file is on its way into the store at once, in submissions.
const IN_FLIGHT: usize = 8;
/// A submission of very long rows ends early.
const BATCH_BYTES: u64 = 2 << 20;
/// A clock may be a day ahead, in another zone.
const DAY: u32 = 86_400;

/// How a file holds what readers think.
#[derive(Clone, Debug)]
pub enum Format {
    /// Our own: a header line with `book` and any of `reader`, `stars`, `shelf`, `dismissed`, `owned`, `interacted` and
    /// `changed_at`, then a line an entry. Books and readers by number.
    Csv,
    /// Our own: a JSON object a line, with the same names.
    Jsonl,
    /// The library that Goodreads exports.
    Goodreads,
    /// The library that StoryGraph exports.
    Storygraph,
    /// The ratings of goodbooks-10k, with its books' numbers in ours.
    Goodbooks(Arc<Numbers>),
}

impl Format {
    /// The columns that a file of this format must have, as its header writes them.
    #[must_use]
    pub fn columns(&self) -> &'static [&'static str] {
        match self {
            Self::Csv => &["book"],
            Self::Jsonl => &[],
            Self::Goodreads => &["Title", "Author", "My Rating", "Exclusive Shelf"],
            Self::Storygraph => &["Title", "Authors", "Read Status", "Star Rating"],
            Self::Goodbooks(_) => &["user_id", "book_id", "rating"],
        }
    }
}

/// What is imported, and for whom.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The file's format; `None`: what its first line tells.
    pub format: Option<Format>,
    /// Whose all of it is; `None`: as the file says.
    pub reader: Option<u32>,
    /// The catalogue.
    pub books: Arc<Books>,
    /// Whether the records of bad rows are wanted.
    pub raw: bool,
}

/// A row that was not stored.
#[derive(Clone, Debug)]
pub struct Bad {
    /// The line that the row begins on, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: RowError,
    /// The record as it can be written into a file of the same format, where that was asked for.
    pub raw: Vec<u8>,
}

/// Why a row is not stored.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RowError {
    /// It is no record of its format.
    #[error(transparent)]
    Record(Rejection),
    /// A field that is needed holds nothing.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// A field holds something else than it should.
    #[error("{field} is {value:?}, not {expected}")]
    Value {
        /// Which field.
        field: &'static str,
        /// What it holds, or the beginning of it.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// A book is liked or disliked and dismissed at once.
    #[error("stars and dismissed contradict each other")]
    Contradiction,
    /// There is nothing to store.
    #[error("says nothing: it has no stars, dismissal, shelf, ownership or interaction")]
    Nothing,
    /// Our own number of a book that the catalogue does not have.
    #[error("the catalogue has no book {0}")]
    NoBook(i64),
    /// A book that the catalogue does not have.
    #[error("the catalogue has no such book: {title}{}", by(author))]
    Unmatched {
        /// Its title.
        title: String,
        /// Who wrote it, if the file says so.
        author: String,
    },
    /// The store did not take it.
    #[error(transparent)]
    Refused(WriteError),
    /// Something is wrong with a row of which the book is known.
    #[error("{reason}")]
    Titled {
        /// What is wrong.
        reason: Box<RowError>,
        /// The book's title.
        title: String,
    },
}

impl RowError {
    /// Whether nothing is wrong but that the catalogue does not have the book.
    #[must_use]
    pub fn is_unmatched(&self) -> bool {
        matches!(self, Self::NoBook(_) | Self::Unmatched { .. })
    }

    fn value(field: &'static str, value: &str, expected: &'static str) -> Self {
        Self::Value { field, value: value.chars().take(40).collect(), expected }
    }
}

fn by(author: &str) -> String {
    if author.is_empty() { String::new() } else { format!(" by {author}") }
}

/// Why an import ended early. What was stored before stays.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The file cannot be read.
    #[error("cannot read the file")]
    Read(#[source] io::Error),
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is UTF-16.
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    /// Its first line holds what no text does.
    #[error("the file is no text, or neither UTF-8 nor Latin-1")]
    NoText,
    /// Its first line is that of no known format.
    #[error(
        "the first line is neither the header of a Goodreads or StoryGraph export nor that of our own format, nor a JSON object"
    )]
    Unknown,
    /// A column is not there.
    #[error("the first line must name the columns, and {} not among them", missing(.0))]
    Missing(Vec<&'static str>),
    /// The file does not say whose its rows are.
    #[error("the file does not say whose its rows are: name the reader")]
    NoReader,
    /// The readers' histories cannot be read.
    #[error("cannot read what is there already")]
    Store(#[source] StoreError),
    /// The store failed.
    #[error("cannot store what the file holds")]
    Write(#[source] WriteError),
}

fn missing(columns: &[&str]) -> String {
    let names: Vec<_> = columns.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [one] => format!("{one} is"),
        [all @ .., last] => format!("{} and {last} are", all.join(", ")),
        [] => "nothing is".to_owned(),
    }
}

/// What is told while an import runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// What the file turned out to be. First of all.
    Opened(&'a Opening),
    /// A row was not stored.
    Bad(&'a Bad),
    /// A part was stored.
    Progress(&'a Report),
}

/// What a file turned out to be.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Its format.
    pub format: Format,
    /// The header line with a column for reasons at the end; empty in JSON.
    pub header: Vec<u8>,
    /// What separates the columns; `None` in JSON.
    pub separator: Option<u8>,
}

/// What an import did, in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How much of the file was read, in bytes.
    pub bytes: u64,
    /// Rows that are stored, those included that changed nothing.
    pub stored: u64,
    /// Rows with a book that the catalogue does not have.
    pub unmatched: u64,
    /// Rows that something is wrong with.
    pub wrong: u64,
}

impl Report {
    /// All rows that were read.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.stored + self.unmatched + self.wrong
    }
}

/// Stores a file's rows, and tells on the way which are bad and how far it is.
///
/// # Errors
///
/// If the file cannot be read at all, or the store fails.
pub async fn import(
    file: impl Read + Send + 'static,
    plan: Plan,
    readers: &Readers,
    mut tell: impl FnMut(Event<'_>),
) -> Result<(Format, Report), LibraryError> {
    // The file is read and checked on a thread of its own while what comes before is stored.
    let (sender, mut batches) = mpsc::channel(2);
    let reading = tokio::task::spawn_blocking(move || {
        parse(file, &plan, |batch| sender.blocking_send(batch).is_ok())
    });
    let mut import = Import::default();
    let mut format = None;
    while let Some(mut batch) = batches.recv().await {
        if let Some(opening) = batch.opening.take() {
            tell(Event::Opened(&opening));
            format = Some(opening.format);
        }
        if import.submitted.len() >= IN_FLIGHT {
            import.settle(&mut tell).await?;
        }
        let said = std::mem::take(&mut batch.said);
        let submitted = match said.is_empty() {
            true => None,
            false => Some(readers.submit(said).await.map_err(LibraryError::Write)?),
        };
        import.submitted.push_back((submitted, batch));
    }
    while import.settle(&mut tell).await? {}
    reading.await.map_err(|error| LibraryError::Read(io::Error::other(error)))??;
    // Whatever ends without an error has been opened.
    Ok((format.ok_or(LibraryError::Empty)?, import.report))
}

/// Reads a file to its end as an import does, and stores nothing: what it is, how much of it is good (counted as stored),
/// and the rest.
///
/// # Errors
///
/// If the file cannot be read at all.
pub fn check(file: impl Read, plan: &Plan) -> Result<(Opening, Report, Vec<Bad>), LibraryError> {
    let mut report = Report::default();
    let mut bad = Vec::new();
    let mut opening = None;
    parse(file, plan, |batch| {
        opening = opening.take().or(batch.opening);
        report.bytes = batch.bytes;
        report.stored += batch.said.len() as u64;
        batch.bad.into_iter().for_each(|row| {
            report.count(&row);
            bad.push(row);
        });
        true
    })?;
    Ok((opening.ok_or(LibraryError::Empty)?, report, bad))
}

impl Report {
    fn count(&mut self, bad: &Bad) {
        if bad.reason.is_unmatched() {
            self.unmatched += 1;
        } else {
            self.wrong += 1;
        }
    }
}

/// Some rows, and what became of those before.
#[derive(Default)]
struct Batch {
    opening: Option<Opening>,
    said: Vec<Said>,
    /// Of each that is said, the line and the record.
    places: Vec<(u64, Vec<u8>)>,
    bad: Vec<Bad>,
    bytes: u64,
}

#[derive(Default)]
struct Import {
    submitted: VecDeque<(Option<Submitted>, Batch)>,
    report: Report,
}

impl Import {
    /// Waits for the oldest submission, and tells; false if there is none.
    async fn settle(&mut self, tell: &mut impl FnMut(Event<'_>)) -> Result<bool, LibraryError> {
        let Some((submitted, mut batch)) = self.submitted.pop_front() else { return Ok(false) };
        let refused = match submitted {
            Some(submitted) => submitted.stored().await.map_err(LibraryError::Write)?,
            None => Vec::new(),
        };
        self.report.stored += (batch.places.len() - refused.len()) as u64;
        self.report.bytes = batch.bytes;
        for place in refused {
            let (line, raw) = std::mem::take(&mut batch.places[place]);
            batch.bad.push(Bad { line, reason: RowError::Refused(WriteError::HistoryFull), raw });
        }
        batch.bad.sort_by_key(|bad| bad.line);
        for bad in &batch.bad {
            self.report.count(bad);
            tell(Event::Bad(bad));
        }
        tell(Event::Progress(&self.report));
        Ok(true)
    }
}

/// Hands over all rows of a file, checked, until nobody takes them any more.
fn parse(file: impl Read, plan: &Plan, mut hand: impl FnMut(Batch) -> bool) -> Result<(), LibraryError> {
    let mut file = super::text(file).map_err(LibraryError::Read)?.ok_or(LibraryError::Utf16)?;
    let start = file.fill_buf().map_err(LibraryError::Read)?;
    let first = start.iter().copied().find(|byte| !byte.is_ascii_whitespace()).ok_or(LibraryError::Empty)?;
    let is_jsonl = match plan.format {
        Some(Format::Jsonl) => true,
        Some(_) => false,
        None => first == b'{',
    };
    let mut table = if is_jsonl { Table::jsonl(file) } else { Table::csv(file)? };
    let format = match &plan.format {
        Some(format) => format.clone(),
        None if is_jsonl => Format::Jsonl,
        None => told_by(&table).ok_or(LibraryError::Unknown)?,
    };
    let missing: Vec<_> =
        format.columns().iter().copied().filter(|name| !table.has(&name.to_lowercase().replace(' ', "_"))).collect();
    if !missing.is_empty() {
        return Err(LibraryError::Missing(missing));
    }
    match (&format, plan.reader) {
        (_, Some(_)) | (Format::Jsonl | Format::Goodbooks(_), None) => {}
        (Format::Csv, None) if table.has("reader") => {}
        (Format::Csv, None) => return Err(LibraryError::Missing(vec!["reader"])),
        (Format::Goodreads | Format::Storygraph, None) => return Err(LibraryError::NoReader),
    }
    let now = now();
    let opening =
        Opening { format: format.clone(), header: table.header(), separator: table.separator() };
    let mut batch = Batch { opening: Some(opening), ..Batch::default() };
    let mut sent = 0;
    while let Some((line, record)) = table.next().map_err(LibraryError::Read)? {
        let rejection = record.as_ref().err().cloned();
        let outcome = record.map_err(RowError::Record).and_then(|()| row(&format, &table, plan, now));
        let raw = if plan.raw { table.raw(rejection.as_ref()) } else { Vec::new() };
        match outcome {
            Ok(said) => {
                batch.said.push(said);
                batch.places.push((line, raw));
            }
            Err(reason) => batch.bad.push(Bad { line, reason, raw }),
        }
        batch.bytes = table.bytes();
        if batch.said.len() + batch.bad.len() >= MAX_TOGETHER || batch.bytes - sent >= BATCH_BYTES {
            sent = batch.bytes;
            if !hand(std::mem::take(&mut batch)) {
                return Ok(());
            }
        }
    }
    batch.bytes = table.bytes();
    hand(batch);
    Ok(())
}

/// The format that a header has.
fn told_by<R: BufRead>(table: &Table<R>) -> Option<Format> {
    if table.has("exclusive_shelf") || table.has("my_rating") {
        Some(Format::Goodreads)
    } else if table.has("read_status") || table.has("isbn_uid") {
        Some(Format::Storygraph)
    } else {
        table.has("book").then_some(Format::Csv)
    }
}

fn row<R: BufRead>(format: &Format, table: &Table<R>, plan: &Plan, now: u32) -> Result<Said, RowError> {
    let (reader, book, change) = match format {
        Format::Csv | Format::Jsonl => {
            let (reader, entry, timed) = own::row(table, plan.reader, now)?;
            if !plan.books.has(entry.book) {
                return Err(RowError::NoBook(entry.book.into()));
            }
            let change = if timed { Change::Replace(entry) } else { Change::Settle(entry) };
            (reader, entry.book, change)
        }
        Format::Goodreads => library(plan, goodreads::described(table)?, || goodreads::entry(table, now))?,
        Format::Storygraph => library(plan, storygraph::described(table)?, || storygraph::entry(table, now))?,
        Format::Goodbooks(numbers) => {
            let (reader, entry) = numbers.row(table, now)?;
            (plan.reader.unwrap_or(reader), entry.book, Change::Add(entry))
        }
    };
    Ok(Said { reader, book, change, request: None, recommendation: None })
}

/// A row that describes its book.
fn library(
    plan: &Plan,
    described: Described,
    entry: impl FnOnce() -> Result<Entry, RowError>,
) -> Result<(u32, i32, Change), RowError> {
    let titled = |title: &str, reason: RowError| RowError::Titled {
        reason: Box::new(reason),
        title: title.to_owned(),
    };
    let entry = entry().map_err(|reason| titled(&described.title, reason))?;
    if entry.is_nothing() {
        return Err(titled(&described.title, RowError::Nothing));
    }
    let Some(book) = plan.books.find(&described) else {
        return Err(RowError::Unmatched { title: described.title, author: described.authors.join(", ") });
    };
    // `parse` has seen to it that there is one.
    let reader = plan.reader.ok_or(RowError::Empty("reader"))?;
    Ok((reader, book, Change::Add(Entry { book, ..entry })))
}

/// An ISBN as spreadsheets leave it: with `.0` behind it, in scientific notation, or without the zeros before it. What is
/// none is none: other columns may tell the book.
fn isbn(text: &str) -> Option<Isbn13> {
    let text = text.trim_matches(['"', '=', '\'']);
    if text.is_empty() {
        return None;
    }
    if let Ok(isbn) = Isbn13::parse(text) {
        return Some(isbn);
    }
    let digits = match text.contains(['e', 'E']) {
        // Thirteen digits are exact in a double.
        true => format!("{:.0}", text.parse::<f64>().ok().filter(|number| (1e12..1e13).contains(number))?),
        false => text.strip_suffix(".0").unwrap_or(text).to_owned(),
    };
    Isbn13::parse(&digits).ok().or_else(|| {
        let short = (7..10).contains(&digits.len()) && digits.is_ascii();
        short.then(|| Isbn13::parse(&format!("{digits:0>10}")).ok()).flatten()
    })
}

/// The first second of a day like `2021/03/15` or `2021-03-15`; a missing day or month is the first. `None` if it is no
/// day between 1970 and tomorrow.
fn day(text: &str, now: u32) -> Option<u32> {
    let mut parts = text.split(['/', '-', ' ', 'T']);
    let year = parts.next()?.parse().ok()?;
    let month = parts.next().map_or(Some(1), |month| month.parse().ok())?;
    let day = parts.next().map_or(Some(1), |day| day.parse().ok())?;
    let midnight = NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(0, 0, 0)?;
    u32::try_from(midnight.and_utc().timestamp()).ok().filter(|&at| at <= now.saturating_add(DAY))
}
