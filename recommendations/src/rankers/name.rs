use std::{fmt, str::FromStr};

/// The longest name, as functions have them.
const LONGEST: usize = 63;

/// The name of a function that ranks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankerName(String);

impl RankerName {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RankerName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let first = text.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        if first && text.len() <= LONGEST && text.bytes().all(sign) {
            Ok(Self(text.to_owned()))
        } else {
            Err(
                "not a function's name: 1 to 63 of the letters a to z, 0 to 9 and -, the first of them a letter",
            )
        }
    }
}

impl fmt::Display for RankerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
