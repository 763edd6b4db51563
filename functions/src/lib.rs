//! A shop's own functions: WebAssembly modules that answer over HTTP, each call sandboxed and limited.
//!
//! A request meets the modules in the order in which they are declared.

pub mod config;
mod listeners;
mod router;
mod middleware;
pub mod access;
pub mod cors;
pub mod bounds;
mod handlers;
pub mod clients;
pub mod deploy;
mod page;
mod app;
pub mod input;
pub mod invoke;
pub mod output;
pub mod problem;
pub mod calls;
pub mod logs;
mod background;
pub mod modules;
pub mod deployed;
pub mod manifest;
pub mod routes;
pub mod statics;
pub mod shop;
pub mod tasks;
pub mod events;
pub mod store;
pub mod limits;
mod json;
pub mod document;
pub mod pidfile;
pub mod notify;

pub use host::name;

use std::{future::Future, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures_util::{FutureExt as _, future::BoxFuture};
use host::{Engine, EngineSettings, Shop};
use service::{
    Failure, Protocol, Shell, Shutdown, State,
    config::TlsSettings,
    telemetry::{self, CallLayer, LogControl, LogTarget},
    tls::{ClientTls, ServerTls},
    token::Guard,
};
use storage::{Objects, Place};
use tokio::{net::TcpListener, sync::watch};

pub use config::{Config, PREFIX};

use crate::{
    access::{AccessLayer, AccessLog},
    app::App,
    background::Background,
    bounds::BoundsLayer,
    calls::{Calls, LaneLimits},
    clients::Clients,
    config::{Door, Live, Reload, Rules},
    deploy::Deploying,
    events::Events,
    invoke::Invoker,
    logs::Logs,
    middleware::Layers,
    modules::{Fitting, Modules, Settings},
    notify::Told,
    pidfile::PidFile,
    routes::Routes,
    shop::Bookshop,
    store::Store,
    tasks::Tasks,
};

/// How long the last tasks and events may take to be written down.
const LAST_WRITES: Duration = Duration::from_secs(5);

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
    start(config, listener, admin, shutdown).await?.await;
    Ok(())
}

/// The part of [`run`] that may fail. The future that it returns is the rest.
///
/// # Errors
///
/// If settings or the database cannot be used, or the machine does not give what it takes to run guests.
pub async fn start(
    config: Config,
    listener: TcpListener,
    admin: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<BoxFuture<'static, ()>, Failure> {
    started(config, listener, admin, shutdown.boxed(), None).await
}

/// The whole process of a service of its own: its log, its pid file, its ports, and what SIGHUP and systemd are told.
///
/// # Errors
///
/// As [`start`], or if a port or the log's file cannot be had.
pub fn serve(config: Config) -> Result<(), Failure> {
    let (_log, control) = telemetry::init_changing(&config.log(), &config.errorlog)?;
    service::block_on(async {
        let listener = service::bind("FUNCTIONS_BIND", config.bind)?;
        let admin = service::bind("FUNCTIONS_ADMIN_BIND", config.admin_bind)?;
        started(config, listener, admin, service::signals()?.boxed(), Some(control)).await?.await;
        Ok(())
    })
}

