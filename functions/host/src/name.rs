//! What functions may be called.

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr, sync::Arc};

/// Addresses of the service itself, so names that no function can have.
pub const RESERVED: [&str; 6] = ["functions", "tasks", "static", "api", "dapr", "healthz"];

/// The longest name, in bytes.
const LONGEST: usize = 63;

/// What a function is called: `[a-z][a-z0-9-]{0,62}`, and none of [`RESERVED`]. Clones are cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// The text is no name of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It has other letters, or too many.
    #[error("a function's name is 1 to 63 of the letters a to z, 0 to 9 and -, the first of them a letter")]
    Letters,
    /// It is an address of the service itself.
    #[error("functions, tasks, static, api, dapr and healthz are addresses of the service itself")]
    Reserved,
}

/// Whether it is `[a-z][a-z0-9-]{0,62}`.
pub(crate) fn is_plain(text: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    first && text.len() <= LONGEST && text.bytes().all(allowed)
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if !is_plain(text) {
            return Err(BadName::Letters);
        }
        if RESERVED.contains(&text) {
            return Err(BadName::Reserved);
        }
        Ok(Self(text.into()))
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{BadName, Name, RESERVED};

    #[test]
    fn a_name_is_an_address() {
        let longest = "a".repeat(63);
        for good in ["a", "gojson", "a-1-", "api2", "task", &longest] {
            assert_eq!(good.parse::<Name>().as_deref(), Ok(good));
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            "A",
            "1a",
            "-a",
            "a_b",
            "a.b",
            "a/b",
            "..",
            "a b",
            "a\n",
            "a%2f",
            "é",
            "aé",
            "gojson.wasm",
            &long,
        ] {
            assert_eq!(bad.parse::<Name>(), Err(BadName::Letters), "{bad}");
        }
        for reserved in RESERVED {
            assert_eq!(reserved.parse::<Name>(), Err(BadName::Reserved));
            assert!(BadName::Reserved.to_string().contains(reserved));
        }
    }
}
