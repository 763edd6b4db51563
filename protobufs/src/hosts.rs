//! Which servers a client of recommendations asks, as a setting names them.

use std::{fmt, net::Ipv6Addr, str::FromStr, sync::Arc};

use thiserror::Error;

use crate::PORT;

/// More than this is a mistake: a host may have many addresses.
const MOST: usize = 64;

/// Where recommendations answers: `host` or `host:port`, more than one with commas. IPv6 addresses stand in brackets
/// where a port follows: `[::1]:50051`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts(Arc<[Host]>);

/// A name or an address, with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    name: String,
    port: u16,
}

/// Why a text names no hosts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HostsError {
    /// Nothing stands between two commas, or nothing at all.
    #[error("a host is empty")]
    Empty,
    /// Too many hosts.
    #[error("more than {MOST} hosts; one name may have many addresses")]
    Many,
    /// An address with a scheme or a path.
    #[error("{0:?}: expected host or host:port, without a scheme or a path")]
    Url(String),
    /// Neither a name nor an address.
    #[error("{0:?}: not a host name or an address")]
    Name(String),
    /// Not a port.
    #[error("{0:?}: the port is not a number from 1 to 65535")]
    Port(String),
}

impl Hosts {
    /// How many; at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// One after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Host> {
        self.0.iter()
    }
}

impl Host {
    /// The name or address, without brackets.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is this machine, by either of its loopback addresses.
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        self.name.trim_end_matches('.').eq_ignore_ascii_case("localhost")
    }
}

impl FromStr for Hosts {
    type Err = HostsError;

    fn from_str(text: &str) -> Result<Self, HostsError> {
        let hosts: Vec<Host> = text.split(',').map(|host| host.trim().parse()).collect::<Result<_, _>>()?;
        if hosts.len() > MOST {
            return Err(HostsError::Many);
        }
        Ok(Self(hosts.into()))
    }
}

impl FromStr for Host {
    type Err = HostsError;

    fn from_str(text: &str) -> Result<Self, HostsError> {
        if text.is_empty() {
            return Err(HostsError::Empty);
        }
        if text.contains('/') {
            return Err(HostsError::Url(text.to_owned()));
        }
        let wrong = || HostsError::Name(text.to_owned());
        if text.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self { name: text.to_owned(), port: PORT });
        }
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or_else(wrong)?;
                address.parse::<Ipv6Addr>().map_err(|_| wrong())?;
                let port = match port.strip_prefix(':') {
                    None if port.is_empty() => None,
                    None => return Err(wrong()),
                    port => port,
                };
                (address, port)
            }
            None => match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            },
        };
        if !name.contains(':') && !is_name(name) {
            return Err(wrong());
        }
        let port = match port {
            None => PORT,
            Some(port) => port
                .parse()
                .ok()
                .filter(|number| *number != 0)
                .ok_or_else(|| HostsError::Port(text.to_owned()))?,
        };
        Ok(Self { name: name.to_owned(), port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            return write!(f, "[{}]:{}", self.name, self.port);
        }
        write!(f, "{}:{}", self.name, self.port)
    }
}

fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // A dot at the end says that the name is complete.
    name.len() <= 253 && name.strip_suffix('.').unwrap_or(name).split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read() {
        let hosts: Hosts = "localhost, 127.0.0.2:6000,[::1]:7000,[::1],::1,books.example.".parse().unwrap();
        let written: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let expected = [
            "localhost:50051",
            "127.0.0.2:6000",
            "[::1]:7000",
            "[::1]:50051",
            "[::1]:50051",
            "books.example.:50051",
        ];
        assert_eq!(written, expected);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, error) in [
            ("", "a host is empty"),
            ("a,,b", "a host is empty"),
            ("http://a", "\"http://a\": expected host or host:port, without a scheme or a path"),
            ("a:b", "\"a:b\": the port is not a number from 1 to 65535"),
            ("a:0", "\"a:0\": the port is not a number from 1 to 65535"),
            ("a:65536", "\"a:65536\": the port is not a number from 1 to 65535"),
            ("a:", "\"a:\": the port is not a number from 1 to 65535"),
            ("a b", "\"a b\": not a host name or an address"),
            (":50051", "\":50051\": not a host name or an address"),
            ("[::1", "\"[::1\": not a host name or an address"),
            ("[a]:1", "\"[a]:1\": not a host name or an address"),
            ("[::1]1", "\"[::1]1\": not a host name or an address"),
            ("a..b", "\"a..b\": not a host name or an address"),
        ] {
            assert_eq!(text.parse::<Hosts>().unwrap_err().to_string(), error, "{text}");
        }
        let many = vec!["a"; MOST + 1].join(",");
        assert_eq!(many.parse::<Hosts>(), Err(HostsError::Many));
    }
}
