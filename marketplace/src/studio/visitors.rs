use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Full;
use crate::allowance::network;

/// Pictures that are worked on at a time, from the first byte that comes in. Each holds a picture and an answer.
const MOST: usize = 8;
/// So many of them may be of one address.
const MOST_OF_ONE: usize = 2;

/// Whose pictures are worked on.
#[derive(Debug, Default)]
pub(crate) struct Visitors(Mutex<Vec<Option<IpAddr>>>);

/// One of them.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    all: &'a Visitors,
    from: Option<IpAddr>,
}

impl Visitors {
    pub(super) fn place(&self, from: Option<IpAddr>) -> Result<Place<'_>, Full> {
        let from = from.map(network);
        let mut all = self.lock();
        if all.iter().filter(|one| **one == from).count() >= MOST_OF_ONE {
            return Err(Full::Theirs);
        }
        if all.len() >= MOST {
            return Err(Full::All);
        }
        all.push(from);
        Ok(Place { all: self, from })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<IpAddr>>> {
        // Addresses, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(place) = all.iter().position(|one| *one == self.from) {
            all.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{Full, MOST, MOST_OF_ONE, Visitors};

    fn address(number: u32) -> Option<IpAddr> {
        Some(Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn a_visitor_has_some_places_and_all_have_more() {
        let all = Visitors::default();
        let mut held: Vec<_> = (0..MOST_OF_ONE).map(|_| all.place(address(1)).unwrap()).collect();
        assert_eq!(all.place(address(1)).unwrap_err(), Full::Theirs);
        held.extend((MOST_OF_ONE..MOST).map(|number| all.place(address(7 + number as u32)).unwrap()));
        assert_eq!(all.place(address(2)).unwrap_err(), Full::All);
        held.remove(0);
        assert!(all.place(address(1)).is_ok());
        let own: Vec<_> = (0..MOST_OF_ONE).map(|_| all.place(None)).collect();
        assert!(own[0].is_ok() && own[1].as_ref().is_err_and(|why| *why == Full::All));
        drop((held, own));
        assert!(all.lock().is_empty());
    }
}
