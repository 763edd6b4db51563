//! Our own formats: every entry whole, by numbers, as it is exported.

use std::io::{self, BufRead, Write};

use chrono::{DateTime, SecondsFormat};

use super::{Format, RowError, table::Table, values::DAY};
use crate::ratings::{Entry, LAST_READER, Marks, Shelf, Stars};

const HEADER: &str = "reader,book,stars,shelf,dismissed,owned,interacted,changed_at";
const SHELVES: [(&str, Shelf); 4] = [
    ("want_to_read", Shelf::WantToRead),
    ("reading", Shelf::Reading),
    ("read", Shelf::Read),
    ("did_not_finish", Shelf::DidNotFinish),
];

/// Whose, what, and whether the row says when it changed.
pub(super) fn row<R: BufRead>(
    table: &Table<R>,
    reader: Option<u32>,
    now: u32,
) -> Result<(u32, Entry, bool), RowError> {
    let reader = match reader {
        Some(reader) => reader,
        None => self::reader("reader", &table.field("reader"))?,
    };
    let (stars, shelf) = (table.field("stars"), table.field("shelf"));
    let stars = match stars.as_ref() {
        "" | "0" | "0.0" => None,
        text => Some(self::stars("stars", text)?),
    };
    let shelf = match shelf.as_ref() {
        "" => Shelf::None,
        name => {
            let known = SHELVES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
            let expected = "want_to_read, reading, read or did_not_finish";
            known.ok_or_else(|| RowError::value("shelf", name, expected))?.1
        }
    };
    let flag = |field: &'static str| match table.field(field).as_ref() {
        "" | "0" => Ok(false),
        "1" => Ok(true),
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        text => Err(RowError::value(field, text, "true or false")),
    };
    let changed = table.field("changed_at");
    let changed = match changed.as_ref() {
        "" => None,
        text => {
            let expected = "a time between 1970 and now like 2026-01-31T12:00:00Z";
            let at = DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp());
            let at = at.and_then(|at| u32::try_from(at).ok()).filter(|&at| at <= now.saturating_add(DAY));
            Some(at.ok_or_else(|| RowError::value("changed_at", text, expected))?)
        }
    };
    let entry = Entry {
        book: number("book", &table.field("book"))?,
        changed: changed.unwrap_or(now),
        stars,
        shelf,
        marks: Marks::NONE
            .with(Marks::DISMISSED, flag("dismissed")?)
            .with(Marks::OWNED, flag("owned")?)
            .with(Marks::INTERACTED, flag("interacted")?),
    };
    if entry.stars.is_some() && entry.dismissed() {
        return Err(RowError::Contradiction);
    }
    if entry.is_nothing() {
        return Err(RowError::Nothing);
    }
    Ok((reader, entry, changed.is_some()))
}

/// A reader's number.
pub(super) fn reader(field: &'static str, text: &str) -> Result<u32, RowError> {
    number(field, text).map(i32::unsigned_abs)
}

/// A number from 1 to the highest that there is.
pub(super) fn number(field: &'static str, text: &str) -> Result<i32, RowError> {
    const { assert!(LAST_READER == 2_147_483_647, "the sentence says so") };
    if text.is_empty() {
        return Err(RowError::Empty(field));
    }
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| RowError::value(field, text, "a number from 1 to 2147483647"))
}

/// Half a star to five; spreadsheets may write a comma.
pub(super) fn stars(field: &'static str, text: &str) -> Result<Stars, RowError> {
    let value = text.replace(',', ".").parse().ok();
    value.and_then(Stars::from_value).ok_or_else(|| RowError::value(field, text, "0.5 to 5 in halves"))
}

/// Writes what stands before the first entry.
///
/// # Errors
///
/// If it cannot be written.
pub fn write_header(format: &Format, mut to: impl Write) -> io::Result<()> {
    match format {
        Format::Jsonl => Ok(()),
        _ => writeln!(to, "{HEADER}"),
    }
}

/// Writes one entry as a line: in JSON if that is the format, else in CSV.
///
/// # Errors
///
/// If it cannot be written.
pub fn write(format: &Format, mut to: impl Write, reader: u32, entry: &Entry) -> io::Result<()> {
    let Entry { book, changed, stars, shelf, .. } = *entry;
    let shelf = SHELVES.iter().find(|(_, known)| *known == shelf).map_or("", |(name, _)| name);
    let changed = DateTime::from_timestamp(changed.into(), 0).unwrap_or_default();
    let changed = changed.to_rfc3339_opts(SecondsFormat::Secs, true);
    let stars = stars.map(|stars| stars.value().to_string());
    let (dismissed, owned, interacted) = (entry.dismissed(), entry.owned(), entry.interacted());
    match format {
        Format::Jsonl => {
            let stars = stars.as_deref().unwrap_or("null");
            let shelf = if shelf.is_empty() { "null".to_owned() } else { format!("\"{shelf}\"") };
            writeln!(
                to,
                "{{\"reader\":{reader},\"book\":{book},\"stars\":{stars},\"shelf\":{shelf},\
                 \"dismissed\":{dismissed},\"owned\":{owned},\"interacted\":{interacted},\
                 \"changed_at\":\"{changed}\"}}"
            )
        }
        _ => {
            let stars = stars.as_deref().unwrap_or("");
            writeln!(to, "{reader},{book},{stars},{shelf},{dismissed},{owned},{interacted},{changed}")
        }
    }
}
