use std::{fmt, str::FromStr};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// What is shown of a digest, in hexadecimal digits.
const SHOWN: usize = 12;

/// Which module with which manifest: the how manieth that its function has had, and what both digest to. Shown as
/// `3-1a2b3c4d5e6f`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// From 1.
    pub number: u32,
    /// The first digits of the digest.
    short: Box<str>,
}

/// The SHA-256 of a module and its manifest, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digest(Box<str>);

/// What is kept beside a version. It is written last: without it, there is no version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) digest: Digest,
    /// Of the module.
    pub(crate) bytes: u64,
    /// When it came, in seconds since 1970.
    pub(crate) at: u64,
    /// The number of the version that answered before, if there was one.
    pub(crate) replaces: Option<u32>,
}

impl Version {
    pub(crate) fn new(number: u32, digest: &Digest) -> Self {
        Self { number, short: digest.short().into() }
    }

    /// Whether it is of a module and a manifest that digest so.
    pub(crate) fn is_of(&self, digest: &Digest) -> bool {
        *self.short == *digest.short()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.number, self.short)
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, short) = text.split_once('-').ok_or(())?;
        let digits = short.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = number.parse().map_err(|_| ())?;
        let version = Self { number, short: short.into() };
        // Written in one way only.
        let whole = digits && short.len() == SHOWN && number > 0 && version.to_string() == text;
        if whole { Ok(version) } else { Err(()) }
    }
}

impl Digest {
    pub(crate) fn of(module: &[u8], manifest: Option<&str>) -> Self {
        let mut context = Context::new(&SHA256);
        // Nothing can move from the one to the other.
        context.update(&(module.len() as u64).to_le_bytes());
        context.update(module);
        if let Some(manifest) = manifest {
            context.update(b"manifest");
            context.update(manifest.as_bytes());
        }
        let digest = context.finish();
        Self(digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
    }

    fn short(&self) -> &str {
        // Whatever stands in a record.
        self.0.get(..SHOWN).unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, Version};

    #[test]
    fn a_version_is_written_in_one_way() {
        let version = Version::new(3, &Digest::of(b"module", None));
        let text = version.to_string();
        assert_eq!(text.parse(), Ok(version));
        for bad in [
            "",
            "3",
            "3-",
            "0-1a2b3c4d5e6f",
            "03-1a2b3c4d5e6f",
            "+3-1a2b3c4d5e6f",
            "3-1A2B3C4D5E6F",
            "3-1a2b",
            "-1-1a2b3c4d5e6f",
        ] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_digest_tells_module_from_manifest() {
        let all = [
            Digest::of(b"ab", None),
            Digest::of(b"ab", Some("")),
            Digest::of(b"a", Some("b")),
            Digest::of(b"abmanifest", None),
            Digest::of(b"", Some("ab")),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(all[place + 1..].iter().all(|other| other != one), "{place}");
        }
        assert_eq!(Digest::of(b"ab", Some("x")), Digest::of(b"ab", Some("x")));
    }
}
