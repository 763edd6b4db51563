//! TOML files as people write them: a fault is told with file, line, key and value, and a misspelt key with what it was likely
//! meant to be.

mod fill;
mod item;
mod nearest;
mod units;

use std::{collections::BTreeSet, fmt, rc::Rc};

use ::toml::{
    Spanned,
    de::{DeTable, DeValue},
};

pub use item::{Item, Value};
pub use units::{Size, size};

use nearest::nearest;

/// Longer values are cut where a fault shows them.
const SHOWN: usize = 60;

/// What is wrong in a file, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Wrong {
    file: String,
    line: usize,
    /// `limits.memory`, and what is written there; neither where the file is no TOML.
    at: Option<(String, Option<String>)>,
    why: String,
}

/// A table that is read by taking all its keys out. What is left at the end is unknown.
///
/// ```
/// # use functions::document::{Size, Table};
/// let mut file = Table::parse("gojson.toml", "[limits]\nmemory = \"64MiB\"")?;
/// let mut limits = file.table("limits")?.expect("it has one");
/// assert_eq!(limits.take::<Size>("memory")?, Some(Size(64 << 20)));
/// limits.end()?;
/// file.end()?;
/// # Ok::<(), functions::document::Wrong>(())
/// ```
#[derive(Debug)]
pub struct Table<'i> {
    source: Rc<Source<'i>>,
    /// What stands before the keys in faults: empty, or `limits.`
    prefix: String,
    /// Where the table begins.
    start: usize,
    entries: DeTable<'i>,
    /// What was asked for, and where it stood if it was there.
    asked: Vec<(&'static str, Option<Place>)>,
}

/// What a variable holds, if it is set.
type Variable<'v> = &'v dyn Fn(&str) -> Option<String>;

/// Where a value stood, and how it is shown.
#[derive(Clone, Debug)]
struct Place {
    start: usize,
    shown: Option<String>,
}

/// A file with its name.
#[derive(Debug)]
struct Source<'i> {
    name: String,
    text: &'i str,
    /// Where the strings begin that hold a variable's value: they may stand for numbers.
    filled: BTreeSet<usize>,
    /// Keys whose values are shown to nobody, nor is what lies in tables and arrays of these names.
    secret: BTreeSet<&'static str>,
}

impl<'i> Table<'i> {
    /// The whole of a file. `name` is what faults call it.
    ///
    /// # Errors
    ///
    /// If it is no TOML.
    pub fn parse(name: &str, text: &'i str) -> Result<Self, Wrong> {
        Self::read(name, text, None, &[])
    }

