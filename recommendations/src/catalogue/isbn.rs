use std::fmt;

/// The number of one edition, thirteen digits with a check digit that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isbn13(u64);

/// Why a text is no ISBN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IsbnError {
    /// Neither ten nor thirteen digits, or another prefix than 978 and 979.
    #[error("is neither an ISBN-10 nor an ISBN-13")]
    Form,
    /// A digit is wrong: the check digit does not hold.
    #[error("has a wrong check digit")]
    CheckDigit,
}

impl Isbn13 {
    /// Reads an ISBN-13, or an ISBN-10 as the ISBN-13 of the same edition. Hyphens and spaces do not matter.
    ///
    /// # Errors
    ///
    /// If the digits are not ten or thirteen, or the check digit does not hold.
    pub fn parse(text: &str) -> Result<Self, IsbnError> {
        let mut digits = [0_u8; 13];
        let mut length = 0;
        for letter in text.trim().chars() {
            let digit = match letter {
                '0'..='9' => letter as u8 - b'0',
                'x' | 'X' if length == 9 => 10,
                '-' | '‐' | '‑' | '–' | ' ' => continue,
                _ => return Err(IsbnError::Form),
            };
            *digits.get_mut(length).ok_or(IsbnError::Form)? = digit;
            length += 1;
        }
        match length {
            10 => {
                let sum: u32 = digits[..10]
                    .iter()
                    .zip((1..=10).rev())
                    .map(|(&digit, weight)| u32::from(digit) * weight)
                    .sum();
                if !sum.is_multiple_of(11) {
                    return Err(IsbnError::CheckDigit);
                }
                digits.copy_within(0..9, 3);
                digits[..3].copy_from_slice(&[9, 7, 8]);
                digits[12] = check_digit(&digits);
            }
            13 if digits[9] == 10 || digits[..2] != [9, 7] || !matches!(digits[2], 8 | 9) => {
                return Err(IsbnError::Form);
            }
            13 if digits[12] != check_digit(&digits) => return Err(IsbnError::CheckDigit),
            13 => {}
            _ => return Err(IsbnError::Form),
        }
        Ok(Self(digits.iter().fold(0, |number, &digit| number * 10 + u64::from(digit))))
    }

    /// The thirteen digits as a number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The ISBN with this number, which came from [`Isbn13::number`].
    pub(super) fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for Isbn13 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:013}", self.0)
    }
}

fn check_digit(digits: &[u8; 13]) -> u8 {
    let sum: u8 = digits[..12]
        .iter()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { *digit } else { digit * 3 })
        .sum();
    (10 - sum % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::{Isbn13, IsbnError};

    #[test]
    fn both_lengths_name_the_same_edition() {
        for text in ["9780679722649", "978-0-679-72264-9", "0679722645", "0-679-72264-5", " 0 679 72264 5 "] {
            assert_eq!(
                Isbn13::parse(text).map(|isbn| isbn.to_string()),
                Ok("9780679722649".to_owned()),
                "{text}"
            );
        }
        assert_eq!(Isbn13::parse("080442957X").map(|isbn| isbn.to_string()), Ok("9780804429573".to_owned()));
    }

    #[test]
    fn wrong_ones_are_refused() {
        for (text, error) in [
            ("9780679722648", IsbnError::CheckDigit),
            ("0679722646", IsbnError::CheckDigit),
            ("", IsbnError::Form),
            ("978067972264", IsbnError::Form),
            ("97806797226499", IsbnError::Form),
            ("9771234567898", IsbnError::Form),
            ("978067972X649", IsbnError::Form),
            ("9.78E+12", IsbnError::Form),
        ] {
            assert_eq!(Isbn13::parse(text), Err(error), "{text}");
        }
    }
}
