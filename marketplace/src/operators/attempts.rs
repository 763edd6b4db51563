use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// So many tokens may be shown from one address in [`WINDOW`] until one of them is right.
pub(crate) const MOST: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered. When there are more within a minute, further ones have to wait.
const ADDRESSES: usize = 1024;

/// Counts tokens that were shown, so that they cannot be guessed.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, Tried>>);

struct Tried {
    since: Instant,
    times: u32,
}

impl Attempts {
    /// Counts an attempt before it is looked at, so that many at once are as many one after the other.
    ///
    /// # Errors
    ///
    /// If there were too many: how long to wait.
    pub(super) fn begin(&self, from: IpAddr, at: Instant) -> Result<(), Duration> {
        let mut known = self.lock();
        if known.len() >= ADDRESSES {
            known.retain(|_, tried| at < tried.since + WINDOW);
        }
        let full = known.len() >= ADDRESSES;
        let from = network(from);
        let Some(tried) = known.get_mut(&from) else {
            if full {
                return Err(WINDOW);
            }
            known.insert(from, Tried { since: at, times: 1 });
            return Ok(());
        };
        if at >= tried.since + WINDOW {
            *tried = Tried { since: at, times: 0 };
        }
        if tried.times >= MOST {
            return Err(tried.since + WINDOW - at);
        }
        tried.times += 1;
        Ok(())
    }

    /// Whoever knows the token may go on.
    pub(super) fn succeeded(&self, from: IpAddr) {
        self.lock().remove(&network(from));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Tried>> {
        // Nothing that is done under it can leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One subscriber has all addresses of an IPv6 network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> IpAddr {
        IpAddr::from([10, 0, (number >> 8) as u8, number as u8])
    }

    #[test]
    fn so_many_and_no_more_until_a_minute_has_passed() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        for _ in 0..MOST {
            assert_eq!(attempts.begin(address(1), start), Ok(()));
        }
        let later = start + Duration::from_secs(20);
        assert_eq!(attempts.begin(address(1), later), Err(Duration::from_secs(40)));
        assert_eq!(attempts.begin(address(2), later), Ok(()), "another address");
        assert_eq!(attempts.begin(address(1), start + WINDOW), Ok(()));
        // The right one begins anew.
        for _ in 0..3 {
            (0..MOST - 1).for_each(|_| attempts.begin(address(3), start).unwrap());
            attempts.succeeded(address(3));
        }
    }

    #[test]
    fn one_network_is_one_address() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        for host in 0..MOST {
            attempts.begin(format!("2001:db8::{host:x}").parse().unwrap(), start).unwrap();
        }
        assert!(attempts.begin("2001:db8::ffff".parse().unwrap(), start).is_err());
        assert!(attempts.begin("2001:db8:0:1::1".parse().unwrap(), start).is_ok());
        (0..MOST).for_each(|_| attempts.begin("::ffff:192.0.2.1".parse().unwrap(), start).unwrap());
        assert!(attempts.begin("192.0.2.1".parse().unwrap(), start).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        for number in 0..ADDRESSES {
            attempts.begin(address(number), start).unwrap();
        }
        assert_eq!(attempts.begin(address(ADDRESSES), start), Err(WINDOW));
        assert_eq!(attempts.begin(address(0), start), Ok(()), "one that is known");
        assert_eq!(attempts.begin(address(ADDRESSES), start + WINDOW), Ok(()));
        assert_eq!(attempts.lock().len(), 1);
    }
}
