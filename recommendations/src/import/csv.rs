//! A header line that names the columns, then a line a book, as spreadsheets write them.

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{BUFFER, ImportError, MAX_RECORD, Rejection, Rows, row::Fields};

/// More columns than any table of books has.
const MAX_COLUMNS: usize = 1_000;
/// How often a byte of the file is read again at most, on the average over what was read, to find where a misplaced quote
/// stands. Ordinary files need none or one; more is only met where quotes are made to interlock over a thousand lines.
const TIMES_AGAIN: u64 = 8;

pub(super) struct Csv<R> {
    records: Records<R>,
    columns: Columns,
}

/// Where each field stands in a record.
#[derive(Default)]
struct Columns {
    width: usize,
    id: Option<usize>,
    title: Option<usize>,
    title_language: Option<usize>,
    authors: Option<usize>,
    year: Option<usize>,
    language: Option<usize>,
    series: Option<usize>,
    series_number: Option<usize>,
    categories: Option<usize>,
    subjects: Option<usize>,
    isbn13: Option<usize>,
    isbn: Option<usize>,
}

impl<R: BufRead> Csv<R> {
    /// Reads the header. Also returns the columns that mean nothing here.
    pub(super) fn new(file: R) -> Result<(Self, Vec<String>), ImportError> {
        let mut records = Records::new(file).map_err(ImportError::Read)?;
        let Some((_, Ok(()))) = records.next().map_err(ImportError::Read)? else {
            return Err(ImportError::NoTitle);
        };
        let mut columns = Columns { width: records.columns, ..Columns::default() };
        let mut ignored = Vec::new();
        for place in 0..records.columns {
            let name = String::from_utf8_lossy(records.field(place)).trim().to_owned();
            match columns.named(&name.to_lowercase().replace([' ', '-'], "_")) {
                Some(column) if column.is_none() => *column = Some(place),
                _ => ignored.push(name),
            }
        }
        if columns.title.is_none() {
            return Err(ImportError::NoTitle);
        }
        Ok((Self { records, columns }, ignored))
    }

    fn fields(&self) -> Result<Fields, Rejection> {
        let records = &self.records;
        let more = (self.columns.width..records.columns).any(|place| !records.field(place).is_empty());
        if records.columns < self.columns.width || more {
            return Err(Rejection::Columns { found: records.columns, expected: self.columns.width });
        }
        // Field by field: what is no text in two fields may be text when they are put together.
        let field = |column: Option<usize>| match column {
            Some(place) => {
                std::str::from_utf8(records.field(place)).map(cell).map_err(|_| Rejection::NotUtf8)
            }
            None => Ok(""),
        };
        let list = |column| field(column).map(|field| field.split(';').map(str::to_owned).collect());
        let columns = &self.columns;
        Ok(Fields {
            id: number("id", field(columns.id)?)?,
            title: field(columns.title)?.to_owned(),
            title_language: field(columns.title_language)?.to_owned(),
            authors: list(columns.authors)?,
            year: number("year", field(columns.year)?)?,
            language: field(columns.language)?.to_owned(),
            series: field(columns.series)?.to_owned(),
            series_number: number("series_number", field(columns.series_number)?)?,
            categories: list(columns.categories)?,
            subjects: list(columns.subjects)?,
            isbn: match field(columns.isbn13)? {
                "" => field(columns.isbn)?.to_owned(),
                isbn => isbn.to_owned(),
            },
        })
    }
}

impl<R: BufRead> Rows for Csv<R> {
    fn next(&mut self) -> io::Result<Option<(u64, Result<Fields, Rejection>)>> {
        let Some((line, record)) = self.records.next()? else { return Ok(None) };
        let fields = record.and_then(|()| self.fields());
        if matches!(fields, Err(Rejection::Columns { .. }))
            && let Some(rejection) = self.records.begin_anew(line, Quote::Any)?
        {
            return Ok(Some((line, Err(rejection))));
        }
        Ok(Some((line, fields)))
    }

    fn bytes(&self) -> u64 {
        self.records.bytes
    }
}

impl Columns {
    fn named(&mut self, name: &str) -> Option<&mut Option<usize>> {
        Some(match name {
            "id" => &mut self.id,
            "title" => &mut self.title,
            "title_language" => &mut self.title_language,
            "authors" => &mut self.authors,
            "year" => &mut self.year,
            "language" => &mut self.language,
            "series" => &mut self.series,
            "series_number" => &mut self.series_number,
            "categories" => &mut self.categories,
            "subjects" => &mut self.subjects,
            "isbn13" => &mut self.isbn13,
            "isbn" => &mut self.isbn,
            _ => return None,
        })
    }
}

