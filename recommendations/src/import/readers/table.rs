//! Records by their columns' names, whatever is wrong with the file.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::{self, BufRead},
};

use serde_json::Value;

use super::LibraryError;
use crate::import::{
    Rejection,
    csv::{Quote, Records, cell},
    jsonl::Jsonl,
};

/// The column in which a list of what was wrong says why. It is never read.
pub(super) const REASON: &str = "reason";

/// The records of a file.
pub(super) enum Table<R> {
    Csv(Box<Csv<R>>),
    Jsonl(Jsonl<R>, HashMap<String, String>),
}

pub(super) struct Csv<R> {
    records: Records<R>,
    /// As the file writes them.
    header: Vec<Vec<u8>>,
    /// In lower case, `_` for what is neither letter nor digit.
    columns: HashMap<String, usize>,
    reason: Option<usize>,
}

impl<R: BufRead> Table<R> {
    /// A file with a header line.
    pub(super) fn csv(file: R) -> Result<Self, LibraryError> {
        let mut records = Records::new(file).map_err(LibraryError::Read)?;
        match records.next().map_err(LibraryError::Read)? {
            None => return Err(LibraryError::Empty),
            Some((_, Ok(()))) => {}
            Some(_) => return Err(LibraryError::Unknown),
        }
        let header: Vec<Vec<u8>> = (0..records.columns).map(|place| records.field(place).to_vec()).collect();
        if header.iter().any(|name| name.contains(&0)) {
            return Err(LibraryError::NoText);
        }
        let mut columns = HashMap::new();
        for (place, name) in header.iter().enumerate() {
            // Of two columns with one name it is the first.
            columns.entry(normal(&text(name))).or_insert(place);
        }
        let reason = columns.get(REASON).copied().filter(|&place| place + 1 == header.len());
        Ok(Self::Csv(Box::new(Csv { records, header, columns, reason })))
    }

    /// A file with a JSON object a line.
    pub(super) fn jsonl(file: R) -> Self {
        Self::Jsonl(Jsonl::new(file), HashMap::new())
    }

    /// Whether there is a column with this name; in JSON there is every one.
    pub(super) fn has(&self, column: &str) -> bool {
        match self {
            Self::Csv(csv) => csv.columns.contains_key(column),
            Self::Jsonl(..) => true,
        }
    }

    /// The header line again, and a column for reasons.
    pub(super) fn header(&self) -> Vec<u8> {
        let Self::Csv(csv) = self else { return Vec::new() };
        let mut line = csv.record(csv.header.iter().map(Vec::as_slice));
        line.push(csv.records.separator);
        line.extend_from_slice(REASON.as_bytes());
        line
    }

    /// What separates the columns.
    pub(super) fn separator(&self) -> Option<u8> {
        match self {
            Self::Csv(csv) => Some(csv.records.separator),
            Self::Jsonl(..) => None,
        }
    }

    /// How many bytes were read.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Csv(csv) => csv.records.bytes,
            Self::Jsonl(lines, _) => lines.bytes,
        }
    }

    /// Reads the next record and says on which line it begins, or what is wrong with it; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Result<(), Rejection>)>> {
        match self {
            Self::Csv(csv) => csv.next(),
            Self::Jsonl(lines, fields) => {
                fields.clear();
                let Some((line, fitted)) = lines.next_line()? else { return Ok(None) };
                if !fitted {
                    lines.buffer.clear();
                    return Ok(Some((line, Err(Rejection::TooLong))));
                }
                Ok(Some((line, object(&lines.buffer).map(|object| *fields = object))))
            }
        }
    }

    /// A field of the record that was read last; empty if there is no such column. What is not UTF-8 is taken for Latin-1.
    pub(super) fn field(&self, column: &str) -> Cow<'_, str> {
        match self {
            Self::Csv(csv) => match csv.columns.get(column) {
                Some(&place) if place < csv.records.columns => trimmed(text(csv.records.field(place))),
                _ => Cow::Borrowed(""),
            },
            Self::Jsonl(_, fields) => Cow::Borrowed(fields.get(column).map_or("", String::as_str)),
        }
    }

    /// The record as it can be written into a file of the same format; empty if it is not held.
    pub(super) fn raw(&self, rejection: Option<&Rejection>) -> Vec<u8> {
        match self {
            Self::Csv(csv) => csv.raw(rejection),
            Self::Jsonl(lines, _) => lines.buffer.trim_ascii().to_vec(),
        }
    }
}

