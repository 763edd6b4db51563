//! How often something may be done from one address (a token bucket for each).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Addresses that are remembered, those that have done nothing lately aside; all others share what one may.
const MOST: usize = 4_096;
/// In how many seconds an address has its whole share again.
const WINDOW: f64 = 60.0;

/// Lets so many through in a minute, and as many at once.
#[derive(Debug)]
pub struct Allowance {
    each_minute: u32,
    buckets: Mutex<HashMap<Option<IpAddr>, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    since: Instant,
}

impl Allowance {
    /// 0: as many as come.
    #[must_use]
    pub fn new(each_minute: u32) -> Self {
        Self { each_minute, buckets: Mutex::default() }
    }

    /// Counts one more from this address, before it is looked at: many at once are as many one after the other.
    ///
    /// # Errors
    ///
    /// If there were too many: how long to wait.
    pub fn take(&self, from: Option<IpAddr>) -> Result<(), Duration> {
        self.take_at(from, Instant::now())
    }

    fn take_at(&self, from: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        if self.each_minute == 0 {
            return Ok(());
        }
        let mut buckets = self.lock();
        let mut key = from.map(network);
        if !buckets.contains_key(&key) && buckets.len() >= MOST {
            buckets.retain(|_, bucket| self.left(bucket, now) < f64::from(self.each_minute));
            if buckets.len() >= MOST {
                key = None;
            }
        }
        let full = Bucket { left: f64::from(self.each_minute), since: now };
        let bucket = buckets.entry(key).or_insert(full);
        *bucket = Bucket { left: self.left(bucket, now), since: now };
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) * WINDOW / f64::from(self.each_minute)));
        }
        bucket.left -= 1.0;
        Ok(())
    }

    /// Gives an address its whole share again.
    pub fn forgive(&self, from: Option<IpAddr>) {
        self.lock().remove(&from.map(network));
    }

    fn left(&self, bucket: &Bucket, now: Instant) -> f64 {
        let most = f64::from(self.each_minute);
        (bucket.left + now.saturating_duration_since(bucket.since).as_secs_f64() * most / WINDOW).min(most)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<IpAddr>, Bucket>> {
        // Numbers, whoever panicked.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whom an address stands for: who has one of IPv6 has a whole network of them; this machine has one.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        time::{Duration, Instant},
    };

    use super::{Allowance, MOST, network};

    #[test]
    fn an_address_has_its_share_and_others_theirs() {
        let allowance = Allowance::new(3);
        let start = Instant::now();
        let at = |address: &str, seconds| {
            let address: IpAddr = address.parse().unwrap();
            allowance.take_at(Some(address), start + Duration::from_secs(seconds)).is_ok()
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
        assert!((0..100).all(|_| Allowance::new(0).take(None).is_ok()));
    }

    #[test]
    fn this_machine_is_no_network() {
        let network = |address: &str| network(address.parse().unwrap()).to_string();
        assert_eq!((network("::1"), network("::2")), ("::1".to_owned(), "::".to_owned()));
    }

    #[test]
    fn whoever_is_refused_learns_how_long_and_may_be_forgiven() {
        let allowance = Allowance::new(5);
        let (start, from) = (Instant::now(), Some(IpAddr::from([192, 0, 2, 1])));
        let at = |seconds| allowance.take_at(from, start + Duration::from_secs(seconds));
        assert!((0..5).all(|_| at(0).is_ok()));
        let wait = at(2).unwrap_err();
        assert!((9.9..10.1).contains(&wait.as_secs_f64()), "{wait:?}");
        assert!(at(11).is_err() && at(13).is_ok() && at(13).is_err());
        allowance.forgive(from);
        assert!((0..5).all(|_| at(13).is_ok()) && at(13).is_err());
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_has_rested() {
        let allowance = Allowance::new(2);
        let start = Instant::now();
        let ask = |number: u32, now| allowance.take_at(Some(Ipv4Addr::from_bits(number).into()), now).is_ok();
        for number in 0..2 * MOST as u32 {
            ask(number, start);
        }
        assert!(allowance.lock().len() <= MOST + 1);
        assert!(!ask(5 * MOST as u32, start), "those who are too many share what one may");
        let later = start + Duration::from_secs(120);
        assert!(ask(5 * MOST as u32, later));
        assert!(allowance.lock().len() < 3);
    }
}
