//! Page tokens: where the next page begins, in sixteen bytes written as hexadecimal digits.
//!
//! A token holds for one list of one store, whichever replica answers. Its sum tells a token that was cut or made up; it
//! is no secret, since a token says nothing but a position.

use std::fmt::Write as _;

use service::stable::fnv1a;

use super::status::Violation;
use crate::catalogue::Version;

/// What is paged through: the same words for the same list, such as `search dune`.
pub(super) struct List<'a> {
    pub(super) version: &'a Version,
    pub(super) name: String,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// How many books lie before it, when the token was made.
    pub(super) offset: u32,
    /// The id of the last of them; 0 if there is none.
    pub(super) last: i32,
    /// Whether the catalogue is still the same.
    pub(super) current: bool,
}

impl List<'_> {
    /// The token of a page that begins behind `offset` books, the last of which has the id `last`.
    pub(super) fn token(&self, offset: usize, last: i32) -> String {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&u32::try_from(offset).unwrap_or(u32::MAX).to_be_bytes());
        bytes[4..8].copy_from_slice(&last.to_be_bytes());
        // Enough of the version to see whether it is the same.
        bytes[8..12].copy_from_slice(&self.version.number.to_be_bytes()[4..]);
        let sum = self.sum(&bytes[..12]);
        bytes[12..].copy_from_slice(&sum);
        bytes.iter().fold(String::with_capacity(32), |mut token, byte| {
            write!(token, "{byte:02x}").expect("a String takes everything");
            token
        })
    }

    /// Where the page of this token begins; the empty token means the first page.
    pub(super) fn position(&self, field: &'static str, token: &str) -> Result<Position, Violation> {
        if token.is_empty() {
            return Ok(Position { current: true, ..Position::default() });
        }
        self.read(token).ok_or(Violation { field, description: "is not a next_page_token of this list" })
    }

    fn read(&self, token: &str) -> Option<Position> {
        if token.len() != 32 || !token.is_ascii() {
            return None;
        }
        let mut bytes = [0; 16];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&token[place * 2..place * 2 + 2], 16).ok()?;
        }
        if bytes[12..] != self.sum(&bytes[..12]) {
            return None;
        }
        Some(Position {
            offset: u32::from_be_bytes(bytes[..4].try_into().ok()?),
            last: i32::from_be_bytes(bytes[4..8].try_into().ok()?),
            current: bytes[8..12] == self.version.number.to_be_bytes()[4..],
        })
    }

    /// Over the store's name, the list's and the token's own bytes.
    fn sum(&self, bytes: &[u8]) -> [u8; 4] {
        let parts = [self.version.store.as_bytes(), self.name.as_bytes(), bytes];
        let sum = fnv1a(parts.into_iter().flat_map(|part| part.iter().copied().chain([0])));
        let [a, b, c, d, e, f, g, h] = sum.to_be_bytes();
        [a ^ e, b ^ f, c ^ g, d ^ h]
    }
}

#[cfg(test)]
mod tests {
    use super::{List, Position};
    use crate::catalogue::Version;

    #[test]
    fn a_token_holds_for_its_own_list_only() {
        let version = Version { store: "s".to_owned(), number: 7 };
        let list = List { version: &version, name: "books 3".to_owned() };
        let token = list.token(24, 17);
        assert_eq!(list.position("", &token), Ok(Position { offset: 24, last: 17, current: true }));
        assert_eq!(list.position("", ""), Ok(Position { offset: 0, last: 0, current: true }));
        let other = List { version: &version, name: "books 4".to_owned() };
        assert!(other.position("", &token).is_err());
        let newer = Version { number: 8, ..version.clone() };
        let newer = List { version: &newer, name: "books 3".to_owned() };
        assert_eq!(newer.position("", &token), Ok(Position { offset: 24, last: 17, current: false }));
        for bad in
            ["x", "0", &token[1..], &format!("{token}0"), &token.replace('7', "8"), "ü".repeat(16).as_str()]
        {
            assert!(bad == token || list.position("", bad).is_err(), "{bad}");
        }
    }
}
