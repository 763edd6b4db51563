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
mod values;
mod wrong;

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
    sync::Arc,
};

use tokio::sync::mpsc;

pub use self::{
    errors::Errors,
    goodbooks::{Books as GoodbooksBooks, Numbers, books as goodbooks_books},
    matching::Books,
    own::{write, write_header},
    wrong::{LibraryError, RowError},
};
use self::{matching::Described, table::Table};
use crate::{
    ratings::{Change, Entry},
    readers::{MAX_TOGETHER, Readers, Said, Submitted, WriteError, now},
};

/// How much of a file is on its way into the store at once, in submissions.
const IN_FLIGHT: usize = 8;
/// A submission of very long rows ends early.
const BATCH_BYTES: u64 = 2 << 20;

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
    let reading =
        tokio::task::spawn_blocking(move || parse(file, &plan, |batch| sender.blocking_send(batch).is_ok()));
    let mut import = Import::default();
    let (mut format, mut failed) = (None, None);
    while let Some(mut batch) = batches.recv().await {
        if let Some(opening) = batch.opening.take() {
            tell(Event::Opened(&opening));
            format = Some(opening.format);
        }
        if let Err(error) = import.submit(readers, batch, &mut tell).await {
            failed = Some(error);
            break;
        }
    }
    // Whoever reads the file hears that nobody takes more of it.
    drop(batches);
    // What is on its way is stored and told before anybody hears of an error.
    loop {
        match import.settle(&mut tell).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
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
    /// Brings a batch on its way into the store.
    async fn submit(
        &mut self,
        readers: &Readers,
        mut batch: Batch,
        tell: &mut impl FnMut(Event<'_>),
    ) -> Result<(), LibraryError> {
        if self.submitted.len() >= IN_FLIGHT {
            self.settle(tell).await?;
        }
        let said = std::mem::take(&mut batch.said);
        let submitted = match said.is_empty() {
            true => None,
            false => Some(readers.submit(said).await.map_err(LibraryError::Write)?),
        };
        self.submitted.push_back((submitted, batch));
        Ok(())
    }

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
    let missing: Vec<_> = format
        .columns()
        .iter()
        .copied()
        .filter(|name| !table.has(&name.to_lowercase().replace(' ', "_")))
        .collect();
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
    let opening = Opening { format: format.clone(), header: table.header(), separator: table.separator() };
    let mut batch = Batch { opening: Some(opening), ..Batch::default() };
    let mut sent = 0;
    // What stands before an error is handed over, too.
    let ended = loop {
        let (line, record) = match table.next() {
            Ok(Some(row)) => row,
            Ok(None) => break Ok(()),
            Err(error) => break Err(LibraryError::Read(error)),
        };
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
    };
    batch.bytes = table.bytes();
    hand(batch);
    ended
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
