//! A shop's books into the store: one file format a module, the rules for a row in `row`.
//!
//! Of a file of any length little is held: a record over 1 MiB is skipped, no more than a few batches of a thousand rows
//! are on their way at once, and 6 to 12 bytes a row tell which books the file has named. Good rows are imported, each bad one is reported. Importing the
//! same file again changes nothing.

mod csv;
mod jsonl;
pub mod readers;
mod row;

use std::{
    io::{self, BufReader, Chain, Cursor, Read},
    path::Path,
};

use tokio::sync::mpsc;

pub use self::row::Rejection;
use crate::store::{Entry, Outcome, Store, StoreError};

/// The longest record that is looked at, in bytes.
pub const MAX_RECORD: usize = 1 << 20;

/// How much is read from the file at a time, in bytes.
const BUFFER: usize = 1 << 16;
/// Rows a transaction.
const BATCH_ROWS: usize = 1_000;
/// A batch of very long rows ends early.
const BATCH_BYTES: u64 = 4 << 20;
/// The byte order mark of spreadsheets.
const MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// The books that come with the program.
const SAMPLE: &str = include_str!("../data/books.jsonl");

/// How a file holds its books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A header line, then a line a book; fields separated by commas, semicolons or tabs, as the header has them. Columns by
    /// name: `title`, and where the shop has them `id`, `authors`, `year`, `language`, `title_language`, `series`,
    /// `series_number`, `categories`, `subjects`, `isbn13` or `isbn`. Several authors, categories or subjects are separated
    /// by semicolons.
    Csv,
    /// A JSON object a line, with the same names; `authors`, `categories` and `subjects` are arrays.
    Jsonl,
}

impl Format {
    /// The format that a file's name tells: `.csv`, `.tsv`, `.txt`; `.jsonl`, `.ndjson`, `.json`.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            _ => None,
        }
    }
}

/// What is told while an import runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// A row was not imported.
    Rejected {
        /// The line that the row begins on, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: &'a Rejection,
    },
    /// A batch was written.
    Progress {
        /// How much of the file was read, in bytes.
        bytes: u64,
        /// How many rows were seen, bad ones included.
        rows: u64,
    },
}

/// What an import did, in rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Books that the catalogue did not have.
    pub new: u64,
    /// Books that the catalogue had otherwise; they are now as the file says, whole.
    pub changed: u64,
    /// Books that the catalogue had exactly so.
    pub unchanged: u64,
    /// Rows that were not imported.
    pub rejected: u64,
    /// Columns of a CSV file that mean nothing here, as its header writes them.
    pub ignored_columns: Vec<String>,
}

