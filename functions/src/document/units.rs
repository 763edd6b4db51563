/// A number of bytes, written `64MiB`, `512KiB`, `1MB`, `100B` or as a number alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Reads a [`Size`]: a number, then nothing, `B`, `kB`, `KB`, `MB` or `GB` (powers of 1000), `KiB`, `MiB` or `GiB` (of 1024).
///
/// # Errors
///
/// If the text is none, or more than a `u64` holds.
pub fn size(text: &str) -> Result<Size, String> {
    let error = || "expected a number of bytes, such as 64MiB, 512KiB, 1MB or 4096".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| error())?;
    let factor = match unit.trim_start_matches(' ') {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(error()),
    };
    number.checked_mul(factor).map(Size).ok_or_else(error)
}

impl std::fmt::Display for Size {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(formatter, "{}{unit}", self.0 / factor),
            None => write!(formatter, "{}", self.0),
        }
    }
}

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        size(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Size, size};

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [
            ("64MiB", 67_108_864),
            ("64 MiB", 67_108_864),
            ("512KiB", 524_288),
            ("1MB", 1_000_000),
            ("2kB", 2_000),
            ("3GB", 3_000_000_000),
            ("1GiB", 1 << 30),
            ("0", 0),
            ("100B", 100),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(Size(bytes)), "{text}");
            assert_eq!(size(&Size(bytes).to_string()), Ok(Size(bytes)), "{text}");
        }
        for bad in ["", "MiB", "-1", "1.5MiB", "1mib", "1 TB", "18446744073709551615KiB", "0x10", "1 "] {
            assert_eq!(size(bad).is_ok(), bad == "1 ", "{bad}");
        }
        assert_eq!(Size(64 << 20).to_string(), "64MiB");
        assert_eq!(Size(1_000).to_string(), "1000");
    }
}