/// Of no type parameter, and boxed: so the whole service is compiled here, once, and not in each program and test that runs it.
async fn started(
    config: Config,
    listener: TcpListener,
    admin: TcpListener,
    shutdown: BoxFuture<'static, ()>,
    log: Option<LogControl>,
) -> Result<BoxFuture<'static, ()>, Failure> {
    let (shell, starting) = Shell::open(PREFIX, "modules", admin, config.shutdown(), shutdown)?;
    let pidfile = config.pidfile.as_deref().map(PidFile::create).transpose()?;
    let (client_tls, server_tls) = certificates(&config)?;
    let further = listeners::bind(&config.rules)?;
    let access =
        config.accesslog.as_ref().map(|target| AccessLog::open(target, &shell.metrics)).transpose()?;
    let place = Place::new(config.database_url.clone(), config.data.clone())?;
    let data = place.folder;
    let cache = data.as_deref().map(|data| data.join("compiled"));
    let settings = EngineSettings { guests: config.calls(), cache };
    let engine = Engine::new(&settings).map_err(|error| Failure::caused(&error))?;
    engine.renew_plugins_after(config.max_requests);
    engine.lend(config::open_models(&config.rules.models)?);
    let objects = Objects::open(config.objects_url.as_deref(), data.as_deref())?;
    let longest = usize::try_from(config.max_module.0).unwrap_or(usize::MAX);
    let logs = Logs::default();
    let (modules, keeper) = Modules::new(Settings {
        objects,
        fitting: Fitting {
            engine: engine.clone(),
            limits: config.rules.limits,
            folders: config.folders.as_deref().map(<[_]>::to_vec),
            data,
        },
        longest: config.max_module.0,
        kept: config.kept_versions as usize,
        poll: config.poll,
        samples: if config.samples == Some(true) { &modules::SAMPLES } else { &[] },
        logs: logs.clone(),
    });
    let rules: Live = Arc::new(ArcSwap::from_pointee(config.rules.clone()));
    let is_own_process = log.is_some();
    let reload = reload(&config, &rules, log, access.as_ref(), &modules, &engine)?;
    let store = Store::connect(&place.database_url).await?;
    let served = async move {
        let lane = LaneLimits {
            calls: config.calls() as usize,
            queue: config.backlog as usize,
            queue_time: config.rules.limits.queue_time,
        };
        let calls = Calls::new(lane, &shell.metrics);
        let token = config.token.token.as_ref();
        let guard = Guard::new(token.or(config.deploy_token.as_ref()).cloned());
        let deploying = Deploying::new(modules.clone(), logs.clone(), guard.clone(), longest);
        let routes = Arc::<ArcSwap<Routes>>::default();
        let channel = shop::channel(config.recommendations_host.clone(), client_tls);
        let (events, writer) = Events::new(store.clone(), &shell.metrics);
        let invoker = Invoker { calls, logs, events };
        let shop = Bookshop::new(channel, token, store.clone());
        let shop = Arc::new(shop.with_app_id(config.recommendations_app_id.as_ref()));
        let background = Background {
            modules: modules.clone(),
            invoker: invoker.clone(),
            shop: Arc::clone(&shop) as Arc<dyn Shop>,
        };
        let hosts = Arc::clone(&rules);
        let parts = tasks::Parts {
            store,
            functions: Arc::new(background),
            settings: config.tasks.clone(),
            guard,
            hosts: Arc::new(move || hosts.load().hosts.clone()),
        };
        let in_background = Tasks::new(parts, &shell.metrics);
        let app = App {
            modules: modules.clone(),
            invoker,
            door: Door::main(&rules),
            routes: Arc::clone(&routes),
            clients: Arc::new(Clients::new(&config)),
            state: shell.readiness.subscribe(),
            timeout: config.timeout,
            shop,
            tasks: in_background.clone(),
        };
        let layers = Layers {
            calls: CallLayer::http(&shell.metrics, shell.exporter.clone()),
            access: AccessLayer::new(access.clone()),
            bounds: BoundsLayer::new(&config),
        };
        let own = router::routes(app.clone()).merge(deploy::routes(Arc::new(deploying)));
        let own = own.merge(tasks::routes(in_background.clone()));
        let own = middleware::apply(own, &layers, app.door.clone());
        let tasks = [
            tokio::spawn(keeper.run()),
            tokio::spawn(follow(modules.clone(), routes)),
            tokio::spawn(
                reload.map_or_else(|| std::future::pending().boxed(), |reload| reload.follow().boxed()),
            ),
            tokio::spawn(told(is_own_process, shell.readiness.subscribe(), shell.shutdown.clone())),
        ];
        let writing = tokio::spawn(writer.run());
        let working = tokio::spawn({
            let (modules, shutdown) = (modules.clone(), shell.shutdown.clone());
            async move {
                // What is not there yet would be taken for gone.
                let loaded = tokio::select! {
                    () = modules.loaded() => true,
                    () = shutdown.leaving() => false,
                };
                if loaded {
                    in_background.run(shutdown).await;
                }
            }
        });
        tokio::spawn(async move {
            modules.loaded().await;
            starting.release();
        });
        let others = listeners::serve(further, &shell, &config, server_tls.as_ref(), |index| {
            let door = Door::further(&rules, index);
            let routes = router::further(App { door: door.clone(), ..app.clone() });
            middleware::apply(routes.merge(tasks::routes(app.tasks.clone())), &layers, door)
        });
        tokio::join!(shell.serve(listener, config.listener(), server_tls.clone(), own), others);
        // Tasks have the grace period, and then a moment to be given back.
        if tokio::time::timeout(config.graceful_timeout + LAST_WRITES, working).await.is_err() {
            tracing::warn!("tasks were not given back");
        }
        // Whatever was to be deployed has been, or has had its time.
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        drop((app, layers));
        if tokio::time::timeout(LAST_WRITES, writing).await.is_err() {
            tracing::warn!("the last images were not written down");
        }
        // What is left of the access log is written on a thread that may wait for a disk.
        if let Err(error) = tokio::task::spawn_blocking(move || drop(access)).await {
            tracing::warn!(%error, "the access log did not end well");
        }
        shell.end().await;
        drop(pidfile);
    };
    Ok(served.boxed())
}