/// Why an import ended early. What was written before stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read the file")]
    Read(#[source] io::Error),
    /// It is UTF-16.
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    /// The first line of a CSV file does not name its columns.
    #[error("the first line must name the columns, and `title` is not among them")]
    NoTitle,
    /// The first line of a file of goodbooks-10k is not what it should be.
    #[error("{0}")]
    Header(String),
    /// The store failed.
    #[error("cannot store the books")]
    Store(#[source] StoreError),
}

/// Imports a file's books, and tells on the way which rows are bad and how far it is.
///
/// # Errors
///
/// If the file cannot be read at all, or the store fails.
pub async fn books(
    file: impl Read + Send + 'static,
    format: Format,
    store: &Store,
    mut tell: impl FnMut(Event<'_>),
) -> Result<Report, ImportError> {
    // The file is read and checked on a thread of its own while the batch before is written. Two batches wait at most.
    let (sender, mut batches) = mpsc::channel(2);
    // The other side is gone only after an error of its own.
    let reading =
        tokio::task::spawn_blocking(move || read(file, format, |batch| sender.blocking_send(batch).is_ok()));
    let mut report = Report::default();
    let mut writer = store.writer();
    while let Some(Batch { entries, mut rejected, bytes }) = batches.recv().await {
        let (lines, entries): (Vec<u64>, Vec<Entry>) = entries.into_iter().unzip();
        let outcomes = if entries.is_empty() {
            Vec::new()
        } else {
            writer.write(entries).await.map_err(ImportError::Store)?
        };
        for (line, outcome) in lines.into_iter().zip(outcomes) {
            match outcome {
                Outcome::New => report.new += 1,
                Outcome::Changed => report.changed += 1,
                Outcome::Unchanged => report.unchanged += 1,
                Outcome::Refused(refusal) => rejected.push((line, Rejection::Refused(refusal))),
            }
        }
        rejected.sort_by_key(|&(line, _)| line);
        for (line, reason) in &rejected {
            report.rejected += 1;
            tell(Event::Rejected { line: *line, reason });
        }
        let rows = report.new + report.changed + report.unchanged + report.rejected;
        tell(Event::Progress { bytes, rows });
    }
    report.ignored_columns = reading.await.map_err(|error| ImportError::Read(io::Error::other(error)))??;
    Ok(report)
}

/// Reads a file to its end as an import does, and stores nothing: how many rows are good, and what is wrong with the
/// others, each by its line.
///
/// # Errors
///
/// If the file cannot be read at all.
pub fn check(file: impl Read, format: Format) -> Result<(u64, Vec<(u64, Rejection)>), ImportError> {
    let (mut good, mut bad) = (0, Vec::new());
    read(file, format, |batch| {
        good += batch.entries.len() as u64;
        bad.extend(batch.rejected);
        true
    })?;
    Ok((good, bad))
}

/// Imports the books that come with the program.
///
/// # Errors
///
/// If the store fails.
pub async fn sample(store: &Store) -> Result<Report, ImportError> {
    books(SAMPLE.as_bytes(), Format::Jsonl, store, |event| {
        if let Event::Rejected { line, reason } = event {
            tracing::error!(line, %reason, "a book of the sample catalogue was rejected");
        }
    })
    .await
}

#[derive(Default)]
struct Batch {
    entries: Vec<(u64, Entry)>,
    rejected: Vec<(u64, Rejection)>,
    bytes: u64,
}

/// The rows of a file, one after the other.
trait Rows {
    /// The line that the next row begins on and its fields, or what is wrong with them; `None` at the end.
    fn next(&mut self) -> io::Result<Option<(u64, Result<row::Fields, Rejection>)>>;

    /// How many bytes were read so far.
    fn bytes(&self) -> u64;
}

/// Hands over all rows of the file, checked, until nobody takes them any more, and returns the columns that mean nothing here.
fn read(
    file: impl Read,
    format: Format,
    mut hand: impl FnMut(Batch) -> bool,
) -> Result<Vec<String>, ImportError> {
    let file = text(file).map_err(ImportError::Read)?.ok_or(ImportError::Utf16)?;
    let (mut rows, ignored): (Box<dyn Rows>, Vec<String>) = match format {
        Format::Csv => {
            let (rows, ignored) = csv::Csv::new(file)?;
            (Box::new(rows), ignored)
        }
        Format::Jsonl => (Box::new(jsonl::Jsonl::new(file)), Vec::new()),
    };
    let mut batch = Batch::default();
    let mut sent = 0;
    // What stands before an error is handed over, too.
    let ended = loop {
        let (line, fields) = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => break Ok(ignored),
            Err(error) => break Err(ImportError::Read(error)),
        };
        match fields.and_then(row::Fields::check) {
            Ok(entry) => batch.entries.push((line, entry)),
            Err(rejection) => batch.rejected.push((line, rejection)),
        }
        batch.bytes = rows.bytes();
        if batch.entries.len() + batch.rejected.len() >= BATCH_ROWS || batch.bytes - sent >= BATCH_BYTES {
            sent = batch.bytes;
            if !hand(std::mem::take(&mut batch)) {
                return Ok(ignored);
            }
        }
    };
    batch.bytes = rows.bytes();
    hand(batch);
    ended
}

/// A file that begins with what was read of it already.
type Begun<R> = BufReader<Chain<Cursor<Vec<u8>>, Rest<R>>>;

/// What comes behind the start of a file.
struct Rest<R> {
    /// Why the start ends where it does, if reading failed there. Told once.
    failed: Option<io::Error>,
    file: R,
}

impl<R: Read> Read for Rest<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.failed.take().map_or_else(|| self.file.read(buffer), Err)
    }
}

/// The file without a byte order mark; `None` if it is UTF-16. The first piece that it gives is the start with the first line
/// that is not empty, in which a format may look around: whoever sends a file slowly is not waited for longer.
fn text<R: Read>(mut file: R) -> io::Result<Option<Begun<R>>> {
    let mut start = vec![0; BUFFER];
    let (mut length, mut failed) = (0, None);
    while length < BUFFER && !has_line(&start[..length]) {
        match file.read(&mut start[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_empty(&start[..length]) => return Err(error),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    start.truncate(length);
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Ok(None);
    }
    if start.starts_with(MARK) {
        start.drain(..MARK.len());
    }
    Ok(Some(BufReader::with_capacity(BUFFER, Cursor::new(start).chain(Rest { failed, file }))))
}

/// Whether there is a whole line that is not empty.
fn has_line(start: &[u8]) -> bool {
    start.iter().rposition(|&byte| byte == b'\n').is_some_and(|end| !is_empty(&start[..end]))
}

fn is_empty(start: &[u8]) -> bool {
    start.strip_prefix(MARK).unwrap_or(start).trim_ascii_start().is_empty()
}
