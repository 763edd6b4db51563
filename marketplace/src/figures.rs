//! Numbers, times and sizes in words.

use crate::layout::thousands;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment, in UTC: for a `<time>` element, and in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct When {
    /// `2026-11-26T13:14:15Z`
    pub(crate) machine: String,
    /// `26 Nov 2026, 13:14`
    pub(crate) words: String,
    /// `26 Nov, 13:14`
    pub(crate) short: String,
}

impl When {
    /// So many seconds after the beginning of 1970.
    pub(crate) fn at(seconds: i64) -> Self {
        let (year, month, day) = civil(seconds.div_euclid(DAY));
        let clock = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (clock / HOUR, clock % HOUR / MINUTE, clock % MINUTE);
        let name = MONTHS[month as usize - 1];
        Self {
            machine: format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
            words: format!("{day} {name} {year}, {hour:02}:{minute:02}"),
            short: format!("{day} {name}, {hour:02}:{minute:02}"),
        }
    }
}

/// `26 Nov`, of the day that holds this second.
pub(crate) fn day(seconds: i64) -> String {
    let (_, month, day) = civil(seconds.div_euclid(DAY));
    format!("{day} {}", MONTHS[month as usize - 1])
}

/// How long ago: the largest unit that fits.
pub(crate) fn ago(seconds: i64) -> String {
    let many = |count: i64, unit: &str| match count {
        1 => format!("1 {unit} ago"),
        count => format!("{count} {unit}s ago"),
    };
    match seconds {
        ..MINUTE => "just now".to_owned(),
        MINUTE..HOUR => many(seconds / MINUTE, "minute"),
        HOUR..DAY => many(seconds / HOUR, "hour"),
        _ => many(seconds / DAY, "day"),
    }
}

/// How long something takes: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as i64;
    match whole {
        _ if seconds < 9.95 => format!("{:.1} s", seconds.max(0.0)),
        ..MINUTE => format!("{whole} s"),
        MINUTE..HOUR => format!("{} min {} s", whole / MINUTE, whole % MINUTE),
        _ => format!("{} h {} min", whole / HOUR, whole % HOUR / MINUTE),
    }
}

/// `1.4 MB`.
pub(crate) fn bytes(count: i64) -> String {
    let mut amount = count.max(0) as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if amount < 999.5 {
            let digits = usize::from(unit != "B" && amount < 9.95);
            return format!("{amount:.digits$} {unit}");
        }
        amount /= 1000.0;
    }
    format!("{amount:.1} TB")
}

/// `12,345`.
pub(crate) fn count(number: i64) -> String {
    thousands(number)
}

/// `41 %`, and `0.4 %` where that says more.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let digits = usize::from(percent > 0.0 && percent < 9.95);
    format!("{percent:.digits$} %")
}

/// `0.453`.
pub(crate) fn three(number: f64) -> String {
    format!("{number:.3}")
}

/// `+0.012`: how far one number is from another.
pub(crate) fn difference(one: f64, other: f64) -> String {
    let difference = one - other;
    let sign = if difference < -0.0005 {
        "−"
    } else if difference < 0.0005 {
        "±"
    } else {
        "+"
    };
    format!("{sign}{:.3}", difference.abs())
}

/// Year, month and day of a day since 1970, in the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date
/// algorithms").
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_their_dates() {
        for (seconds, machine, words) in [
            (0, "1970-01-01T00:00:00Z", "1 Jan 1970, 00:00"),
            (951_782_400, "2000-02-29T00:00:00Z", "29 Feb 2000, 00:00"),
            (1_795_698_855, "2026-11-26T13:14:15Z", "26 Nov 2026, 13:14"),
            (-1, "1969-12-31T23:59:59Z", "31 Dec 1969, 23:59"),
        ] {
            let when = When::at(seconds);
            assert_eq!((when.machine.as_str(), when.words.as_str()), (machine, words));
        }
        assert_eq!(day(1_795_698_855), "26 Nov");
        assert_eq!(When::at(1_795_698_855).short, "26 Nov, 13:14");
    }

    #[test]
    fn amounts_are_told_in_few_digits() {
        assert_eq!(
            [59, 60, 7_200, 90_000].map(ago),
            ["just now", "1 minute ago", "2 hours ago", "1 day ago"]
        );
        assert_eq!([0.42, 9.96, 185.0, 7_800.0].map(duration), ["0.4 s", "10 s", "3 min 5 s", "2 h 10 min"]);
        assert_eq!([0, 999, 1_440, 12_300_000].map(bytes), ["0 B", "999 B", "1.4 kB", "12 MB"]);
        assert_eq!([0.0, 0.004, 0.41, 1.0].map(percent), ["0 %", "0.4 %", "41 %", "100 %"]);
        assert_eq!(difference(0.5, 0.488), "+0.012");
        assert_eq!(difference(0.4, 0.5), "−0.100");
        assert_eq!(difference(0.4, 0.4001), "±0.000");
    }
}
