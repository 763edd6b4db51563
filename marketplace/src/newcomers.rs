//! How many visitors from one address become readers: a reader is a row for ever, and saying something makes one.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Addresses that are remembered, those that have become nobody lately aside; all others share what one may.
const MOST: usize = 4_096;

/// Lets so many in a minute, and as many at once (a token bucket for each address).
#[derive(Debug)]
pub(crate) struct Newcomers {
    each_minute: u32,
    buckets: Mutex<HashMap<Option<IpAddr>, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    since: Instant,
}

impl Newcomers {
    /// 0: as many as come.
    pub(crate) fn new(each_minute: u32) -> Self {
        Self { each_minute, buckets: Mutex::default() }
    }

    /// Whether one more visitor from this address may become a reader.
    pub(crate) fn lets_in(&self, address: Option<IpAddr>) -> bool {
        self.each_minute == 0 || self.lets_in_at(address, Instant::now())
    }

    fn lets_in_at(&self, address: Option<IpAddr>, now: Instant) -> bool {
        // Numbers, whoever panicked.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = address.map(network);
        if !buckets.contains_key(&key) && buckets.len() >= MOST {
            buckets.retain(|_, bucket| self.left(bucket, now) < f64::from(self.each_minute));
            if buckets.len() >= MOST {
                key = None;
            }
        }
        let full = Bucket { left: f64::from(self.each_minute), since: now };
        let bucket = buckets.entry(key).or_insert(full);
        *bucket = Bucket { left: self.left(bucket, now), since: now };
        let allowed = bucket.left >= 1.0;
        if allowed {
            bucket.left -= 1.0;
        }
        allowed
    }

    fn left(&self, bucket: &Bucket, now: Instant) -> f64 {
        let most = f64::from(self.each_minute);
        (bucket.left + now.saturating_duration_since(bucket.since).as_secs_f64() * most / 60.0).min(most)
    }
}

/// Who has one address of IPv6 has a whole network of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        time::{Duration, Instant},
    };

    use super::{MOST, Newcomers};

    #[test]
    fn an_address_has_its_share_and_others_theirs() {
        let newcomers = Newcomers::new(3);
        let start = Instant::now();
        let at = |address: &str, seconds| {
            let address: IpAddr = address.parse().unwrap();
            newcomers.lets_in_at(Some(address), start + Duration::from_secs(seconds))
        };
        assert_eq!([0; 4].map(|now| at("192.0.2.1", now)), [true, true, true, false]);
        assert!(at("192.0.2.2", 0));
        assert_eq!([19, 21, 21].map(|now| at("192.0.2.1", now)), [false, true, false]);
        // One network of IPv6 is one address; one of IPv4 stays one when it is written as IPv6.
        assert_eq!(
            ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"].map(|address| at(address, 0)),
            [true, true, true, false]
        );
        assert!(at("2001:db8:0:1::1", 0));
        assert!(!at("::ffff:192.0.2.1", 21));
        assert!((0..100).all(|_| Newcomers::new(0).lets_in(None)));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_has_rested() {
        let newcomers = Newcomers::new(2);
        let start = Instant::now();
        let ask = |number: u32, now| newcomers.lets_in_at(Some(Ipv4Addr::from_bits(number).into()), now);
        for number in 0..2 * MOST as u32 {
            ask(number, start);
        }
        assert!(newcomers.buckets.lock().unwrap().len() <= MOST + 1);
        assert!(!ask(5 * MOST as u32, start), "those who are too many share what one may");
        let later = start + Duration::from_secs(120);
        assert!(ask(5 * MOST as u32, later));
        assert!(newcomers.buckets.lock().unwrap().len() < 3);
    }
}
