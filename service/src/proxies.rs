//! Whose word on where a request comes from is taken.

use std::{net::IpAddr, str::FromStr, sync::Arc};

use http::{HeaderMap, HeaderName, header};
use thiserror::Error;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The headers in which proxies say where a request comes from.
pub const HEADERS: [HeaderName; 2] = [X_FORWARDED_FOR, header::FORWARDED];

/// Networks whose word on where a request comes from is taken: addresses and CIDRs, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Arc<[Network]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// How many leading bits are the network's.
    bits: u8,
}

/// A text between two commas that is no network.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?}: expected an address or a network, such as 192.0.2.7 or 10.0.0.0/8")]
pub struct ProxiesError(String);

impl Proxies {
    /// Where a request comes from: the right-most address that no trusted proxy has. What stands left of it was written
    /// by whoever is there, and may be anything; so is all of it where the connection itself comes from elsewhere.
    #[must_use]
    pub fn sender(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let (usual, standard) =
            (headers.contains_key(X_FORWARDED_FOR), headers.contains_key(header::FORWARDED));
        let by_usual = || self.last(peer, headers, &X_FORWARDED_FOR, read);
        let by_standard = || self.last(peer, headers, &header::FORWARDED, forwarded);
        match (usual, standard) {
            (true, false) => by_usual(),
            (false, true) => by_standard(),
            // A proxy writes one of them, and lets the other one through: whose they are cannot be told.
            (true, true) => Some(by_usual()).filter(|sender| *sender == by_standard()).unwrap_or(peer),
            (false, false) => peer,
        }
    }

    fn last(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        name: &HeaderName,
        read: impl Fn(&str) -> Option<IpAddr>,
    ) -> IpAddr {
        let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default());
        let lines: Vec<&str> = lines.collect();
        let mut sender = peer;
        for element in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            // A proxy that does not know or say who sent it, is who sent it.
            let Some(before) = read(element.trim()) else { return sender };
            sender = before;
            if !self.trusts(sender) {
                break;
            }
        }
        sender
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }
}

/// The `for` of one element of `Forwarded` (RFC 7239).
fn forwarded(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut senders = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for"));
    read(senders.next()?.1.trim_matches('"'))
}

/// An address, which may have a port.
fn read(text: &str) -> Option<IpAddr> {
    let address = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => match text.split_once(':') {
            Some((address, port)) if !port.contains(':') => address,
            _ => text,
        },
    };
    address.parse().ok().map(|address: IpAddr| address.to_canonical())
}

impl Network {
    fn holds(self, address: IpAddr) -> bool {
        let same = |ours: u128, theirs: u128, width: u8| {
            ours.checked_shr(u32::from(width - self.bits)) == theirs.checked_shr(u32::from(width - self.bits))
        };
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                same(ours.to_bits().into(), theirs.to_bits().into(), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => same(ours.to_bits(), theirs.to_bits(), 128),
            _ => false,
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(width), |bits| bits.parse().ok()).filter(|bits| *bits <= width)?;
        // Addresses of IPv4 are compared as such, however they are written.
        match address.to_canonical() {
            ours if ours.is_ipv4() == address.is_ipv4() => Some(Self { address, bits }),
            ours => Some(Self { address: ours, bits: bits.checked_sub(96)? }),
        }
    }
}

impl FromStr for Proxies {
    type Err = ProxiesError;

