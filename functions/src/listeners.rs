//! Further addresses, each with routes of its own.

use axum::Router;
use futures_util::future::join_all;
use service::{Failure, Server, Shell, tls::ServerTls};
use tokio::net::TcpListener;

use crate::config::{Config, Rules};

/// Listens on all of them, in their order.
///
/// # Errors
///
/// If one is taken, or is not this machine's.
pub(crate) fn bind(rules: &Rules) -> Result<Vec<TcpListener>, Failure> {
    let listeners = (1..).zip(&rules.listeners);
    listeners.map(|(number, listener)| service::bind(&setting(number), listener.bind)).collect()
}

/// Serves on each of them what `app` gives for its index, as long as the service's own address is served.
pub(crate) async fn serve(
    listeners: Vec<TcpListener>,
    shell: &Shell,
    config: &Config,
    tls: Option<&ServerTls>,
    app: impl Fn(usize) -> Router,
) {
    let serving = listeners.into_iter().enumerate().map(|(index, listener)| {
        service::listening(&setting(index + 1), listener.local_addr());
        let server = Server::new(listener, config.listener(), shell.shutdown.clone()).tls(tls.cloned());
        server.serve(app(index))
    });
    let cut_off: usize = join_all(serving).await.into_iter().sum();
    if cut_off > 0 {
        tracing::warn!(
            cut_off,
            "connections of further listeners were still open at the end of the grace period"
        );
    }
}

fn setting(number: usize) -> String {
    format!("listeners[{number}]")
}
