//! What callers prefer, as RFC 7240 writes it: whether they wait, and for how long.

use std::{fmt, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header of a request.
pub const PREFER: HeaderName = HeaderName::from_static("prefer");
/// The header of an answer that says what of it was done.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Those preferences of a request that mean something here. The others are ignored, as is whatever cannot be read: a
/// preference is nobody's error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `respond-async`: not to wait for the answer.
    pub respond_async: bool,
    /// `wait=N`: to wait so many seconds, and no longer.
    pub wait: Option<u32>,
}

/// What was done of a caller's preferences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied(Preferences);

impl Preferences {
    /// Reads all `Prefer` headers of a request. Of a preference that is there several times, the first counts.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut preferences = Self::default();
        let (mut seen_async, mut seen_wait) = (false, false);
        for value in headers.get_all(PREFER) {
            for (name, value) in (Scanner { rest: value.as_bytes() }) {
                if name.eq_ignore_ascii_case(b"respond-async") && !seen_async {
                    seen_async = true;
                    // It has no value; an empty one is none.
                    preferences.respond_async = value.is_empty();
                } else if name.eq_ignore_ascii_case(b"wait") && !seen_wait {
                    seen_wait = true;
                    preferences.wait = seconds(&value);
                }
            }
        }
        preferences
    }

    /// Whether the call is to be a task, which outlives the request.
    #[must_use]
    pub fn task(self) -> bool {
        self.respond_async || self.wait.is_some()
    }

    /// How long to wait for the answer, no longer than `most`; and what is then said to have been done.
    #[must_use]
    pub fn bounded(self, most: Duration) -> (Duration, Self) {
        let most = u32::try_from(most.as_secs()).unwrap_or(u32::MAX);
        let wait = self.wait.map(|wait| wait.min(most));
        (Duration::from_secs(u64::from(wait.unwrap_or(0))), Self { wait, ..self })
    }

    /// Said with an answer that came while the caller waited: none if nothing was waited for.
    #[must_use]
    pub fn waited(self) -> Option<Applied> {
        self.wait.map(|_| Applied(Self { respond_async: false, ..self }))
    }

    /// Said with the word that there will be an answer.
    #[must_use]
    pub fn deferred(self) -> Applied {
        Applied(self)
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.respond_async, self.0.wait) {
            (true, Some(wait)) => write!(formatter, "respond-async, wait={wait}"),
            (true, None) => formatter.write_str("respond-async"),
            (false, Some(wait)) => write!(formatter, "wait={wait}"),
            (false, None) => Ok(()),
        }
    }
}

impl From<Applied> for HeaderValue {
    fn from(applied: Applied) -> Self {
        Self::try_from(applied.to_string()).expect("tokens and digits")
    }
}

/// `delta-seconds`: digits, however many.
fn seconds(value: &[u8]) -> Option<u32> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |sum: u32, digit: &u8| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    Some(value.iter().fold(0, digit))
}

/// The preferences of one header, by name and value without quotes; empty where there is none. What cannot be read ends at the
/// next comma that stands in no quotes.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Scanner<'a> {
    type Item = (&'a [u8], Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while let [b',' | b' ' | b'\t', rest @ ..] = self.rest {
                self.rest = rest;
            }
            if self.rest.is_empty() {
                return None;
            }
            let start = self.rest;
            if let Some(found) = self.preference() {
                return Some(found);
            }
            self.rest = start;
            self.skip();
        }
    }
}

impl<'a> Scanner<'a> {
    /// `preference *( OWS ";" OWS [ parameter ] )` up to the end or a comma.
    fn preference(&mut self) -> Option<(&'a [u8], Vec<u8>)> {
        let found = self.pair()?;
        loop {
            self.blanks();
            match self.rest {
                [] | [b',', ..] => return Some(found),
                [b';', rest @ ..] => self.rest = rest,
                _ => return None,
            }
            self.blanks();
            if !matches!(self.rest, [] | [b',' | b';', ..]) {
                // Nothing that is known here has parameters.
                self.pair()?;
            }
        }
    }

    /// `token [ BWS "=" BWS word ]`.
    fn pair(&mut self) -> Option<(&'a [u8], Vec<u8>)> {
        let name = self.token()?;
        self.blanks();
        let [b'=', rest @ ..] = self.rest else { return Some((name, Vec::new())) };
        self.rest = rest;
        self.blanks();
        match self.rest {
            [b'"', ..] => Some((name, self.quoted()?)),
            // No value after all.
            [] | [b',' | b';', ..] => Some((name, Vec::new())),
            _ => Some((name, self.token()?.to_vec())),
        }
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|sign| !is_token(*sign)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        if token.is_empty() { None } else { Some(token) }
    }

