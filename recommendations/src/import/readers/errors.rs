//! What was not stored, as a file of the same format that can be mended and imported again.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::{
    Bad, Opening,
    table::{REASON, quoted},
};

/// Writes bad rows as they were, each with its line and what is wrong at the end: in CSV in a last column, in JSON in a
/// last field. Importing the file once it is mended takes no notice of either.
pub struct Errors<W> {
    to: W,
    separator: Option<u8>,
}

impl<W: Write> Errors<W> {
    /// Begins the file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn new(mut to: W, opening: &Opening) -> io::Result<Self> {
        if !opening.header.is_empty() {
            to.write_all(&opening.header)?;
            to.write_all(b"\n")?;
        }
        Ok(Self { to, separator: opening.separator })
    }

    /// Writes a row, whose record must be held.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn row(&mut self, bad: &Bad) -> io::Result<()> {
        let reason = format!("line {}: {}", bad.line, bad.reason);
        let mut line = match self.separator {
            Some(separator) => {
                let mut line = bad.raw.clone();
                line.push(separator);
                quoted(&mut line, reason.as_bytes(), separator);
                line
            }
            None => object(&bad.raw, reason),
        };
        line.push(b'\n');
        self.to.write_all(&line)
    }

    /// Where it was written.
    pub fn into_inner(self) -> W {
        self.to
    }

    /// Hands all of it on.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The object with the reason; what is none is kept as text.
fn object(raw: &[u8], reason: String) -> Vec<u8> {
    let mut object = match serde_json::from_slice(raw) {
        Ok(Value::Object(object)) => object,
        _ if raw.is_empty() => Map::new(),
        _ => {
            let text = String::from_utf8_lossy(raw).into_owned();
            Map::from_iter([("text".to_owned(), Value::String(text))])
        }
    };
    object.remove(REASON);
    // Fields are sorted by name where they are parsed, so the last one is written by hand.
    let mut line = Value::Object(object).to_string();
    line.pop();
    if line.len() > 1 {
        line.push(',');
    }
    line += &format!("{}:{}}}", Value::from(REASON), Value::String(reason));
    line.into_bytes()
}