    /// As [`parse`](Self::parse), but that faults show no value of the keys in `secret`, or of what lies within them.
    ///
    /// # Errors
    ///
    /// If it is no TOML.
    pub fn parse_hiding(name: &str, text: &'i str, secret: &[&'static str]) -> Result<Self, Wrong> {
        Self::read(name, text, None, secret)
    }

    /// As [`parse_hiding`](Self::parse_hiding), with `${NAME}` and `${NAME:-default}` in strings replaced by what `variable`
    /// gives. Such a string may stand for a number or a boolean, too.
    ///
    /// # Errors
    ///
    /// If it is no TOML, or a variable is absent that has no default.
    pub fn parse_with(
        name: &str,
        text: &'i str,
        variable: &dyn Fn(&str) -> Option<String>,
        secret: &[&'static str],
    ) -> Result<Self, Wrong> {
        Self::read(name, text, Some(variable), secret)
    }

    fn read(
        name: &str,
        text: &'i str,
        variable: Option<Variable<'_>>,
        secret: &[&'static str],
    ) -> Result<Self, Wrong> {
        let secret = secret.iter().copied().collect();
        let mut source = Source { name: name.to_owned(), text, filled: BTreeSet::new(), secret };
        let mut entries = match DeTable::parse(text) {
            Ok(entries) => entries.into_inner(),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                let mut why = format!("not TOML: {}", error.message());
                if variable.is_some() && source.line_at(at).contains("${") {
                    why.push_str("; a value with ${…} stands in quotes");
                }
                return Err(Wrong { line: source.line(at), file: source.name, at: None, why });
            }
        };
        if let Some(variable) = variable {
            fill::table(&mut entries, "", variable, &mut source)?;
        }
        let source = Rc::new(source);
        Ok(Self { source, prefix: String::new(), start: 0, entries, asked: Vec::new() })
    }

    /// The value of a key, if it is there.
    ///
    /// # Errors
    ///
    /// If it is none of that type.
    pub fn take<T: Value>(&mut self, key: &'static str) -> Result<Option<T>, Wrong> {
        self.take_item(key, |item| T::read(item))
    }

    /// The value of a key, which is a string that `read` understands.
    ///
    /// # Errors
    ///
    /// If it is no string, or `read` says so.
    pub fn take_with<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Wrong> {
        self.take_item(key, |item| read(item.text()?).map_err(|why| item.wrong(why)))
    }

    /// The value of a key as `read` understands it.
    ///
    /// # Errors
    ///
    /// What `read` says.
    pub fn take_item<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Item<'_, 'i>) -> Result<T, Wrong>,
    ) -> Result<Option<T>, Wrong> {
        let Some(value) = self.remove(key) else { return Ok(None) };
        read(&Item { source: &self.source, key: format!("{}{key}", self.prefix), value: &value }).map(Some)
    }

    /// A table within this one.
    ///
    /// # Errors
    ///
    /// If the key is there and no table.
    pub fn table(&mut self, key: &'static str) -> Result<Option<Self>, Wrong> {
        let Some(value) = self.remove(key) else { return Ok(None) };
        self.within(key.to_owned(), value).map(Some)
    }

    /// The tables of an array of tables (`[[routes]]`), in their order. None if the key is absent.
    ///
    /// # Errors
    ///
    /// If the key is there and anything else.
    pub fn tables(&mut self, key: &'static str) -> Result<Vec<Self>, Wrong> {
        let Some(value) = self.remove(key) else { return Ok(Vec::new()) };
        match value.into_inner() {
            DeValue::Array(tables) => {
                let tables = tables.into_iter().zip(1..);
                tables.map(|(table, number)| self.within(format!("{key}[{number}]"), table)).collect()
            }
            _ => Err(self.wrong(key, format_args!("expected tables, each under [[{}{key}]]", self.prefix))),
        }
    }

    /// The tables within a table (`[models.birds]`), each with its name, in the order of their names. None if the key is absent.
    ///
    /// # Errors
    ///
    /// If the key is there and no table, or something within it is none.
    pub fn named(&mut self, key: &'static str) -> Result<Vec<(String, Self)>, Wrong> {
        let Some(mut named) = self.table(key)? else { return Ok(Vec::new()) };
        let entries = std::mem::replace(&mut named.entries, DeTable::new());
        let tables = entries.into_iter().map(|(name, table)| {
            let name = name.into_inner().into_owned();
            named.within(name.clone(), table).map(|table| (name, table))
        });
        tables.collect()
    }

    /// Whether the key is there and was not taken.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// That something is wrong about a key, whether it was taken or is missing.
    #[must_use]
    pub fn wrong(&self, key: &str, why: impl fmt::Display) -> Wrong {
        let taken = self.asked.iter().find(|(asked, _)| *asked == key).and_then(|(_, place)| place.clone());
        let left = || {
            let (name, value) = self.entries.get_key_value(key)?;
            let key = format!("{}{key}", self.prefix);
            Some(Place { start: name.span().start, shown: self.source.shown(&key, value) })
        };
        let place = taken.or_else(left).unwrap_or(Place { start: self.start, shown: None });
        Wrong {
            file: self.source.name.clone(),
            line: self.source.line(place.start),
            at: Some((format!("{}{key}", self.prefix), place.shown)),
            why: why.to_string(),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// If there is a key that nobody has asked for: the first one in the file, with the known key that is most like it. Its value
    /// is not shown: it is not what is wrong, and nobody knows whether it is secret.
    pub fn end(self) -> Result<(), Wrong> {
        let Some(key) = self.entries.keys().min_by_key(|key| key.span().start) else { return Ok(()) };
        let known = self.asked.iter().map(|(key, _)| *key);
        let why = match nearest(key.get_ref(), known.clone()) {
            Some(meant) => format!("unknown; did you mean {meant}?"),
            None => format!("unknown; known are {}", known.collect::<Vec<_>>().join(", ")),
        };
        let Wrong { file, line, at, why } = self.wrong(key.get_ref(), why);
        Err(Wrong { file, line, at: at.map(|(key, _)| (key, None)), why })
    }

    fn remove(&mut self, key: &'static str) -> Option<Spanned<DeValue<'i>>> {
        let value = self.entries.remove(key);
        let whole = format!("{}{key}", self.prefix);
        let place = value
            .as_ref()
            .map(|value| Place { start: value.span().start, shown: self.source.shown(&whole, value) });
        self.asked.push((key, place));
        value
    }

    fn within(&self, key: String, value: Spanned<DeValue<'i>>) -> Result<Self, Wrong> {
        let start = value.span().start;
        let key = format!("{}{key}", self.prefix);
        let why = Item { source: &self.source, key: key.clone(), value: &value }.wrong("expected a table");
        let DeValue::Table(entries) = value.into_inner() else { return Err(why) };
        let source = Rc::clone(&self.source);
        Ok(Self { source, prefix: format!("{key}."), start, entries, asked: Vec::new() })
    }
}

impl Source<'_> {
    /// The number of a line, from 1.
    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count()
    }

    /// The line itself.
    fn line_at(&self, at: usize) -> &str {
        self.text.lines().nth(self.line(at) - 1).unwrap_or_default()
    }

    /// A value as it is written, in one line; as it was filled in, where a variable stood in it. `key` has the tables around it.
    fn shown(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        // `folders[1]` is `folders`.
        let mut names = key.split(['.', '[']);
        if names.any(|name| self.secret.contains(name)) {
            return None;
        }
        let shown = match value.get_ref() {
            DeValue::String(text) if self.filled.contains(&value.span().start) => format!("{text:?}"),
            // The span of a table is that of its head.
            DeValue::Table(_) => return None,
            _ => self.text.get(value.span())?.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        Some(match shown.char_indices().nth(SHOWN) {
            Some((at, _)) => format!("{}…", &shown[..at]),
            None => shown,
        })
    }
}

impl Wrong {
    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The key with the tables around it, such as `limits.memory`; none where the file is no TOML.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.at.as_ref().map(|(key, _)| key.as_str())
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: ", self.file, self.line)?;
        match &self.at {
            Some((key, Some(value))) => write!(formatter, "{} = {value}: ", key.escape_debug())?,
            Some((key, None)) => write!(formatter, "{}: ", key.escape_debug())?,
            None => {}
        }
        formatter.write_str(&self.why)
    }
}

#[cfg(test)]
mod tests;
