use std::{fmt, str::FromStr};

use crate::document::{Item, Value, Wrong};

/// A type of bytes, such as `text/plain; charset=utf-8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(String);

/// Types of bytes: `image/png`, `image/*` or `*/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaRange {
    /// Empty for any.
    kind: String,
    /// Empty for any.
    form: String,
}

impl MediaRange {
    /// Whether a body of this type is one of them; what stands behind a `;` makes no difference.
    #[must_use]
    pub fn has(&self, given: &MediaType) -> bool {
        let Some((kind, form)) = parts(&given.0) else { return false };
        let is = |wanted: &str, given: &str| wanted.is_empty() || wanted.eq_ignore_ascii_case(given);
        is(&self.kind, kind) && is(&self.form, form)
    }

    /// Whether images are among them.
    #[must_use]
    pub fn has_images(&self) -> bool {
        self.kind.is_empty() || self.kind.eq_ignore_ascii_case("image")
    }
}

impl FromStr for MediaType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        match parts(text) {
            Some((kind, form)) if visible && kind != "*" && form != "*" => Ok(Self(text.to_owned())),
            _ => Err("expected a type such as text/plain or application/json".to_owned()),
        }
    }
}

impl FromStr for MediaRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let any = |part: &str| if part == "*" { String::new() } else { part.to_owned() };
        match parts(text) {
            Some(("*", form)) if form != "*" => Err(format!("{text:?}: what is of any type is of any form")),
            Some((kind, form)) if !text.contains(|c: char| c == ';' || c.is_whitespace()) => {
                Ok(Self { kind: any(kind), form: any(form) })
            }
            _ => Err(format!("{text:?} is no type such as image/png, image/* or */*")),
        }
    }
}

impl Value for MediaRange {
    fn read(item: &Item<'_, '_>) -> Result<Self, Wrong> {
        item.text()?.parse().map_err(|why: String| item.wrong(why))
    }
}

/// As it was written.
impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for MediaRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &'_ str| if part.is_empty() { "*".to_owned() } else { part.to_owned() };
        write!(formatter, "{}/{}", part(&self.kind), part(&self.form))
    }
}

/// What stands on both sides of the slash, if both are tokens.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (kind, form) = text.split(';').next()?.trim().split_once('/')?;
    let token = |part: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !part.is_empty() && part.bytes().all(letter)
    };
    (token(kind) && token(form)).then_some((kind, form))
}

#[cfg(test)]
mod tests {
    use super::{MediaRange, MediaType};

    #[test]
    fn ranges_hold_types() {
        for (range, given, holds) in [
            ("image/*", "image/png", true),
            ("image/*", "IMAGE/JPEG; q=1", true),
            ("image/*", "text/plain", false),
            ("image/png", "image/png", true),
            ("image/png", "image/jpeg", false),
            ("*/*", "a/b", true),
        ] {
            let parsed: MediaRange = range.parse().unwrap();
            assert_eq!(parsed.has(&given.parse().unwrap()), holds, "{range} {given}");
            assert_eq!(parsed.to_string(), range);
        }
        for bad in ["", "image", "image/", "/png", "*/png", "image/png; q=1", "a b/c", "image/png\r\n"] {
            assert!(bad.parse::<MediaRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_type_is_one_that_a_header_can_say() {
        for good in ["text/plain", "text/plain; charset=utf-8", "application/vnd.x+json"] {
            assert_eq!(good.parse::<MediaType>().unwrap().to_string(), good);
        }
        for bad in ["", "text", "text/*", "*/*", "text/plain; x=\n", "text/plain\r\nset-cookie: x", "té/x"] {
            assert!(bad.parse::<MediaType>().is_err(), "{bad}");
        }
    }
}