impl<R: BufRead> Csv<R> {
    fn next(&mut self) -> io::Result<Option<(u64, Result<(), Rejection>)>> {
        let Some((line, record)) = self.records.next()? else { return Ok(None) };
        let (found, expected) = (self.records.columns, self.header.len());
        // What a spreadsheet adds at the end is empty.
        let fits = found >= expected
            && (expected..found).all(|place| record.is_err() || self.records.field(place).is_empty());
        if record.is_ok() && !fits {
            if let Some(rejection) = self.records.begin_anew(line, Quote::Any)? {
                return Ok(Some((line, Err(rejection))));
            }
            return Ok(Some((line, Err(Rejection::Columns { found, expected }))));
        }
        Ok(Some((line, record)))
    }

    fn raw(&self, rejection: Option<&Rejection>) -> Vec<u8> {
        match rejection {
            Some(Rejection::TooLong | Rejection::TooManyColumns { .. }) => {
                self.record(std::iter::repeat_n(&b""[..], self.header.len()))
            }
            // The lines up to the quote's own, in one field: what follows is read again.
            Some(Rejection::OpenQuote { .. }) => {
                let end = self.records.raw.iter().position(|&byte| byte == b'\n');
                let line = self.records.raw[..end.unwrap_or(self.records.raw.len())].trim_ascii();
                self.record([line].into_iter().chain(std::iter::repeat_n(&b""[..], self.header.len() - 1)))
            }
            _ => {
                // With too few columns it has too few there, too, so that it stays wrong until it is mended.
                self.record((0..self.records.columns).map(|place| self.records.field(place)))
            }
        }
    }

    fn record<'a>(&self, fields: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut line = Vec::new();
        for (place, field) in fields.enumerate() {
            if Some(place) == self.reason {
                continue;
            }
            if place > 0 {
                line.push(self.records.separator);
            }
            quoted(&mut line, field, self.records.separator);
        }
        line
    }
}

/// Appends a field as CSV writes it.
pub(super) fn quoted(line: &mut Vec<u8>, field: &[u8], separator: u8) {
    if !field.iter().any(|&byte| byte == separator || matches!(byte, b'"' | b'\r' | b'\n')) {
        return line.extend_from_slice(field);
    }
    line.push(b'"');
    for &byte in field {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

/// A column's name as it is looked up: `Star Rating` is `star_rating`, and `ISBN/UID` is `isbn_uid`.
fn normal(name: &str) -> String {
    let words: Vec<&str> =
        name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("_").to_lowercase()
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        // In Latin-1 each byte is the character with its number.
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(cell(text)),
        Cow::Owned(text) => Cow::Owned(cell(&text).to_owned()),
    }
}

/// The fields of an object as the texts that a CSV file would have.
fn object(line: &[u8]) -> Result<HashMap<String, String>, Rejection> {
    let wrong = |what: &str| Rejection::Json(what.to_owned());
    let value: Value = match serde_json::from_str(&text(line.trim_ascii())) {
        Ok(value) => value,
        Err(error) if error.is_eof() => return Err(wrong("is not JSON: it ends too early")),
        Err(error) => {
            return Err(Rejection::Json(format!("is not JSON from column {} on", error.column())));
        }
    };
    let Value::Object(object) = value else { return Err(wrong("is not a JSON object")) };
    let field = |(name, value)| {
        let text = match value {
            Value::Null => String::new(),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            Value::String(value) => value.trim().to_owned(),
            // A field that nobody asks for may hold anything; in one that somebody does it is no value.
            Value::Array(_) => "[…]".to_owned(),
            Value::Object(_) => "{…}".to_owned(),
        };
        (name, text)
    };
    Ok(object.into_iter().map(field).collect())
}
