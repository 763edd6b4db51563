//! Shelfwise's storefront: pages rendered on the server from what recommendations answers.
//!
//! A request meets the modules in the order in which they are declared. Only [`client`] knows how recommendations is called,
//! and only `functions` how functions are; a page that can do without an answer says so, and one that cannot answers 503.

mod config;
mod router;
mod middleware;
mod pages;
mod origin;
mod sender;
mod suggestions;
mod shop;
mod events;
mod imports;
mod studio;
mod shelves;
mod history;
mod controls;
mod cards;
mod plots;
mod figures;
mod layout;
mod catalogue;
mod fragment;
pub mod covers;
mod statics;
mod operators;
mod reader;
mod functions;
pub mod client;

use std::{future::Future, sync::Arc};

use futures_util::{FutureExt as _, future::BoxFuture};
use service::{
    Failure, Limits, Protocol, Shell, allowance, proxies,
    telemetry::CallLayer,
    tls::{ClientTls, ServerTls},
};
use tokio::net::TcpListener;

pub use config::{Config, PublicUrl};
pub use reader::{CookieKey, CookieKeyError};
pub use service::proxies::{Proxies, ProxiesError};

use crate::{
    allowance::Allowance, cards::Cards, client::Client, events::Events, functions::Functions,
    operators::Operators, reader::Cookies, shelves::Shelves, shop::Shop, studio::Studio,
};

/// The prefix of the service's variables.
pub const PREFIX: &str = "MARKETPLACE";

/// Serves pages and the admin port until `shutdown` resolves and what was in flight has ended.
///
/// It is ready when recommendations has answered once, or has had its time to: without it there still are
/// pages to show.
///
/// # Errors
///
/// As [`start`]. Once it serves, nothing makes it fail.
pub async fn run(
    config: Config,
    listener: TcpListener,
    admin: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    start(config, listener, admin, shutdown)?.await;
    Ok(())
}

/// The part of [`run`] that may fail. The future that it returns is the rest: it says where it listens, calls
/// recommendations and serves. Takes a runtime around it.
///
/// # Errors
///
/// If certificates or telemetry settings cannot be used.
pub fn start(
    config: Config,
    listener: TcpListener,
    admin: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<BoxFuture<'static, ()>, Failure> {
    started(config, listener, admin, shutdown.boxed())
}

/// Of no type parameter, and boxed: so the whole shop is compiled here, once, and not in each program and test that runs it.
fn started(
    config: Config,
    listener: TcpListener,
    admin: TcpListener,
    shutdown: BoxFuture<'static, ()>,
) -> Result<BoxFuture<'static, ()>, Failure> {
    let (shell, starting) = Shell::open(PREFIX, "pages", admin, config.shutdown, shutdown)?;
    // A certificate for readers alone says nothing about recommendations.
    let client_tls = match (config.https, &config.tls.tls_ca) {
        (true, None) => None,
        _ => ClientTls::load(PREFIX, &config.tls)?,
    };
    let server_tls = match config.https {
        true => Some(ServerTls::load(PREFIX, &server_side(&config), Protocol::Both)?.ok_or_else(|| {
            Failure::usage("MARKETPLACE_HTTPS: needs MARKETPLACE_TLS_CERT and MARKETPLACE_TLS_KEY")
        })?),
        false => None,
    };
    if config.functions_url.is_https() && client_tls.is_none() {
        return Err(Failure::usage(
            "FUNCTIONS_URL: https needs MARKETPLACE_TLS_CA, the authority that its certificate comes from",
        ));
    }
    let key = config.cookie_key.unwrap_or_else(|| {
        tracing::warn!("MARKETPLACE_COOKIE_KEY is not set: readers are forgotten when this process ends");
        CookieKey::random()
    });
    let served = async move {
        let functions =
            Functions::new(config.functions_url, client_tls.clone(), config.call_deadline, &shell.metrics);
        let client =
            Client::new(&config.recommendations_host, client_tls, config.call_deadline, &shell.metrics)
                .with_token(config.token.token.as_ref())
                .with_app_id(config.recommendations_app_id);
        let https = config.https || config.public_url.as_ref().is_some_and(PublicUrl::is_https);
        let operators = Operators::new(config.token.token, key.clone(), https, config.public_url.as_ref());
        let shop = Arc::new(Shop {
            shelves: Shelves::start(client.clone(), config.public_url.clone(), config.call_deadline),
            events: Events::start(client.clone(), &shell.metrics),
            client,
            functions,
            cards: Cards::default(),
            cookies: Cookies::new(key, https),
            operators,
            imports: Arc::default(),
            studio: Studio::new(config.studio_pictures),
            newcomers: Allowance::new(config.new_readers),
            proxies: config.trusted_proxies.unwrap_or_default(),
            public_url: config.public_url,
        });
        let app = middleware::apply(
            router::routes(Arc::clone(&shop)),
            https,
            CallLayer::http(&shell.metrics, shell.exporter.clone()),
        );
        tokio::spawn({
            let shop = Arc::clone(&shop);
            async move {
                // The first reader finds the connection open and the shelves full, if that takes no longer than a
                // call may.
                shop.shelves.first().await;
                starting.release();
            }
        });
        let limits = Limits {
            max_header_bytes: middleware::MAX_HEAD as u32,
            max_http2_header_bytes: middleware::MAX_HEAD_HEARD,
            ..Limits::new(Protocol::Both)
        };
        shell.serve(listener, limits, server_tls, app).await;
        shell.end().await;
    };
    Ok(served.boxed())
}

/// Readers' browsers show no certificates, whatever recommendations asks of this service.
fn server_side(config: &Config) -> service::config::TlsSettings {
    service::config::TlsSettings { tls_ca: None, ..config.tls.clone() }
}
