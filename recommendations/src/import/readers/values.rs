//! Values as spreadsheets and other sites write them.

use chrono::NaiveDate;

use crate::catalogue::Isbn13;

/// A clock may be a day ahead, in another zone.
pub(super) const DAY: u32 = 86_400;

/// An ISBN as spreadsheets leave it: with `.0` behind it, in scientific notation, or without the zeros before it. What is
/// none is none: other columns may tell the book.
pub(super) fn isbn(text: &str) -> Option<Isbn13> {
    let text = text.trim_matches(['"', '=', '\'']);
    if text.is_empty() {
        return None;
    }
    if let Ok(isbn) = Isbn13::parse(text) {
        return Some(isbn);
    }
    let digits = match text.contains(['e', 'E']) {
        // Thirteen digits are exact in a double.
        true => format!("{:.0}", text.parse::<f64>().ok().filter(|number| (1e12..1e13).contains(number))?),
        false => text.strip_suffix(".0").unwrap_or(text).to_owned(),
    };
    Isbn13::parse(&digits).ok().or_else(|| {
        let short = (7..10).contains(&digits.len()) && digits.is_ascii();
        short.then(|| Isbn13::parse(&format!("{digits:0>10}")).ok()).flatten()
    })
}

/// The first second of a day like `2021/03/15` or `2021-03-15`; a missing day or month is the first. `None` if it is no
/// day between 1970 and tomorrow.
pub(super) fn day(text: &str, now: u32) -> Option<u32> {
    let mut parts = text.split(['/', '-', ' ', 'T']);
    let year = parts.next()?.parse().ok()?;
    let month = parts.next().map_or(Some(1), |month| month.parse().ok())?;
    let day = parts.next().map_or(Some(1), |day| day.parse().ok())?;
    let midnight = NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(0, 0, 0)?;
    u32::try_from(midnight.and_utc().timestamp()).ok().filter(|&at| at <= now.saturating_add(DAY))
}

#[cfg(test)]
mod tests {
    use super::{day, isbn};

    #[test]
    fn spreadsheets_numbers_are_isbns_again() {
        for text in [
            "9780439023481",
            "=\"9780439023481\"",
            "9780439023481.0",
            "9.780439023481e+12",
            "0-439-02348-3",
            "439023483",
        ] {
            assert_eq!(isbn(text).map(|isbn| isbn.to_string()), Some("9780439023481".to_owned()), "{text}");
        }
        for text in ["", "=\"\"", "9.78E+12", "nan", "1e400", "12", "B00ABCDEFG", "ééééééé"] {
            assert_eq!(isbn(text), None, "{text}");
        }
    }

    #[test]
    fn days_are_those_of_a_calendar() {
        let now = 1_800_000_000;
        for (text, at) in [
            ("1970/01/02", Some(86_400)),
            ("2021-03-15", Some(1_615_766_400)),
            ("2021/03", Some(1_614_556_800)),
            ("2021", Some(1_609_459_200)),
            ("2021-03-15T10:00:00Z", Some(1_615_766_400)),
            ("2021/02/30", None),
            ("1969/12/31", None),
            ("2999/01/01", None),
            ("15.03.2021", None),
            ("", None),
        ] {
            assert_eq!(day(text, now), at, "{text}");
        }
    }
}
