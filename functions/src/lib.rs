//! A shop's own functions: WebAssembly modules that answer over HTTP, each call sandboxed and limited.
//!
//! A request meets the modules in the order in which they are declared.

mod config;
mod router;
mod middleware;
mod handlers;
pub mod deploy;
mod app;
pub mod input;
pub mod invoke;
pub mod output;
pub mod problem;
pub mod calls;
pub mod logs;
pub mod modules;
pub mod deployed;
pub mod manifest;
pub mod routes;
pub mod shop;
pub mod limits;
pub mod name;
pub mod document;

use std::{future::Future, path::Path, sync::Arc};

use arc_swap::ArcSwap;
use futures_util::{FutureExt as _, future::BoxFuture};
use host::{Engine, EngineSettings, NoShop};
use service::{Failure, Limits, Protocol, Shell, telemetry::CallLayer, tls::ClientTls, token::Guard};
use storage::Objects;
use tokio::net::TcpListener;

pub use config::Config;

use crate::{
    app::App,
    calls::{Calls, LaneLimits},
    deploy::Deploying,
    invoke::Invoker,
    logs::Logs,
    modules::{Fitting, Modules, Settings},
    routes::Routes,
    shop::Bookshop,
};

/// The prefix of the service's variables.
pub const PREFIX: &str = "FUNCTIONS";

/// Serves functions and the admin port until `shutdown` resolves and what was in flight has ended.
///
/// It is ready when what lies in the store of modules answers or is refused.
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

/// The part of [`run`] that may fail. The future that it returns is the rest. Takes a runtime around it.
///
/// # Errors
///
/// If settings cannot be used, or the machine does not give what it takes to run guests.
pub fn start(
    config: Config,
    listener: TcpListener,
    admin: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<BoxFuture<'static, ()>, Failure> {
    started(config, listener, admin, shutdown.boxed())
}

/// Of no type parameter, and boxed: so the whole service is compiled here, once, and not in each program and test that runs it.
fn started(
    config: Config,
    listener: TcpListener,
    admin: TcpListener,
    shutdown: BoxFuture<'static, ()>,
) -> Result<BoxFuture<'static, ()>, Failure> {
    let (shell, starting) = Shell::open(PREFIX, "modules", admin, config.shutdown, shutdown)?;
    let tls = ClientTls::load(PREFIX, &config.tls)?;
    let cache = config.data.as_deref().map(|data| data.join("compiled"));
    let settings = EngineSettings { guests: config.calls, cache };
    let engine = Engine::new(&settings).map_err(|error| Failure::caused(&error))?;
    let objects = Objects::open(config.objects_url.as_deref(), config.data.as_deref())?;
    let longest = usize::try_from(config.max_module.0).unwrap_or(usize::MAX);
    let logs = Logs::default();
    let (modules, keeper) = Modules::new(Settings {
        objects,
        fitting: Fitting {
            engine,
            limits: limits::Limits::default(),
            folders: None,
            data: config.data.as_deref().map(Path::to_owned),
        },
        longest: config.max_module.0,
        kept: config.kept_versions as usize,
        poll: config.poll,
        logs: logs.clone(),
    });
    let served = async move {
        let lane = LaneLimits {
            calls: config.calls as usize,
            queue: config.backlog as usize,
            queue_time: config.queue_time,
        };
        let calls = Calls::new(lane, &shell.metrics);
        let channel = shop::channel(config.recommendations_host, tls);
        let token = config.token.token.as_ref();
        let guard = Guard::new(token.or(config.deploy_token.as_ref()).cloned());
        let deploying = Deploying::new(modules.clone(), logs.clone(), guard, longest);
        let routes = Arc::<ArcSwap<Routes>>::default();
        let app = App {
            modules: modules.clone(),
            invoker: Invoker { calls, logs },
            routes: Arc::clone(&routes),
            shop: Arc::new(Bookshop::new(channel, token, Arc::new(NoShop))),
        };
        let app = middleware::apply(
            router::routes(app).merge(deploy::routes(Arc::new(deploying))),
            CallLayer::http(&shell.metrics, shell.exporter.clone()),
        );
        let keeping = tokio::spawn(keeper.run());
        let following = tokio::spawn(follow(modules.clone(), routes));
        tokio::spawn(async move {
            modules.loaded().await;
            starting.release();
        });
        let limits = Limits { max_header_bytes: middleware::MAX_HEAD, ..Limits::new(Protocol::Both) };
        shell.serve(listener, limits, None, app).await;
        following.abort();
        // Whatever was to be deployed has been, or has had its time.
        keeping.abort();
        shell.end().await;
    };
    Ok(served.boxed())
}

/// Lets the routes of all manifests lead to their functions.
async fn follow(modules: Modules, routes: Arc<ArcSwap<Routes>>) {
    let mut changes = modules.changes();
    while changes.changed().await.is_ok() {
        changes.borrow_and_update();
        let table = modules.table();
        let all = table.entries().flat_map(|entry| {
            let own = entry.deployed.manifest.routes.iter().cloned();
            own.map(|route| (route, entry.deployed.name.clone()))
        });
        routes.store(Arc::new(Routes::new(all)));
    }
}
