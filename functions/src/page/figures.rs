//! Numbers, times and sizes in words.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

/// `12,345`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + 4);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.4 %`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let percent = if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 };
    let digits = usize::from(percent > 0.0 && percent < 9.95);
    format!("{percent:.digits$} %")
}

/// `0.04 ms`, `1.3 ms`, `250 ms`, `1,250 ms`: in one unit, so that a column can be compared.
pub(super) fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1e3;
    if milliseconds < 0.995 {
        format!("{milliseconds:.2} ms")
    } else if milliseconds < 99.95 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{} ms", count(milliseconds.round() as u64))
    }
}

/// `0.04 ms`, `300 ms`, `2 s`, `12.5 s`, `3 min 5 s`, `2 h 10 min`.
pub(super) fn span(time: Duration) -> String {
    let (seconds, milliseconds) = (time.as_secs(), time.subsec_millis());
    match seconds {
        0 if time < Duration::from_millis(1) && !time.is_zero() => self::milliseconds(time),
        0 => format!("{milliseconds} ms"),
        1..60 if milliseconds / 100 == 0 => format!("{seconds} s"),
        1..60 => format!("{seconds}.{} s", milliseconds / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// `17.3 MiB`, `16 MiB`.
pub(super) fn bytes(count: u64) -> String {
    let mut amount = count as f64;
    for unit in ["B", "KiB", "MiB"] {
        if amount < 1_023.5 {
            let digits = usize::from(amount.fract() > 0.0 && amount < 99.95);
            return format!("{amount:.digits$} {unit}");
        }
        amount /= 1_024.0;
    }
    let digits = usize::from(amount.fract() > 0.0);
    format!("{amount:.digits$} GiB")
}

/// `26 Nov 2026, 13:14`, in UTC.
pub(super) fn when(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).format("%-d %b %Y, %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(count), ["0", "999", "1,000", "12,345,678"]);
        assert_eq!(
            [(0, 0), (1, 250), (1, 3), (3, 3)].map(|(a, b)| percent(a, b)),
            ["0 %", "0.4 %", "33 %", "100 %"]
        );
        let micros = [40, 1_300, 250_000, 1_250_000].map(Duration::from_micros);
        assert_eq!(micros.map(milliseconds), ["0.04 ms", "1.3 ms", "250 ms", "1,250 ms"]);
        let spans = [0, 300, 2_000, 12_540, 185_000, 7_800_000].map(Duration::from_millis);
        assert_eq!(spans.map(span), ["0 ms", "300 ms", "2 s", "12.5 s", "3 min 5 s", "2 h 10 min"]);
        assert_eq!(span(Duration::from_micros(3)), "0.00 ms");
        assert_eq!(
            [0, 1_023, 18_140_365, 128 << 20, 3 << 30].map(bytes),
            ["0 B", "1023 B", "17.3 MiB", "128 MiB", "3 GiB"]
        );
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_698_855);
        assert_eq!(when(time), "26 Nov 2026, 13:14");
    }
}
