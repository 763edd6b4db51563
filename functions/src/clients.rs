//! How often one client may call functions.

use http::Request;
use service::{Peer, allowance::Allowance, proxies::Proxies};

use crate::{config::Config, problem::Problem};

/// Tells clients apart by where they are, as trusted proxies tell it, and counts what each of them calls.
#[derive(Debug)]
pub struct Clients {
    allowance: Allowance,
    proxies: Proxies,
}

impl Clients {
    /// As set.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let allowance = Allowance::new(config.client_calls.unwrap_or(0));
        Self { allowance, proxies: config.trusted_proxies.clone().unwrap_or_default() }
    }

    /// Counts a call, before anything of it is done.
    ///
    /// # Errors
    ///
    /// If its client has called too often.
    pub fn admit<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let peer = request.extensions().get::<Peer>();
        let from = peer.map(|peer| self.proxies.sender(peer.address.ip(), request.headers()));
        self.allowance.take(from).map_err(Problem::TooOften)
    }
}
