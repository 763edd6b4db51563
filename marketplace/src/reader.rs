//! Who is asking: a reader without an account, known by a signed cookie. It comes with the first rating, and there is
//! none before.
//!
//! A second cookie holds what the reader has said in the last minutes. It goes along with each question, so that the next
//! page is right whichever replica answers.

mod key;
mod session;

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue, header};

pub use key::{CookieKey, CookieKeyError};
pub(crate) use session::{Opinion, Session};

/// How long a browser keeps the reader's number, in seconds. Each thing that is said begins a new year.
const YEAR: u64 = 365 * 86_400;
/// How long what was said goes along, in seconds: far longer than replicas take to hear of it.
const SESSION: u64 = 15 * 60;
/// Clocks of replicas may differ by so many seconds.
const SKEW: u64 = 300;

/// A reader who has a cookie.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// At least 1; 0 for nobody.
    pub(crate) id: i32,
    pub(crate) session: Session,
}

/// Reads and writes both cookies.
#[derive(Debug)]
pub(crate) struct Cookies {
    key: CookieKey,
    /// Whether browsers come over HTTPS, and may send cookies nowhere else.
    secure: bool,
}

impl Reader {
    /// Somebody of whom nothing is known.
    pub(crate) fn nobody() -> Self {
        Self::new(0)
    }

    /// A reader who has said nothing yet.
    pub(crate) fn new(id: i32) -> Self {
        Self { id, session: Session::default() }
    }
}

impl Cookies {
    pub(crate) fn new(key: CookieKey, secure: bool) -> Self {
        Self { key, secure }
    }

    /// Who sent this request. What is forged, damaged or too old is no cookie.
    pub(crate) fn reader(&self, request: &HeaderMap) -> Option<Reader> {
        // Nearly everybody has none.
        if !request.contains_key(header::COOKIE) {
            return None;
        }
        let now = now();
        let id = self.find(request, self.reader_name(), |text| read_id(text, now))?;
        let session = self.find(request, self.session_name(), |text| Session::read(text, id, now - SESSION));
        Some(Reader { id, session: session.unwrap_or_default() })
    }

    /// What makes the browser remember a reader.
    pub(crate) fn remember(&self, reader: &Reader) -> [HeaderValue; 2] {
        let now = now();
        let id = self.key.sign(self.reader_name(), &format!("{}.{now}", reader.id));
        let said = self.key.sign(self.session_name(), &reader.session.write(reader.id));
        [self.cookie(self.reader_name(), &id, YEAR), self.cookie(self.session_name(), &said, SESSION)]
    }

    /// What makes the browser forget.
    pub(crate) fn forget(&self) -> [HeaderValue; 2] {
        [self.cookie(self.reader_name(), "", 0), self.cookie(self.session_name(), "", 0)]
    }

    fn cookie(&self, name: &str, value: &str, age: u64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(text).expect("letters, digits and punctuation")
    }

    /// The first cookie of this name that is ours and can be read.
    fn find<T>(&self, request: &HeaderMap, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        sent(request, name).find_map(|value| read(self.key.open(name, value)?))
    }

    /// Browsers take the prefix only over HTTPS and for this very host: a neighbouring one cannot plant it.
    fn reader_name(&self) -> &'static str {
        if self.secure { "__Host-reader" } else { "reader" }
    }

    fn session_name(&self) -> &'static str {
        if self.secure { "__Host-said" } else { "said" }
    }
}

/// The values that a browser has sent for a cookie of this name.
pub(crate) fn sent<'a>(request: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = request.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(known, _)| *known == name).map(|(_, value)| value)
}

fn read_id(text: &str, now: u64) -> Option<i32> {
    let (id, issued) = text.split_once('.')?;
    let (id, issued): (i32, u64) = (id.parse().ok()?, issued.parse().ok()?);
    let age = (now + SKEW).checked_sub(issued)?;
    (id > 0 && age <= YEAR + SKEW).then_some(id)
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(SESSION, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{Cookies, Opinion, Reader, YEAR, now, read_id};

    fn cookies(key: &str, secure: bool) -> Cookies {
        Cookies::new(key.repeat(32).parse().unwrap(), secure)
    }

    /// What a browser sends back of what it was told.
    fn sent(told: &[HeaderValue]) -> HeaderMap {
        let pairs: Vec<_> =
            told.iter().map(|line| line.to_str().unwrap().split(';').next().unwrap()).collect();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(pairs.join("; ")).unwrap())])
    }

    #[test]
    fn a_browser_is_known_again() {
        for secure in [false, true] {
            let cookies = cookies("k", secure);
            let mut reader = Reader::new(1_000_000_007);
            let opinion = Opinion { halves: 9, shelf: 3, owned: true, ..Opinion::default() };
            reader.session.say(7, opinion);
            let told = cookies.remember(&reader);
            for line in &told {
                let line = line.to_str().unwrap();
                assert!(
                    line.contains("; Path=/; Max-Age=") && line.contains("; HttpOnly; SameSite=Lax"),
                    "{line}"
                );
                assert_eq!((line.contains("; Secure"), line.starts_with("__Host-")), (secure, secure));
                assert!(line.len() < 300, "{line}");
            }
            let read = cookies.reader(&sent(&told)).unwrap();
            assert_eq!((read.id, read.session.about(7)), (reader.id, Some(opinion)));
            assert!(cookies.reader(&HeaderMap::new()).is_none());
        }
    }

    #[test]
    fn what_is_not_ours_is_no_cookie() {
        let ours = cookies("k", false);
        let told = ours.remember(&Reader::new(12));
        assert!(cookies("j", false).reader(&sent(&told)).is_none(), "another key");
        assert!(cookies("k", true).reader(&sent(&told)).is_none(), "another name");
        let good = told[0].to_str().unwrap().split(';').next().unwrap().to_owned();
        let headers =
            |text: &str| HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(text).unwrap())]);
        assert_eq!(ours.reader(&headers(&good)).unwrap().id, 12);
        for at in "reader=".len()..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            assert!(ours.reader(&headers(std::str::from_utf8(&bytes).unwrap())).is_none(), "{at}");
        }
        for bad in [
            "reader=",
            "reader=12",
            "reader=12.1.",
            "reader",
            "=",
            &good[..good.len() - 1],
            &format!("{good}0"),
        ] {
            assert!(ours.reader(&headers(bad)).is_none(), "{bad}");
        }
        // One cannot stand for the other, and a planted one does not hide the real one.
        let session = told[1].to_str().unwrap().split(';').next().unwrap().replace("said=", "reader=");
        assert!(ours.reader(&headers(&session)).is_none());
        assert_eq!(ours.reader(&headers(&format!("reader=evil; other=1; {good}"))).unwrap().id, 12);
    }

    #[test]
    fn what_another_reader_said_does_not_count() {
        let cookies = cookies("k", false);
        let mut other = Reader::new(13);
        other.session.say(1, Opinion { halves: 10, ..Opinion::default() });
        let mixed = [cookies.remember(&Reader::new(12))[0].clone(), cookies.remember(&other)[1].clone()];
        let read = cookies.reader(&sent(&mixed)).unwrap();
        assert_eq!((read.id, read.session.about(1)), (12, None));
    }

    #[test]
    fn a_year_is_the_limit() {
        let now = now();
        assert_eq!(read_id(&format!("5.{}", now - YEAR), now), Some(5));
        for bad in [
            format!("5.{}", now - YEAR - 1000),
            format!("5.{}", now + 1000),
            "0.1".into(),
            "-5.1".into(),
            "5".into(),
        ] {
            assert_eq!(read_id(&bad, now), None, "{bad}");
        }
    }
}