/// For recommendations, and for browsers, which show none of their own.
fn certificates(config: &Config) -> Result<(Option<ClientTls>, Option<ServerTls>), Failure> {
    let client = match (config.https, &config.tls.tls_ca) {
        // A certificate for browsers alone says nothing about recommendations.
        (true, None) => None,
        _ => ClientTls::load(PREFIX, &config.tls)?,
    };
    if !config.https {
        return Ok((client, None));
    }
    let server = TlsSettings { tls_ca: None, ..config.tls.clone() };
    let server = ServerTls::load(PREFIX, &server, Protocol::Both)?;
    let missing = || Failure::usage("FUNCTIONS_HTTPS: needs FUNCTIONS_TLS_CERT and FUNCTIONS_TLS_KEY");
    Ok((client, Some(server.ok_or_else(missing)?)))
}

/// What SIGHUP does. Where there is nothing to read or to open again, it does what it always does.
fn reload(
    config: &Config,
    rules: &Live,
    log: Option<LogControl>,
    access: Option<&AccessLog>,
    modules: &Modules,
    engine: &Engine,
) -> Result<Option<Reload>, Failure> {
    let files = [Some(&config.errorlog).filter(|_| log.is_some()), config.accesslog.as_ref()];
    let files = files.into_iter().flatten().any(|target| *target != LogTarget::Stdout);
    if config.config.is_none() && !files {
        return Ok(None);
    }
    let (modules, engine) = (modules.clone(), engine.clone());
    let changed = move |before: &Rules, now: &Rules| {
        if let Err(error) = modules.limit(now.limits) {
            tracing::error!(%error, "new limits are not taken");
        }
        // Those that are loaded stay so unless something is said anew.
        if before.models != now.models {
            match config::open_models(&now.models) {
                Ok(models) => engine.lend(models),
                Err(error) => tracing::error!(%error, "new models are not taken: the old ones stay"),
            }
        }
    };
    let access = access.map(AccessLog::reopen);
    Reload::new(config.clone(), Arc::clone(rules), log, access, changed).map(Some)
}

/// Tells systemd how far the service is, where the process is its own.
async fn told(is_own_process: bool, mut state: watch::Receiver<State>, shutdown: Shutdown) {
    if is_own_process && state.wait_for(|state| *state == State::Ready).await.is_ok() {
        notify::tell(Told::Ready);
        shutdown.leaving().await;
        notify::tell(Told::Stopping);
    }
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
