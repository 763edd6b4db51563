use std::{net::SocketAddr, ops::Deref, path::PathBuf, str::FromStr, time::Duration};

use host::Allowed;
use service::config::{duration, log_filter};

/// Where functions are served unless an address says its own port.
const PORT: u16 = 8000;

/// Folders of this machine. Clones are as long as the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders(Vec<PathBuf>);

impl Deref for Folders {
    type Target = [PathBuf];

    fn deref(&self) -> &[PathBuf] {
        &self.0
    }
}

impl FromStr for Folders {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let folders = text.split(',').map(|folder| PathBuf::from(folder.trim()));
        let folders: Vec<_> = folders.collect();
        match folders.iter().all(|folder| folder.is_absolute()) {
            true => Ok(Self(folders)),
            false => Err("expected paths that begin with /"),
        }
    }
}

/// `127.0.0.1:8000`, `[::1]:8000`, `localhost:8000`, or one of them without its port.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    if text.contains(',') {
        return Err("one address only; each further one is a [[listeners]] of the file".to_owned());
    }
    if text.starts_with("unix:") || text.starts_with("fd://") {
        return Err("functions are served on network addresses only".to_owned());
    }
    let named = match text.strip_prefix("localhost") {
        Some(port) if port.is_empty() || port.starts_with(':') => format!("127.0.0.1{port}"),
        _ => text.to_owned(),
    };
    let address = named.parse().or_else(|_| {
        let ip = named.trim_start_matches('[').trim_end_matches(']').parse();
        ip.map(|ip| SocketAddr::new(ip, PORT))
    });
    address.map_err(|_| "expected an address and a port, such as 127.0.0.1:8000 or [::]:8000".to_owned())
}

/// A number from 1 to `most`.
pub(super) fn count(text: &str, most: u32) -> Result<u32, String> {
    match text.parse() {
        Ok(0) => Err(format!("0 might mean none or no limit; expected 1 to {most}")),
        Ok(count) if count <= most => Ok(count),
        _ => Err(format!("expected a whole number from 1 to {most}")),
    }
}

/// A number of seconds from `least` to `most`, or a time such as `500ms`.
pub(super) fn seconds(text: &str, least: u64, most: u64) -> Result<Duration, String> {
    let time = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => duration(text)
            .map_err(|_| "expected seconds, or a number and a unit, such as 500ms, 2s or 1m".to_owned())?,
    };
    if time > Duration::from_secs(most) {
        return Err(format!("expected {most} seconds at most"));
    }
    match time {
        Duration::ZERO if least > 0 => {
            Err(format!("0 would be without limit, and there always is one; expected {most} seconds at most"))
        }
        time => Ok(time),
    }
}

/// gunicorn's levels, or a filter of this suite's.
pub(super) fn level(text: &str) -> Result<String, String> {
    let filter = match text.to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" => "error".to_owned(),
        level @ ("trace" | "debug" | "info" | "warn" | "error" | "off") => level.to_owned(),
        // Any other word alone would be a filter that takes the lines of a module of that name, and no other.
        _ if !text.contains('=') => {
            return Err(
                "expected debug, info, warning, error, critical or a filter such as warn,functions=debug"
                    .to_owned(),
            );
        }
        _ => text.to_owned(),
    };
    log_filter(&filter)?;
    Ok(filter)
}

pub(super) fn hosts(text: &str) -> Result<Allowed, String> {
    let entries: Vec<_> = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    Allowed::new(&entries).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Folders, address, count, level, seconds};

    #[test]
    fn addresses_are_those_of_the_network() {
        for (text, expected) in [
            ("127.0.0.1:9004", "127.0.0.1:9004"),
            ("127.0.0.1", "127.0.0.1:8000"),
            ("[::1]:80", "[::1]:80"),
            ("[::1]", "[::1]:8000"),
            ("::", "[::]:8000"),
            ("localhost", "127.0.0.1:8000"),
            ("localhost:1", "127.0.0.1:1"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), expected, "{text}");
        }
        for (text, why) in [
            ("unix:/run/x.sock", "network addresses only"),
            ("fd://3", "network addresses only"),
            ("127.0.0.1:1,127.0.0.1:2", "[[listeners]]"),
            ("localhosts", "expected"),
            ("127.0.0.1:99999", "expected"),
            ("", "expected"),
        ] {
            assert!(address(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn nothing_is_without_limit() {
        assert_eq!(count("8190", 8190), Ok(8190));
        for bad in ["0", "8191", "-1", "many", "", "1.5", "99999999999"] {
            assert!(count(bad, 8190).unwrap_err().contains("8190"), "{bad}");
        }
        assert_eq!(seconds("30", 1, 3600), Ok(Duration::from_secs(30)));
        assert_eq!(seconds("500ms", 1, 3600), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("0", 0, 3600), Ok(Duration::ZERO));
        for bad in ["0", "0ms", "3601", "2h", "soon"] {
            assert!(seconds(bad, 1, 3600).is_err(), "{bad}");
        }
        assert!(seconds("0", 1, 3600).unwrap_err().contains("3600 seconds at most"));
    }

    #[test]
    fn levels_are_gunicorns_and_a_slip_is_no_filter() {
        for (text, filter) in [
            ("info", "info"),
            ("WARNING", "warn"),
            ("critical", "error"),
            ("warn,functions=debug", "warn,functions=debug"),
        ] {
            assert_eq!(level(text).as_deref(), Ok(filter));
        }
        for bad in ["waring", "", "5", "functions", "a=b=c"] {
            assert!(level(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn folders_are_named_from_the_root() {
        assert_eq!("/srv/a, /srv/b".parse::<Folders>().unwrap().len(), 2);
        assert!("srv".parse::<Folders>().is_err());
    }
}