    /// Between two quotes, where a backslash makes the next sign mean itself.
    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        let mut signs = self.rest.iter().enumerate().skip(1);
        while let Some((place, sign)) = signs.next() {
            match sign {
                b'"' => {
                    self.rest = &self.rest[place + 1..];
                    return Some(text);
                }
                b'\\' => text.push(*signs.next()?.1),
                sign => text.push(*sign),
            }
        }
        None
    }

    fn blanks(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn skip(&mut self) {
        let (mut quoted, mut escaped) = (false, false);
        let end = self.rest.iter().position(|sign| {
            match sign {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' if !quoted => return true,
                _ => {}
            }
            false
        });
        self.rest = &self.rest[end.unwrap_or(self.rest.len())..];
    }
}

fn is_token(sign: u8) -> bool {
    sign.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&sign)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue};

    use super::{PREFER, Preferences};

    fn of(values: &[&str]) -> (bool, Option<u32>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let Preferences { respond_async, wait } = Preferences::of(&headers);
        (respond_async, wait)
    }

    #[test]
    fn preferences_are_read_as_the_standard_writes_them() {
        for (values, expected) in [
            (&[][..], (false, None)),
            (&[""], (false, None)),
            (&["respond-async"], (true, None)),
            (&["Respond-Async"], (true, None)),
            (&["respond-async, wait=10"], (true, Some(10))),
            (&["wait=10"], (false, Some(10))),
            (&["wait = 10 , respond-async"], (true, Some(10))),
            (&["wait=\"10\""], (false, Some(10))),
            (&["wait=\"1\\0\""], (false, Some(10))),
            (&["wait=0"], (false, Some(0))),
            (&["wait=007"], (false, Some(7))),
            (&["wait=99999999999999999999"], (false, Some(u32::MAX))),
            // Several headers are one list.
            (&["respond-async", "wait=100"], (true, Some(100))),
            (&["foo; bar", "handling=lenient, , ,respond-async"], (true, None)),
            // The first of a kind counts.
            (&["wait=5, wait=9"], (false, Some(5))),
            (&["wait=5", "wait=9"], (false, Some(5))),
            (&["wait=x, wait=9"], (false, None)),
            // No value and an empty one are the same.
            (&["respond-async="], (true, None)),
            (&["respond-async=\"\""], (true, None)),
            (&["respond-async=yes"], (false, None)),
            (&["wait"], (false, None)),
            (&["wait=\"\""], (false, None)),
            // Parameters, known to nobody.
            (&["respond-async; a; b=c ;d = \"e,f\";"], (true, None)),
            (&["foo=\"wait=1, respond-async\", wait=2"], (false, Some(2))),
            (&["foo; wait=3"], (false, None)),
            // What cannot be read costs its own element only.
            (&["wait=-1, respond-async"], (true, None)),
            (&["wait=1.5"], (false, None)),
            (&["wait=1 2, respond-async"], (true, None)),
            (&["=5, respond-async"], (true, None)),
            (&["@, \"quoted, respond-async\", wait=4"], (false, Some(4))),
            (&["foo=\"open, respond-async", "wait=4"], (false, Some(4))),
            (&["foo=\"open\\"], (false, None)),
            (&["return=minimal;, respond-async"], (true, None)),
            (&["respond-async;=x, wait=4"], (false, Some(4))),
            (&["respond-asynchronously"], (false, None)),
        ] {
            assert_eq!(of(values), expected, "{values:?}");
        }
    }

    #[test]
    fn what_is_applied_is_said() {
        let both = Preferences { respond_async: true, wait: Some(100) };
        let (time, both) = both.bounded(Duration::from_secs(60));
        assert_eq!(time, Duration::from_secs(60));
        assert_eq!(both.deferred().to_string(), "respond-async, wait=60");
        assert_eq!(both.waited().unwrap().to_string(), "wait=60");
        let at_once = Preferences { respond_async: true, wait: None };
        assert_eq!(at_once.bounded(Duration::from_secs(60)).0, Duration::ZERO);
        assert_eq!(at_once.deferred().to_string(), "respond-async");
        assert_eq!(at_once.waited(), None);
    }
}
