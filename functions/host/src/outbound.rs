//! Where guests and webhooks may connect to: an allow-list of hosts, checked again after names are resolved.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

/// Hosts that may be connected to. By default none.
///
/// An entry is a host name, an address, or a network such as `10.0.0.0/8`, the first two with a port if only that one is meant.
/// A name stands for itself and not for what is below it. Addresses of this machine and of private or link-local networks are
/// refused, whatever name leads to them, unless they are named as an address, as a network or as `localhost`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Name { host: String, port: Option<u16> },
    Network { address: IpAddr, prefix: u8, port: Option<u16> },
}

/// An entry that is neither a host nor an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host, address or network, such as api.example, api.example:8443, 192.0.2.7 or 10.0.0.0/8"
)]
pub struct BadHost(pub String);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The host is on no list.
    #[error("{0} is not among the hosts that may be connected to")]
    Host(String),
    /// The name leads to an address that was not named.
    #[error("{0} leads to an address of this machine or of a private network, which is not named")]
    Inside(String),
    /// The name cannot be resolved, or nobody answers there.
    #[error("cannot connect to {host}")]
    Connect {
        /// Whom.
        host: String,
        /// Why.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("{0} did not answer in time")]
    Late(String),
}

impl Allowed {
    /// Reads the entries of a list.
    ///
    /// # Errors
    ///
    /// The first one that makes no sense.
    pub fn new<S: AsRef<str>>(entries: &[S]) -> Result<Self, BadHost> {
        let entries = entries.iter().map(|entry| Entry::read(entry.as_ref()));
        entries.collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing may be connected to.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Connects to the first of a host's addresses that may be and answers.
    ///
    /// # Errors
    ///
    /// If the host is on no list, or nothing of it may be connected to or answers within `patience`.
    pub async fn connect(&self, host: &str, port: u16, patience: Duration) -> Result<TcpStream, Denied> {
        let shown = || format!("{host}:{port}");
        if !self.names(host, port) {
            return Err(Denied::Host(shown()));
        }
        let connected = timeout(patience, async {
            let failed = |source| Denied::Connect { host: shown(), source };
            let mut last = Denied::Inside(shown());
            for address in lookup_host((bare(host), port)).await.map_err(failed)? {
                if !self.reaches(bare(host), address) {
                    continue;
                }
                // To the address that was checked: a name may lead elsewhere the next time it is asked.
                match TcpStream::connect(address).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = failed(error),
                }
            }
            Err(last)
        });
        connected.await.unwrap_or_else(|_| Err(Denied::Late(shown())))
    }

    /// Whether the host itself is on the list; an address without brackets.
    #[must_use]
    pub fn names(&self, host: &str, port: u16) -> bool {
        let host = bare(host);
        let address: Option<IpAddr> = host.parse().ok();
        self.0.iter().any(|entry| match (entry, address) {
            (Entry::Network { .. }, Some(address)) => entry.has(address, port),
            (Entry::Name { host: name, port: only }, None) => {
                name.eq_ignore_ascii_case(host.trim_end_matches('.')) && only.is_none_or(|only| only == port)
            }
            _ => false,
        })
    }

    /// Whether this one of the host's addresses may be connected to.
    fn reaches(&self, host: &str, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let local = host.trim_end_matches('.').eq_ignore_ascii_case("localhost") && ip.is_loopback();
        is_public(ip) || local || self.0.iter().any(|entry| entry.has(ip, address.port()))
    }
}

impl Entry {
    fn read(text: &str) -> Result<Self, BadHost> {
        let bad = || BadHost(text.to_owned());
        if let Some((address, prefix)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| bad())?;
            let prefix: u8 = prefix.parse().map_err(|_| bad())?;
            let longest = if address.is_ipv4() { 32 } else { 128 };
            return if prefix <= longest {
                Ok(Self::Network { address, prefix, port: None })
            } else {
                Err(bad())
            };
        }
        let whole = |address: IpAddr, port| Self::Network {
            address: address.to_canonical(),
            prefix: if address.to_canonical().is_ipv4() { 32 } else { 128 },
            port,
        };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(whole(address, None));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(whole(address.ip(), Some(address.port())));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| bad())?)),
            None => (text, None),
        };
        let host = host.trim_end_matches('.');
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'-' || sign == b'_')
        };
        if host.is_empty() || host.len() > 253 || !host.split('.').all(label) {
            return Err(bad());
        }
        Ok(Self::Name { host: host.to_owned(), port })
    }

    fn has(&self, ip: IpAddr, at: u16) -> bool {
        let Self::Network { address, prefix, port } = self else { return false };
        let same = match (address, ip.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(*prefix)).unwrap_or(0);
                network.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(*prefix)).unwrap_or(0);
                network.to_bits() & mask == ip.to_bits() & mask
            }
            _ => false,
        };
        same && port.is_none_or(|port| port == at)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { host, port: None } => formatter.write_str(host),
            Self::Name { host, port: Some(port) } => write!(formatter, "{host}:{port}"),
            Self::Network { address, prefix, port: None } => write!(formatter, "{address}/{prefix}"),
            Self::Network { address, port: Some(port), .. } => {
                write!(formatter, "{}", SocketAddr::new(*address, *port))
            }
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, entry) in self.0.iter().enumerate() {
            if place > 0 {
                formatter.write_str(", ")?;
            }
            entry.fmt(formatter)?;
        }
        Ok(())
    }
}

