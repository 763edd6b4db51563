use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use http::HeaderValue;
use service::tls::ClientTls;
use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{Host, Hosts, backend::Backend, rotation::Rotation};

/// How often a host is resolved, unless something makes it look at once.
pub(crate) const EVERY: Duration = Duration::from_secs(2);
/// How soon again when a backend has failed or is leaving.
const SOON: Duration = Duration::from_millis(250);
/// Connections at a time.
const MOST: usize = 256;

/// The addresses of a host, in time.
pub type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
/// Finds all addresses of a host.
pub type Resolver = Arc<dyn Fn(Host) -> Lookup + Send + Sync>;

/// What is looked after.
pub(crate) struct Upkeep {
    pub(crate) hosts: Hosts,
    pub(crate) tls: Option<ClientTls>,
    pub(crate) app_id: Option<HeaderValue>,
    pub(crate) resolver: Resolver,
    pub(crate) every: Duration,
    pub(crate) rotation: Arc<Rotation>,
    pub(crate) stale: watch::Sender<()>,
}

/// The system's resolver, but for `localhost`: that is both loopback addresses (RFC 6761), whatever a hosts file leaves
/// out.
pub(crate) fn system() -> Resolver {
    Arc::new(|host: Host| {
        Box::pin(async move {
            if host.is_localhost() {
                return Ok(vec![
                    (Ipv6Addr::LOCALHOST, host.port()).into(),
                    (Ipv4Addr::LOCALHOST, host.port()).into(),
                ]);
            }
            Ok(tokio::net::lookup_host((host.name(), host.port())).await?.collect())
        })
    })
}

/// Keeps one backend for each address of each host, until the task is aborted.
pub(crate) async fn keep(upkeep: Upkeep) {
    let Upkeep { hosts, tls, app_id, resolver, every, rotation, stale } = upkeep;
    let (tell, mut told) = mpsc::channel(hosts.len());
    // Both sets end their tasks when they are dropped.
    let mut lookups = JoinSet::new();
    let mut backends = JoinSet::new();
    for (number, host) in hosts.iter().enumerate() {
        let (host, resolver) = (host.clone(), Arc::clone(&resolver));
        lookups.spawn(look_up(number, host, resolver, every, stale.subscribe(), tell.clone()));
    }
    let mut found: Vec<Option<Vec<SocketAddr>>> = vec![None; hosts.len()];
    let mut kept: HashMap<SocketAddr, AbortHandle> = HashMap::new();
    while let Some((number, addresses)) = told.recv().await {
        let first = found[number].replace(addresses).is_none();
        let wanted = union(&hosts, &found);
        kept.retain(|address, backend| {
            let stays = wanted.contains_key(address);
            if !stays {
                tracing::info!(%address, "recommendations has left its address");
                backend.abort();
            }
            stays
        });
        for (address, host) in wanted {
            kept.entry(address).or_insert_with(|| {
                let (tls, app_id, stale) = (tls.clone(), app_id.clone(), stale.clone());
                let backend =
                    Backend { host: host.clone(), address, tls, app_id, seat: rotation.seat(), stale };
                backends.spawn(backend.keep())
            });
        }
        while backends.try_join_next().is_some() {}
        if first {
            rotation.resolved();
        }
    }
}

/// Every address once, with the first host that has it.
fn union<'a>(hosts: &'a Hosts, found: &[Option<Vec<SocketAddr>>]) -> BTreeMap<SocketAddr, &'a Host> {
    let mut all = BTreeMap::new();
    for (host, addresses) in hosts.iter().zip(found) {
        for address in addresses.iter().flatten() {
            all.entry(*address).or_insert(host);
        }
    }
    // Always the same ones, so that connections stay.
    if all.len() > MOST {
        tracing::warn!(addresses = all.len(), used = MOST, "recommendations has too many addresses");
    }
    all.into_iter().take(MOST).collect()
}

/// Tells the addresses of a host at first, and whenever they have changed.
async fn look_up(
    number: usize,
    host: Host,
    resolver: Resolver,
    every: Duration,
    mut stale: watch::Receiver<()>,
    tell: mpsc::Sender<(usize, Vec<SocketAddr>)>,
) {
    let mut last: Option<Vec<SocketAddr>> = None;
    let mut known = true;
    loop {
        stale.mark_unchanged();
        let now = match resolver(host.clone()).await {
            Ok(mut addresses) if !addresses.is_empty() => {
                addresses.sort_unstable();
                known = true;
                Some(addresses)
            }
            failed => {
                if std::mem::replace(&mut known, false) {
                    let error =
                        failed.err().map_or_else(|| "no address".to_owned(), |error| error.to_string());
                    tracing::warn!(%host, error, "the host cannot be resolved");
                }
                // The last known addresses stay; if there are none, those who wait learn that they wait in vain.
                last.is_none().then(Vec::new)
            }
        };
        if now.is_some() && now != last {
            last = now;
            if tell.send((number, last.clone().unwrap_or_default())).await.is_err() {
                return;
            }
        }
        sleep(SOON).await;
        // An error means that nobody is left to ask.
        _ = timeout(every.saturating_sub(SOON), stale.changed()).await;
    }
}
