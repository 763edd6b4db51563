use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use ::toml::{Spanned, de::DeValue};
use service::config::duration;

use super::{Size, Source, Wrong, size};

/// A value in a file.
#[derive(Debug)]
pub struct Item<'a, 'i> {
    pub(super) source: &'a Source<'i>,
    pub(super) key: String,
    pub(super) value: &'a Spanned<DeValue<'i>>,
}

/// What a value of a file may be read as.
pub trait Value: Sized {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// If it is something else.
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong>;
}

impl<'a, 'i> Item<'a, 'i> {
    /// That something is wrong with it.
    #[must_use]
    pub fn wrong(&self, why: impl fmt::Display) -> Wrong {
        Wrong {
            file: self.source.name.clone(),
            line: self.source.line(self.value.span().start),
            at: Some((self.key.clone(), self.source.shown(&self.key, self.value))),
            why: why.to_string(),
        }
    }

    /// A string.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn text(&self) -> Result<&'a str, Wrong> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong("expected a text in quotes")),
        }
    }

    /// A whole number from `least` to `most`.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn whole(&self, least: u64, most: u64) -> Result<u64, Wrong> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok(),
            DeValue::String(text) if self.filled() => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.wrong("expected a whole number"))?;
        let fits = u64::try_from(number).ok().filter(|number| (least..=most).contains(number));
        fits.ok_or_else(|| match most {
            u64::MAX => self.wrong(format_args!("expected a whole number from {least}")),
            _ => self.wrong(format_args!("expected a whole number from {least} to {most}")),
        })
    }

    /// The values of an array.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn items(&self) -> Result<impl Iterator<Item = Item<'a, 'i>> + use<'a, 'i>, Wrong> {
        let DeValue::Array(items) = self.value.get_ref() else {
            return Err(self.wrong("expected an array"));
        };
        let (source, key) = (self.source, self.key.clone());
        Ok(items.iter().map(move |value| Item { source, key: key.clone(), value }))
    }

    /// The keys and values of a table.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn entries(&self) -> Result<impl Iterator<Item = (&'a str, Item<'a, 'i>)> + use<'a, 'i>, Wrong> {
        let DeValue::Table(entries) = self.value.get_ref() else {
            return Err(self.wrong("expected a table"));
        };
        let (source, prefix) = (self.source, self.key.clone());
        Ok(entries.iter().map(move |(key, value)| {
            let key: &'a str = key.get_ref();
            (key, Item { source, key: format!("{prefix}.{key}"), value })
        }))
    }

    /// The value as a flag of the command line would be written: a number, a boolean or a text as it is, an array's items with
    /// commas.
    ///
    /// # Errors
    ///
    /// If it is none of these.
    pub fn flag(&self) -> Result<String, Wrong> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text.clone().into_owned()),
            DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Ok(number.to_string()),
                Err(_) => Err(self.wrong("too great a number")),
            },
            DeValue::Float(number) => Ok(number.as_str().to_owned()),
            DeValue::Boolean(truth) => Ok(truth.to_string()),
            DeValue::Array(_) => {
                let items = self.items()?.map(|item| item.flag()).collect::<Result<Vec<_>, _>>()?;
                Ok(items.join(","))
            }
            DeValue::Datetime(_) | DeValue::Table(_) => Err(self.wrong("expected a text or a number")),
        }
    }

    fn filled(&self) -> bool {
        self.source.filled.contains(&self.value.span().start)
    }
}

impl Value for String {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        item.text().map(str::to_owned)
    }
}

impl Value for PathBuf {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        match item.text()? {
            "" => Err(item.wrong("expected a path")),
            path => Ok(path.into()),
        }
    }
}

impl Value for SocketAddr {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        let text = item.text()?;
        text.parse().map_err(|_| item.wrong("expected an address and a port, such as 127.0.0.1:8000"))
    }
}

impl Value for bool {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        match item.value.get_ref() {
            DeValue::Boolean(truth) => Ok(*truth),
            DeValue::String(text) if item.filled() && text == "true" => Ok(true),
            DeValue::String(text) if item.filled() && text == "false" => Ok(false),
            _ => Err(item.wrong("expected true or false")),
        }
    }
}

impl Value for u16 {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        item.whole(0, Self::MAX.into()).map(|number| number as Self)
    }
}

impl Value for u32 {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        item.whole(0, Self::MAX.into()).map(|number| number as Self)
    }
}

impl Value for u64 {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        item.whole(0, Self::MAX)
    }
}

impl Value for f64 {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        let number = match item.value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            DeValue::String(text) if item.filled() => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number: &Self| number.is_finite()).ok_or_else(|| item.wrong("expected a number"))
    }
}

/// A text such as `300ms` or `2s`.
impl Value for Duration {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        let text = match item.value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            // The fault of whoever forgets the unit.
            _ => "",
        };
        duration(text).map_err(|why| item.wrong(why))
    }
}

/// A text such as `64MiB`, or a number.
impl Value for Size {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        match item.value.get_ref() {
            DeValue::String(text) => size(text).map_err(|why| item.wrong(why)),
            _ => item.whole(0, u64::MAX).map(Self),
        }
    }
}

impl<T: Value> Value for Vec<T> {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        item.items()?.map(|item| T::read(&item)).collect()
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        item.entries()?.map(|(key, item)| Ok((key.to_owned(), T::read(&item)?))).collect()
    }
}

/// Any value; dates become texts.
impl Value for serde_json::Value {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        Ok(match item.value.get_ref() {
            DeValue::String(text) => Self::String(text.clone().into_owned()),
            DeValue::Boolean(truth) => Self::Bool(*truth),
            DeValue::Datetime(time) => Self::String(time.to_string()),
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix());
                number.map_err(|_| item.wrong("too great a number"))?.into()
            }
            DeValue::Float(_) => f64::read(item)?.into(),
            DeValue::Array(_) => Self::Array(Vec::read(item)?),
            DeValue::Table(_) => {
                let entries = item.entries()?.map(|(key, item)| Ok((key.to_owned(), Self::read(&item)?)));
                Self::Object(entries.collect::<Result<_, Wrong>>()?)
            }
        })
    }
}
