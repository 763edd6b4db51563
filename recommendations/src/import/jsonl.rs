//! A JSON object a line.

use std::io::{self, BufRead};

use serde::Deserialize;
use serde_json::Value;

use super::{MAX_RECORD, Rejection, Rows, row::Fields};

pub(super) struct Jsonl<R> {
    file: R,
    pub(super) buffer: Vec<u8>,
    line: u64,
    pub(super) bytes: u64,
}

/// A line as it is written; `null` is as good as nothing.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Object {
    id: Option<i64>,
    title: Option<String>,
    title_language: Option<String>,
    authors: Option<Vec<String>>,
    year: Option<i64>,
    language: Option<String>,
    series: Option<String>,
    series_number: Option<f64>,
    categories: Option<Vec<String>>,
    subjects: Option<Vec<String>>,
    isbn13: Option<String>,
    isbn: Option<String>,
}

impl<R: BufRead> Jsonl<R> {
    pub(super) fn new(file: R) -> Self {
        Self { file, buffer: Vec::new(), line: 0, bytes: 0 }
    }

    /// Reads the next line that is not empty into the buffer: its number, and whether it fitted. `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<(u64, bool)>> {
        loop {
            let Some(fitted) = self.line()? else { return Ok(None) };
            self.line += 1;
            if !fitted || !self.buffer.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some((self.line, fitted)));
            }
        }
    }

    /// Reads one line into the buffer, up to the limit. `None` at the end, else whether it fitted.
    fn line(&mut self) -> io::Result<Option<bool>> {
        self.buffer.clear();
        let mut read = 0;
        loop {
            let input = self.file.fill_buf()?;
            if input.is_empty() {
                self.bytes += read as u64;
                return Ok((read > 0).then_some(read <= MAX_RECORD));
            }
            let end = input.iter().position(|&byte| byte == b'\n');
            let piece = end.map_or(input.len(), |end| end + 1);
            if read + piece <= MAX_RECORD {
                self.buffer.extend_from_slice(&input[..piece]);
            }
            self.file.consume(piece);
            read += piece;
            if end.is_some() {
                self.bytes += read as u64;
                return Ok(Some(read <= MAX_RECORD));
            }
        }
    }
}

impl<R: BufRead> Rows for Jsonl<R> {
    fn next(&mut self) -> io::Result<Option<(u64, Result<Fields, Rejection>)>> {
        let Some((line, fitted)) = self.next_line()? else { return Ok(None) };
        let fields = if fitted { parse(&self.buffer) } else { Err(Rejection::TooLong) };
        Ok(Some((line, fields)))
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn parse(line: &[u8]) -> Result<Fields, Rejection> {
    let line = std::str::from_utf8(line).map_err(|_| Rejection::NotUtf8)?;
    // The parser would also take an array of the fields' values.
    if !line.trim_start().starts_with('{') {
        return Err(Rejection::Json("is not a JSON object".to_owned()));
    }
    let object: Object = serde_json::from_str(line).map_err(|_| Rejection::Json(wrong(line)))?;
    Ok(Fields {
        id: object.id,
        title: object.title.unwrap_or_default(),
        title_language: object.title_language.unwrap_or_default(),
        authors: object.authors.unwrap_or_default(),
        year: object.year,
        language: object.language.unwrap_or_default(),
        series: object.series.unwrap_or_default(),
        series_number: object.series_number,
        categories: object.categories.unwrap_or_default(),
        subjects: object.subjects.unwrap_or_default(),
        isbn: object.isbn13.filter(|isbn| !isbn.is_empty()).or(object.isbn).unwrap_or_default(),
    })
}

/// What is wrong with a line that is no [`Object`], in words for who wrote the file.
fn wrong(line: &str) -> String {
    let object = match serde_json::from_str(line) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return "is not a JSON object".to_owned(),
        Err(error) if error.is_eof() => return "is not JSON: it ends too early".to_owned(),
        Err(error) => return format!("is not JSON from column {} on", error.column()),
    };
    for (field, value) in &object {
        let kind = match field.as_str() {
            "id" | "year" if !value.is_i64() => "a whole number",
            "series_number" if !value.is_number() => "a number",
            "title" | "title_language" | "language" | "series" | "isbn13" | "isbn" if !value.is_string() => {
                "a text in quotes"
            }
            "authors" | "categories" | "subjects"
                if !value.as_array().is_some_and(|texts| texts.iter().all(Value::is_string)) =>
            {
                "an array of texts"
            }
            _ => continue,
        };
        if !value.is_null() {
            return format!("`{field}` must be {kind}");
        }
    }
    "names a field twice".to_owned()
}