/// A host without the brackets that an address of IPv6 has in URLs.
pub(crate) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Whether an address is one that anybody on the internet may reach.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, third, _] = ip.octets();
            let shared = first == 100 && (64..128).contains(&second);
            let reserved = first == 0 || first >= 240 || (first == 192 && second == 0 && third == 0);
            let benchmark = first == 198 && (second == 18 || second == 19);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_documentation()
                || shared
                || reserved
                || benchmark)
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            let unique_local = first & 0xfe00 == 0xfc00;
            let link_local = first & 0xffc0 == 0xfe80;
            // Addresses of IPv4 in the clothes of IPv6 lead where those lead: NAT64, 6to4, Teredo.
            let translated = (first == 0x64 && ip.segments()[1] == 0xff9b) || first == 0x2002;
            let special = first == 0x2001 && (ip.segments()[1] < 0x200 || ip.segments()[1] == 0xdb8);
            !(ip == Ipv6Addr::UNSPECIFIED
                || ip.is_loopback()
                || ip.is_multicast()
                || unique_local
                || link_local
                || translated
                || special)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{Allowed, Entry};

    #[test]
    fn entries_are_read() {
        for good in
            ["api.example", "api.example:8443", "192.0.2.7/32", "[::1]:80", "10.0.0.0/8", "::/0", "localhost"]
        {
            assert_eq!(Entry::read(good).unwrap().to_string(), good);
        }
        for bad in
            ["", "*", "a b", "api.example:", "api.example:99999", "10.0.0.0/33", "http://api.example", "a..b"]
        {
            assert!(Entry::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_named_hosts_are_let_through() {
        let allowed = Allowed::new(&["api.example", "feed.example:8443", "192.0.2.7"]).unwrap();
        assert!(allowed.names("api.example", 443) && allowed.names("API.example.", 80));
        assert!(!allowed.names("x.api.example", 443) && !allowed.names("other.example", 443));
        assert!(allowed.names("feed.example", 8443) && !allowed.names("feed.example", 443));
        assert!(allowed.names("192.0.2.7", 1) && !allowed.names("192.0.2.8", 1));
        assert!(!Allowed::default().names("api.example", 443));
    }

    #[test]
    fn inner_addresses_are_refused_unless_named() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let by_name = Allowed::new(&["api.example"]).unwrap();
        for inside in [
            "127.0.0.1:80",
            "10.1.2.3:80",
            "172.16.0.1:80",
            "192.168.1.1:80",
            "169.254.169.254:80",
            "100.64.0.1:80",
            "0.0.0.0:80",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[fe80::1]:80",
            "[fd00::1]:80",
            "[64:ff9b::7f00:1]:80",
            "[2002:7f00:1::]:80",
        ] {
            assert!(!by_name.reaches("api.example", address(inside)), "{inside}");
        }
        for outside in ["8.8.8.8:80", "[2606:4700::1111]:80"] {
            assert!(by_name.reaches("api.example", address(outside)), "{outside}");
        }
        let named = Allowed::new(&["api.example", "10.0.0.0/8", "127.0.0.1:9000"]).unwrap();
        assert!(named.reaches("api.example", address("10.1.2.3:80")));
        assert!(named.reaches("api.example", address("127.0.0.1:9000")));
        assert!(!named.reaches("api.example", address("127.0.0.1:80")));
        let local = Allowed::new(&["localhost"]).unwrap();
        assert!(
            local.reaches("localhost", address("127.0.0.1:80"))
                && !local.reaches("other", address("127.0.0.1:80"))
        );
    }
}
