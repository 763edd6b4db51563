//! Interactions and facts about books in plain CSV: `user_id,item_id` and perhaps `rating` and `time`; and `item_id` with whatever of
//! `authors`, `series`, `title`, `genres` and `language` there is.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Read},
};

use chrono::NaiveDate;

use crate::models::{Facts, Interaction};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read it")]
    Read(#[source] io::Error),
    /// A column is missing.
    #[error("its first line does not name the column {0}")]
    Column(&'static str),
    /// A field is no number.
    #[error("line {line}: {column} is no number: {value}")]
    Number {
        /// The record's number, the header counted.
        line: u64,
        /// Which column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// A field is no time.
    #[error("line {line}: the time is neither a number of seconds nor a date: {value}")]
    Time {
        /// The record's number, the header counted.
        line: u64,
        /// What stands there.
        value: String,
    },
}

/// Names as numbers from 0, in the order of their first sight.
#[derive(Clone, Debug, Default)]
pub struct Numbered {
    names: Vec<i64>,
    places: HashMap<i64, u32>,
}

impl Numbered {
    /// The names by number.
    #[must_use]
    pub fn names(&self) -> &[i64] {
        &self.names
    }

    /// The number of a name.
    #[must_use]
    pub fn place(&self, name: i64) -> Option<u32> {
        self.places.get(&name).copied()
    }

    fn enter(&mut self, name: i64) -> u32 {
        *self.places.entry(name).or_insert_with(|| {
            self.names.push(name);
            (self.names.len() - 1) as u32
        })
    }
}

/// Readers and books of several files.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The readers.
    pub readers: Numbered,
    /// The books.
    pub books: Numbered,
}

/// Reads interactions; readers and books that were not seen get the next numbers.
///
/// # Errors
///
/// If it cannot be read, a column is missing or a field is no number.
pub fn read_rows(file: impl Read, table: &mut Table) -> Result<Vec<Interaction>, FileError> {
    Ok(read_timed_rows(file, table)?.0)
}

/// The same with the day of each, counted from 1970, where there is a column `time` (or `timestamp`, `date` or `changed_at`) and
/// it is not empty: seconds since 1970, or a date such as 2026-11-26, whatever follows it. Without such a column there are no
/// days.
///
/// # Errors
///
/// As [`read_rows`], and if a time is none.
pub fn read_timed_rows(
    file: impl Read,
    table: &mut Table,
) -> Result<(Vec<Interaction>, Vec<Option<f32>>), FileError> {
    let mut records = Records::new(file)?;
    let reader = records.column(&["user_id"]).ok_or(FileError::Column("user_id"))?;
    let book = records.column(&["item_id", "book_id"]).ok_or(FileError::Column("item_id"))?;
    let stars = records.column(&["rating", "stars"]);
    let time = records.column(&["time", "timestamp", "date", "changed_at"]);
    let (mut rows, mut days) = (Vec::new(), Vec::new());
    while records.next()? {
        let reader = table.readers.enter(records.number(reader, "user_id")?);
        let book = table.books.enter(records.number(book, "item_id")?);
        let stars =
            stars.map(|column| records.field(column).trim().to_owned()).filter(|text| !text.is_empty());
        let stars = stars.map(|text| {
            text.parse().map_err(|_| FileError::Number { line: records.line, column: "rating", value: text })
        });
        rows.push(Interaction { reader, book, stars: stars.transpose()? });
        if let Some(column) = time {
            days.push(day(records.field(column).trim(), records.line)?);
        }
    }
    Ok((rows, days))
}

/// The day of a time; none for an empty text.
fn day(text: &str, line: u64) -> Result<Option<f32>, FileError> {
    if text.is_empty() {
        return Ok(None);
    }
    let seconds = || text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
    let date = || NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok();
    let day = seconds().map(|seconds| (seconds / 86_400.0) as f32).or_else(|| {
        let days = date()?.signed_duration_since(NaiveDate::default()).num_days();
        Some(days as f32)
    });
    day.map(Some).ok_or_else(|| FileError::Time { line, value: text.to_owned() })
}

/// Reads facts about the books that have numbers; others are passed over.
///
/// # Errors
///
/// If it cannot be read, there is no column `item_id`, or one of its fields is no number.
pub fn read_items(file: impl Read, books: &Numbered) -> Result<Vec<Facts>, FileError> {
    let mut records = Records::new(file)?;
    let book = records.column(&["item_id", "book_id"]).ok_or(FileError::Column("item_id"))?;
    let authors = records.column(&["authors", "author"]);
    let title = records.column(&["title"]);
    let series = records.column(&["series"]);
    let subjects = records.column(&["genres", "subjects", "categories"]);
    let language = records.column(&["language", "language_code"]);
    let mut facts = vec![Facts::default(); books.names.len()];
    while records.next()? {
        let Some(place) = books.place(records.number(book, "item_id")?) else { continue };
        let text = |column: Option<usize>| column.map_or("", |column| records.field(column));
        let series = match text(series).trim() {
            "" => series_in(text(title)),
            series => Some(series),
        };
        facts[place as usize] = Facts {
            authors: list(text(authors)),
            series: series.map(str::to_owned),
            subjects: list(text(subjects)),
            language: text(language).trim().to_owned(),
        };
    }
    Ok(facts)
}

/// The parts of a list, by `;` or `|` if there is one, else by commas.
fn list(text: &str) -> Vec<String> {
    let by = [';', '|'].into_iter().find(|&by| text.contains(by)).unwrap_or(',');
    text.split(by).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The series that Goodreads' data has in the title: `Catching Fire (The Hunger Games, #2)`.
fn series_in(title: &str) -> Option<&str> {
    let inside = title.trim_end().strip_suffix(')')?;
    let inside = &inside[inside.rfind('(')? + 1..];
    let inside = inside.split(';').next().unwrap_or(inside);
    let name = &inside[..inside.find('#')?];
    let name = name.trim().trim_end_matches(',').trim();
    (!name.is_empty()).then_some(name)
}

/// Records of a CSV file with a header.
struct Records<R> {
    file: BufReader<R>,
    csv: csv_core::Reader,
    header: Vec<String>,
    buffer: Vec<u8>,
    ends: Vec<usize>,
    fields: usize,
    line: u64,
}

/// A longer record, or one of more fields, is no such file.
const MAX_RECORD: usize = 1 << 20;
const MAX_FIELDS: usize = 1_000;

impl<R: Read> Records<R> {
    fn new(file: R) -> Result<Self, FileError> {
        let mut records = Self {
            file: BufReader::with_capacity(1 << 16, file),
            csv: csv_core::Reader::new(),
            header: Vec::new(),
            buffer: vec![0; 1 << 12],
            ends: vec![0; MAX_FIELDS],
            fields: 0,
            line: 0,
        };
        records.next()?;
        let clean = |name: &str| name.trim_start_matches('\u{feff}').trim().to_lowercase();
        records.header = (0..records.fields).map(|column| clean(records.field(column))).collect();
        Ok(records)
    }

    fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.header.iter().position(|column| column == name))
    }

    /// A field of the present record; empty if there is none or it is not UTF-8.
    fn field(&self, column: usize) -> &str {
        if column >= self.fields {
            return "";
        }
        let from = if column == 0 { 0 } else { self.ends[column - 1] };
        std::str::from_utf8(&self.buffer[from..self.ends[column]]).unwrap_or_default()
    }

    fn number(&self, column: usize, name: &'static str) -> Result<i64, FileError> {
        let text = self.field(column).trim();
        text.parse().map_err(|_| FileError::Number {
            line: self.line,
            column: name,
            value: text.chars().take(40).collect(),
        })
    }

    /// Goes to the next record; whether there is one.
    fn next(&mut self) -> Result<bool, FileError> {
        use csv_core::ReadRecordResult::{End, InputEmpty, OutputEndsFull, OutputFull, Record};
        let (mut written, mut ended) = (0, 0);
        self.line += 1;
        loop {
            let input = self.file.fill_buf().map_err(FileError::Read)?;
            let (result, read, wrote, ends) =
                self.csv.read_record(input, &mut self.buffer[written..], &mut self.ends[ended..]);
            self.file.consume(read);
            written += wrote;
            ended += ends;
            match result {
                InputEmpty => {}
                OutputFull if self.buffer.len() < MAX_RECORD => self.buffer.resize(self.buffer.len() * 2, 0),
                OutputFull | OutputEndsFull => {
                    let long = format!("record {} is longer than 1 MiB or has over 1000 fields", self.line);
                    return Err(FileError::Read(io::Error::new(io::ErrorKind::InvalidData, long)));
                }
                Record | End => {
                    self.fields = ended;
                    return Ok(result == Record);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FileError, Table, read_items, read_rows, read_timed_rows, series_in};

    #[test]
    fn rows_and_facts_are_read_by_the_names_of_their_columns() {
        let mut table = Table::default();
        let rows = "\u{feff}item_id,user_id,rating\r\n7,100,4.5\r\n8,100,\r\n7,200,1\r\n";
        let rows = read_rows(rows.as_bytes(), &mut table).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[2].reader, rows[2].book, rows[2].stars, rows[1].stars), (1, 0, Some(1.0), None));
        assert_eq!(table.books.names(), [7, 8]);
        let items = "item_id,title,authors\n8,\"Fire (The Games, #2)\",\"A, B\"\n9,x,y\n";
        let facts = read_items(items.as_bytes(), &table.books).unwrap();
        assert_eq!(
            (facts[1].authors.as_slice(), facts[1].series.as_deref()),
            (&["A".to_owned(), "B".to_owned()][..], Some("The Games"))
        );
        assert_eq!(facts.len(), 2);
    }

    #[test]
    fn a_bad_file_is_refused_with_the_place() {
        let mut table = Table::default();
        let timed = "user_id,item_id,time\n1,2,86400\n1,3,1970-01-03\n1,4,\n1,5,1970-01-03T23:59:59Z\n";
        let (rows, days) = read_timed_rows(timed.as_bytes(), &mut table).unwrap();
        assert_eq!((rows.len(), days), (4, vec![Some(1.0), Some(2.0), None, Some(2.0)]));
        for bad in ["yesterday", "1970-13-01", "NaN", "é"] {
            let text = format!("user_id,item_id,timestamp\n1,2,{bad}\n");
            let error = read_timed_rows(text.as_bytes(), &mut table).unwrap_err();
            assert!(matches!(error, FileError::Time { line: 2, .. }), "{bad}");
        }
        assert!(matches!(read_rows(&b"user,item\n1,2\n"[..], &mut table), Err(FileError::Column("user_id"))));
        assert!(matches!(read_rows(&b""[..], &mut table), Err(FileError::Column("user_id"))));
        let error = read_rows(&b"user_id,item_id\n1,2\n1,x\n"[..], &mut table).unwrap_err();
        assert_eq!(error.to_string(), "line 3: item_id is no number: x");
    }

    #[test]
    fn a_series_is_read_off_the_title() {
        assert_eq!(series_in("Catching Fire (The Hunger Games, #2)"), Some("The Hunger Games"));
        assert_eq!(series_in("The Waste Lands (The Dark Tower #3)"), Some("The Dark Tower"));
        assert_eq!(series_in("1984 (Annotated)"), None);
        assert_eq!(series_in("Dune"), None);
    }
}
