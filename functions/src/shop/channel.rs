use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper_util::rt::TokioIo;
use protobufs::hosts::Hosts;
use service::{
    Protocol,
    tls::{self, ClientTls},
};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};

/// How long one host may take to be connected to.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection to the first host that answers, opened by the first call and again when it is lost, then to the next one first.
#[must_use]
pub fn channel(hosts: Hosts, own: Option<ClientTls>) -> Channel {
    let turn = Arc::new(AtomicUsize::new(0));
    let connector = tower::service_fn(move |_| {
        let (hosts, own, turn) = (hosts.clone(), own.clone(), turn.fetch_add(1, Ordering::Relaxed));
        async move {
            let mut failure = io::Error::other("there is no host");
            for host in hosts.iter().cycle().skip(turn % hosts.len()).take(hosts.len()) {
                let connecting = tls::connect(host.name(), host.port(), own.as_ref(), Protocol::Http2);
                match timeout(PATIENCE, connecting).await {
                    Ok(Ok(stream)) => return Ok(TokioIo::new(stream)),
                    Ok(Err(error)) => failure = error,
                    Err(_) => failure = io::ErrorKind::TimedOut.into(),
                }
            }
            Err(failure)
        }
    });
    // The connector knows where to go; the URL only has to be one.
    Endpoint::from_static("http://recommendations").connect_with_connector_lazy(connector)
}
