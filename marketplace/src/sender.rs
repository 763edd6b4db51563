//! Where a request comes from, for what is counted by address.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use service::Peer;

use crate::shop::Shop;

/// The address of whoever sent a request, as trusted proxies tell it; `None` if it came over no network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender(pub(crate) Option<IpAddr>);

impl FromRequestParts<Arc<Shop>> for Sender {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>();
        Ok(Self(peer.map(|peer| shop.proxies.sender(peer.address.ip(), &parts.headers))))
    }
}