/// What separates the fields: the first line tells. Spreadsheets write semicolons where the comma is the decimal sign.
fn separator(start: &[u8]) -> u8 {
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    [b',', b';', b'\t'].into_iter().find(|separator| header.contains(separator)).unwrap_or(b',')
}

/// What a cell says: `="978…"` is how spreadsheets are kept from making a number of it.
pub(super) fn cell(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("=\"").and_then(|text| text.strip_suffix('"')).map_or(text, str::trim)
}

fn number<T: std::str::FromStr>(field: &'static str, text: &str) -> Result<Option<T>, Rejection> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Rejection::Number { field, value: text.chars().take(40).collect() })
}

/// Which quotes that take in line ends are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    /// All.
    Any,
    /// Those that are not closed at all, or not where a field ends: that is where another field's quote opens.
    Broken,
}

/// Where the first such quote of a record stands.
fn quote(record: &[u8], separator: u8, which: Quote) -> Option<usize> {
    let field_ends = |byte: u8| byte == separator || matches!(byte, b'\r' | b'\n');
    let mut place = 0;
    while place < record.len() {
        if record[place] == b'"' {
            let open = place;
            let mut lines = false;
            place += 1;
            while let Some(&byte) = record.get(place) {
                match byte {
                    b'"' if record.get(place + 1) == Some(&b'"') => place += 1,
                    b'"' => break,
                    _ => lines |= byte == b'\n',
                }
                place += 1;
            }
            let closed = place < record.len();
            place += 1;
            let well = closed && record.get(place).is_none_or(|&byte| field_ends(byte));
            if !closed || (lines && (which == Quote::Any || !well)) {
                return Some(open);
            }
        }
        place += record[place.min(record.len())..].iter().take_while(|&&byte| !field_ends(byte)).count() + 1;
    }
    None
}

/// The records of a file, each held only if it is not too long.
pub(super) struct Records<R> {
    file: R,
    /// What was read before and is read again before the file goes on; not much longer than the longest record.
    again: Vec<u8>,
    again_from: usize,
    /// How many bytes were put back to be read again so far.
    read_again: u64,
    /// Whether a quote ends with its line: so what is read again is read when it may not be put back once more.
    line_by_line: bool,
    pub(super) separator: u8,
    parser: Reader,
    /// The record as the file has it.
    pub(super) raw: Vec<u8>,
    /// The fields of the record, one behind the other.
    text: Vec<u8>,
    /// Where each field ends in `text`.
    ends: Vec<usize>,
    pub(super) columns: usize,
    /// The line that comes next.
    line: u64,
    pub(super) bytes: u64,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(mut file: R) -> io::Result<Self> {
        let separator = separator(file.fill_buf()?);
        Ok(Self {
            file,
            again: Vec::new(),
            again_from: 0,
            read_again: 0,
            line_by_line: false,
            separator,
            parser: ReaderBuilder::new().delimiter(separator).build(),
            raw: Vec::new(),
            text: Vec::new(),
            ends: vec![0; MAX_COLUMNS],
            columns: 0,
            line: 1,
            bytes: 0,
        })
    }