    fn from_str(text: &str) -> Result<Self, ProxiesError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let networks = text.split(',').map(str::trim);
        networks
            .map(|text| Network::read(text).ok_or_else(|| ProxiesError(text.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(proxies: &str, peer: &str, lines: &[(&'static str, &'static str)]) -> String {
        let proxies: Proxies = proxies.parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        proxies.sender(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_trusted_proxy_is_believed_and_nobody_else() {
        let theirs = [("x-forwarded-for", "203.0.113.9")];
        assert_eq!(sender("10.0.0.0/8", "10.1.2.3", &theirs), "203.0.113.9");
        assert_eq!(sender("10.0.0.0/8", "::ffff:10.1.2.3", &theirs), "203.0.113.9");
        assert_eq!(sender("10.0.0.0/8", "11.1.2.3", &theirs), "11.1.2.3");
        assert_eq!(sender("", "10.1.2.3", &theirs), "10.1.2.3");
        assert_eq!(sender("10.0.0.0/8", "10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(
            sender("10.0.0.0/8", "10.1.2.3", &[("forwarded", "for=203.0.113.9;proto=https")]),
            "203.0.113.9"
        );
        assert_eq!(sender("10.0.0.0/8", "11.1.2.3", &[("forwarded", "for=203.0.113.9")]), "11.1.2.3");
    }

    #[test]
    fn what_a_browser_says_of_itself_counts_for_nothing() {
        let at = |lines: &[(&'static str, &'static str)]| sender("10.0.0.0/8, fd00::/8", "10.0.0.1", lines);
        assert_eq!(at(&[("x-forwarded-for", "198.51.100.1, 203.0.113.9")]), "203.0.113.9");
        assert_eq!(at(&[("x-forwarded-for", "198.51.100.1, 203.0.113.9, 10.0.0.2,10.9.9.9")]), "203.0.113.9");
        assert_eq!(
            at(&[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9")]),
            "203.0.113.9"
        );
        assert_eq!(at(&[("x-forwarded-for", "10.0.0.7, 10.0.0.2")]), "10.0.0.7");
        // A proxy that adds one lets the other one through.
        let both = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=198.51.100.1")];
        assert_eq!(at(&both), "10.0.0.1");
        assert_eq!(at(&[both[0], ("forwarded", "for=203.0.113.9")]), "203.0.113.9");
        let quoted =
            [("forwarded", "for=198.51.100.1, For=\"[2001:db8::9]:4711\";by=10.0.0.1, for=\"[fd00::1]\"")];
        assert_eq!(at(&quoted), "2001:db8::9");
        assert_eq!(at(&[("x-forwarded-for", "203.0.113.9:4711")]), "203.0.113.9");
    }

    #[test]
    fn garbage_is_the_proxys_own() {
        let at = |value| sender("10.0.0.0/8", "10.0.0.1", &[("x-forwarded-for", value)]);
        for garbage in
            ["", ",", "unknown", "203.0.113.9.1", "203.0.113.9, nonsense", "[203.0.113.9", "::1::", ":1"]
        {
            assert_eq!(at(garbage), "10.0.0.1", "{garbage}");
        }
        assert_eq!(at("nonsense, 203.0.113.9"), "203.0.113.9");
        assert_eq!(at("nonsense, 10.0.0.5"), "10.0.0.5");
        for garbage in ["", "for=", "by=203.0.113.9", "for=_hidden", "for=\"", "for"] {
            assert_eq!(sender("10.0.0.0/8", "10.0.0.1", &[("forwarded", garbage)]), "10.0.0.1", "{garbage}");
        }
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", http::HeaderValue::from_bytes(b"203.0.113.9\xff").unwrap());
        let proxies: Proxies = "10.0.0.1".parse().unwrap();
        assert_eq!(proxies.sender([10, 0, 0, 1].into(), &headers).to_string(), "10.0.0.1");
    }

    #[test]
    fn networks_are_what_they_are_written_as() {
        let trusts = |networks: &str, address: &str| {
            networks.parse::<Proxies>().unwrap().trusts(address.parse().unwrap())
        };
        assert!(trusts("0.0.0.0/0", "203.0.113.9") && !trusts("0.0.0.0/0", "2001:db8::1"));
        assert!(trusts("::/0", "2001:db8::1") && !trusts("::/0", "203.0.113.9"));
        assert!(trusts("192.0.2.128/25", "192.0.2.200") && !trusts("192.0.2.128/25", "192.0.2.100"));
        assert!(trusts("192.0.2.1", "192.0.2.1") && !trusts("192.0.2.1", "192.0.2.2"));
        assert!(trusts("::ffff:10.0.0.0/104", "10.1.1.1") && !trusts("::ffff:10.0.0.0/104", "11.1.1.1"));
        for bad in
            ["10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0/8", "proxy", "10.0.0.1,", "::ffff:10.0.0.0/8"]
        {
            assert!(bad.parse::<Proxies>().is_err(), "{bad}");
        }
    }
}
