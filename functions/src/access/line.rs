use std::{
    fmt::Write as _,
    io::Write as _,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use http::{HeaderValue, Method, Uri, Version};

/// The longest address that is written whole: the longest that a request may have.
const MOST_ADDRESS: usize = 8 * 1024;
/// The longest of what else a client says.
const MOST_TOLD: usize = 1024;
/// What nginx writes for a client that has gone before it was answered; HTTP has no number for it.
const GONE: u16 = 499;

/// What is known of a request at its end.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) peer: Option<IpAddr>,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) referer: Option<HeaderValue>,
    pub(super) agent: Option<HeaderValue>,
    pub(super) id: Option<HeaderValue>,
    pub(super) at: SystemTime,
    pub(super) took: Duration,
    /// None: the client did not wait for it.
    pub(super) status: Option<u16>,
    /// Of the body, as far as it was sent.
    pub(super) bytes: u64,
}

/// Dates in Apache's form, each second made once.
#[derive(Debug, Default)]
pub(super) struct Dates {
    second: u64,
    text: String,
}

impl Line {
    /// Appends it.
    pub(super) fn write(&self, dates: &mut Dates, out: &mut Vec<u8>) {
        // Memory takes everything.
        let mut put = |arguments: std::fmt::Arguments<'_>| out.write_fmt(arguments).expect("memory");
        match self.peer {
            Some(peer) => put(format_args!("{peer}")),
            None => put(format_args!("-")),
        }
        put(format_args!(" - - [{}] \"", dates.of(self.at)));
        escaped(self.method.as_str().as_bytes(), MOST_TOLD, out);
        out.push(b' ');
        let address = self.uri.path_and_query().map_or("/", |address| address.as_str());
        escaped(address.as_bytes(), MOST_ADDRESS, out);
        let mut put = |arguments: std::fmt::Arguments<'_>| out.write_fmt(arguments).expect("memory");
        put(format_args!(" {:?}\" {} ", self.version, self.status.unwrap_or(GONE)));
        match self.bytes {
            0 => put(format_args!("-")),
            bytes => put(format_args!("{bytes}")),
        }
        for told in [&self.referer, &self.agent] {
            out.extend_from_slice(b" \"");
            escaped(told.as_ref().map_or(b"-", |told| told.as_bytes()), MOST_TOLD, out);
            out.push(b'"');
        }
        out.write_fmt(format_args!(" {} ", self.took.as_micros())).expect("memory");
        escaped(self.id.as_ref().map_or(b"-", |id| id.as_bytes()), MOST_TOLD, out);
        out.push(b'\n');
    }
}

impl Dates {
    fn of(&mut self, time: SystemTime) -> &str {
        let second = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.text.is_empty() || self.second != second {
            self.second = second;
            self.text.clear();
            let date = DateTime::<Utc>::from_timestamp(second as i64, 0).unwrap_or_default();
            write!(self.text, "{}", date.format("%d/%b/%Y:%H:%M:%S +0000"))
                .expect("a string takes everything");
        }
        &self.text
    }
}

/// As Apache escapes what comes from outside: nobody writes a line of his own, or into a terminal.
fn escaped(bytes: &[u8], most: usize, out: &mut Vec<u8>) {
    for &byte in bytes.iter().take(most) {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b' '..=b'~' => out.push(byte),
            _ => out.write_fmt(format_args!("\\x{byte:02x}")).expect("memory"),
        }
    }
    if bytes.len() > most {
        out.extend_from_slice(b"...");
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::{HeaderValue, Method, Uri, Version};

    use super::{Dates, Line};

    fn line() -> Line {
        Line {
            peer: Some([127, 0, 0, 1].into()),
            method: Method::GET,
            uri: Uri::from_static("/gojson?a=1"),
            version: Version::HTTP_11,
            referer: None,
            agent: Some(HeaderValue::from_static("curl/8.7.1")),
            id: Some(HeaderValue::from_static("5c2e")),
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(971_186_136),
            took: Duration::from_micros(842),
            status: Some(200),
            bytes: 58,
        }
    }

    fn written(line: &Line) -> String {
        let mut out = Vec::new();
        line.write(&mut Dates::default(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn it_has_apaches_combined_form_with_time_and_id() {
        assert_eq!(
            written(&line()),
            "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"GET /gojson?a=1 HTTP/1.1\" 200 58 \"-\" \"curl/8.7.1\" 842 5c2e\n"
        );
        let bare = Line {
            peer: None,
            agent: None,
            id: None,
            status: None,
            bytes: 0,
            version: Version::HTTP_2,
            ..line()
        };
        assert_eq!(
            written(&bare),
            "- - - [10/Oct/2000:13:55:36 +0000] \"GET /gojson?a=1 HTTP/2.0\" 499 - \"-\" \"-\" 842 -\n"
        );
    }

    #[test]
    fn nobody_writes_lines_of_his_own() {
        let evil = HeaderValue::from_bytes(b"a\"b\\c\td\x80\xff").unwrap();
        let text = written(&Line { agent: Some(evil), ..line() });
        assert!(text.contains("\"a\\\"b\\\\c\\td\\x80\\xff\""), "{text}");
        let long = HeaderValue::from_str(&"x".repeat(5_000)).unwrap();
        let text = written(&Line { referer: Some(long), ..line() });
        assert!(text.len() < 1_300 && text.contains("x...\"") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn dates_follow_the_clock() {
        let mut dates = Dates::default();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(dates.of(at(0)), "01/Jan/1970:00:00:00 +0000");
        assert_eq!(dates.of(at(1)), "01/Jan/1970:00:00:01 +0000");
        assert_eq!(dates.of(at(1_709_164_800)), "29/Feb/2024:00:00:00 +0000");
    }
}