    /// Reads the next record and says on which line it began; `None` at the end. Empty lines do not count.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Result<(), Rejection>)>> {
        self.skip_empty_lines()?;
        self.line_by_line &= !self.again.is_empty();
        let line = self.line;
        self.raw.clear();
        let (mut written, mut columns) = (0, 0);
        loop {
            if self.text.len() < written + 4096 {
                self.text.resize((written + 4096).max(self.text.len() * 2), 0);
            }
            let mut input = input(&mut self.file, &self.again, self.again_from)?;
            let at_end = input.is_empty();
            if self.line_by_line
                && let Some(end) = input.iter().position(|&byte| byte == b'\n')
            {
                input = &input[..=end];
            }
            let (result, used, output, ends) =
                self.parser.read_record(input, &mut self.text[written..], &mut self.ends[columns..]);
            self.raw.extend_from_slice(&input[..used]);
            let lines = line_ends(&input[..used]);
            self.consume(used, lines);
            written += output;
            columns += ends;
            if self.line_by_line
                && lines > 0
                && matches!(result, ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull)
            {
                self.parser.reset();
                return Ok(Some((line, Err(Rejection::OpenQuote { line, last: line }))));
            }
            let too_long = self.raw.len() > MAX_RECORD;
            match result {
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::Record => {
                    self.columns = columns;
                    self.text.truncate(written);
                    let several = self.last_line(line) > line;
                    if (several || at_end)
                        && let Some(rejection) = self.begin_anew(line, Quote::Broken)?
                    {
                        return Ok(Some((line, Err(rejection))));
                    }
                    return Ok(Some((line, if too_long { Err(Rejection::TooLong) } else { Ok(()) })));
                }
                ReadRecordResult::OutputEndsFull => {
                    if let Some(rejection) = self.begin_anew(line, Quote::Any)? {
                        return Ok(Some((line, Err(rejection))));
                    }
                    self.skip_line()?;
                    return Ok(Some((line, Err(Rejection::TooManyColumns { limit: MAX_COLUMNS }))));
                }
                ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull if too_long => {
                    if let Some(rejection) = self.begin_anew(line, Quote::Broken)? {
                        return Ok(Some((line, Err(rejection))));
                    }
                    self.skip_line()?;
                    return Ok(Some((line, Err(Rejection::TooLong))));
                }
                ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull => {}
            }
        }
    }

    /// If the record that was just read, from `line` on, has such a quote: goes back to the line behind the quote's, and
    /// says so. Every time at least one line is done with, so that it comes to an end; and all that is read again stays
    /// within [`TIMES_AGAIN`], so that the end is never far: beyond it, what was put back is read line by line, once.
    pub(super) fn begin_anew(&mut self, line: u64, which: Quote) -> io::Result<Option<Rejection>> {
        let Some(open) = quote(&self.raw, self.separator, which) else { return Ok(None) };
        let rejection =
            Rejection::OpenQuote { line: line + line_ends(&self.raw[..open]), last: self.last_line(line) };
        match self.raw[open..].iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                let behind = &self.raw[open + end + 1..];
                let length = behind.len() as u64;
                let ahead = (self.again.len() - self.again_from) as u64;
                self.line_by_line =
                    self.read_again + length > TIMES_AGAIN * (self.bytes + ahead + MAX_RECORD as u64);
                self.read_again += length;
                self.line -= line_ends(behind);
                self.bytes -= length;
                if self.again.is_empty() {
                    self.again.extend_from_slice(behind);
                } else {
                    // All of the record came from there.
                    self.again_from -= behind.len();
                }
                self.parser.reset();
            }
            None => self.skip_line()?,
        }
        Ok(Some(rejection))
    }

    /// The last line of the record that was just read, from `line` on.
    fn last_line(&self, line: u64) -> u64 {
        line + line_ends(self.raw.strip_suffix(b"\n").unwrap_or(&self.raw))
    }

    fn consume(&mut self, used: usize, lines: u64) {
        self.line += lines;
        self.bytes += used as u64;
        if self.again.is_empty() {
            return self.file.consume(used);
        }
        self.again_from += used;
        if self.again_from == self.again.len() {
            self.again.clear();
            self.again_from = 0;
        }
    }

    fn skip_empty_lines(&mut self) -> io::Result<()> {
        loop {
            let input = input(&mut self.file, &self.again, self.again_from)?;
            let empty = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let lines = line_ends(&input[..empty]);
            self.consume(empty, lines);
            if empty == 0 {
                return Ok(());
            }
        }
    }

    /// Goes on with the next line, whatever was being read.
    fn skip_line(&mut self) -> io::Result<()> {
        self.parser.reset();
        loop {
            let input = input(&mut self.file, &self.again, self.again_from)?;
            let end = input.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(input.len(), |end| end + 1);
            self.consume(used, u64::from(end.is_some()));
            if end.is_some() || used == 0 {
                return Ok(());
            }
        }
    }

    pub(super) fn field(&self, place: usize) -> &[u8] {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.text[start..self.ends[place]]
    }
}

/// What comes next: of what is read again, else of the file.
fn input<'a>(file: &'a mut impl BufRead, again: &'a [u8], from: usize) -> io::Result<&'a [u8]> {
    if again.is_empty() { file.fill_buf() } else { Ok(&again[from..again.len().min(from + BUFFER)]) }
}

fn line_ends(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
