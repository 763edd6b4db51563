use std::{fmt, fmt::Write as _, io, path::Path, str::FromStr};

use ring::hmac;
use thiserror::Error;

/// Fewer could be guessed.
const LEAST_CHARACTERS: usize = 32;
const MOST_CHARACTERS: usize = 1_024;

/// Signs what browsers keep (HMAC-SHA256). It is never shown.
#[derive(Clone)]
pub struct CookieKey(hmac::Key);

/// The text cannot be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected 32 to 1,024 characters")]
pub struct CookieKeyError;

impl CookieKey {
    /// A new one that nobody knows.
    #[must_use]
    pub fn random() -> Self {
        Self::from_bytes(&rand::random::<[u8; 32]>())
    }

    /// The one in this file; if there is none, a new one, which is written there for nobody else to read.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or written, or holds no key.
    pub fn kept(file: &Path) -> io::Result<Self> {
        service::secret::kept(file)?.parse().map_err(io::Error::other)
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The text with its signature. What is signed for one purpose is worth nothing for another.
    pub(crate) fn sign(&self, purpose: &str, text: &str) -> String {
        let tag = hmac::sign(&self.0, &signed(purpose, text));
        let mut signed = format!("{text}.");
        for byte in tag.as_ref() {
            write!(signed, "{byte:02x}").expect("text takes all");
        }
        signed
    }

    /// The text, if its signature is right. Takes the same time wherever the first difference is.
    pub(crate) fn open<'a>(&self, purpose: &str, signed_text: &'a str) -> Option<&'a str> {
        let (text, tag) = signed_text.rsplit_once('.')?;
        let tag = bytes(tag)?;
        hmac::verify(&self.0, &signed(purpose, text), &tag).ok().map(|()| text)
    }
}

impl FromStr for CookieKey {
    type Err = CookieKeyError;

    fn from_str(text: &str) -> Result<Self, CookieKeyError> {
        let characters = text.chars().count();
        let fits = (LEAST_CHARACTERS..=MOST_CHARACTERS).contains(&characters);
        if fits { Ok(Self::from_bytes(text.as_bytes())) } else { Err(CookieKeyError) }
    }
}

impl fmt::Debug for CookieKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CookieKey(***)")
    }
}

fn signed(purpose: &str, text: &str) -> Vec<u8> {
    [purpose.as_bytes(), &[0], text.as_bytes()].concat()
}

/// Reads lower-case hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::CookieKey;

    #[test]
    fn a_key_is_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cookie.key");
        let signed = CookieKey::kept(&file).unwrap().sign("test", "text");
        assert_eq!(CookieKey::kept(&file).unwrap().open("test", &signed), Some("text"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&file, "short").unwrap();
        assert!(CookieKey::kept(&file).is_err());
        assert!(!format!("{:?}", CookieKey::random()).contains(|c: char| c.is_ascii_digit()));
    }
}
