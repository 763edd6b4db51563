//! Shelfwise's recommendation server: the catalogue, its search, and what to recommend from it.
//!
//! Modules stand in the order in which a request meets them, and depend only on those below.

pub mod config;
pub mod grpc;
pub mod training;
pub mod statistics;
pub mod knowledge;
pub mod recommend;
pub mod loading;
pub mod search;
pub mod import;
pub mod readers;
pub mod artefact;
pub mod store;
pub mod simulate;
pub mod ratings;
pub mod variants;
pub mod rankers;
pub mod evaluate;
pub mod models;
pub mod catalogue;

use std::{error::Error, future::Future, path::PathBuf, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use service::{
    Failure, Limits, Protocol, Shell,
    grpc::{AdmissionLayer, HealthService, methods, streams},
    telemetry::{CallLayer, Metrics},
    tls::ServerTls,
    token::Guard,
};
use storage::{Objects, Place};
use tokio::net::TcpListener;
use tonic_health::pb::health_server::HealthServer;
use tower::ServiceBuilder;

pub use config::Config;

use crate::{
    grpc::Bounds,
    knowledge::{Active, Keeper},
    loading::Loader,
    rankers::Rankers,
    readers::{ReaderMetrics, Readers, Writer},
    statistics::Counted,
    store::{Store, StoreError},
    training::Training,
};

/// How long the start waits for rankers.
const FIRST_RANKERS: Duration = Duration::from_secs(2);
/// How long the last events may take to be stored.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// How long a stream may go on over a connection that was asked to go for its age: as long as the storefront gives a library
/// to come. All other calls end sooner by themselves.
const LONGEST_STREAM: Duration = Duration::from_secs(600);

/// The prefix of the service's variables.
pub const PREFIX: &str = "RECOMMENDATIONS";

/// The full names of the services that answer, health and reflection aside.
const SERVICES: &[&str] = &[
    "Recommendations",
    "shelfwise.catalogue.v1.CatalogueService",
    "shelfwise.readers.v1.ReadersService",
    "shelfwise.models.v1.ModelsService",
];

/// Serves gRPC and the admin port until `shutdown` resolves and what was in flight has ended.
///
/// The admin port answers from the first moment, gRPC once the catalogue is in memory.
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

/// The part of [`run`] that may fail. The future that it returns is the rest: it says where it listens, and serves.
///
/// # Errors
///
/// If settings, certificates or the database cannot be used.
pub async fn start(
    config: Config,
    listener: TcpListener,
    admin: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<BoxFuture<'static, ()>, Failure> {
    started(config, listener, admin, shutdown.boxed()).await
}

/// Of no type parameter, and boxed: so the whole server is compiled here, once, and not in each program and test that runs it.
fn started(
    config: Config,
    listener: TcpListener,
    admin: TcpListener,
    shutdown: BoxFuture<'static, ()>,
) -> BoxFuture<'static, Result<BoxFuture<'static, ()>, Failure>> {
    begin(config, listener, admin, shutdown).boxed()
}

async fn begin(
    config: Config,
    listener: TcpListener,
    admin: TcpListener,
    shutdown: BoxFuture<'static, ()>,
) -> Result<BoxFuture<'static, ()>, Failure> {
    let (shell, starting) = Shell::open(PREFIX, "catalogue", admin, config.shutdown, shutdown)?;
    let tls = ServerTls::load(PREFIX, &config.tls, Protocol::Http2)?;
    let opened = tokio::select! {
        opened = open(&config, ReaderMetrics::new(&shell.metrics)) => Some(opened?),
        () = shell.shutdown.leaving() => None,
    };
    let rankers = match &opened {
        Some(Opened { objects, folder, .. }) => Rankers::open(
            config.rankers(),
            config.ranking.limits(),
            objects,
            folder.as_deref(),
            &shell.metrics,
        )?,
        None => Rankers::default(),
    };
    let served = async move {
        // Asked to end before there was anything to serve.
        let Some(opened) = opened else { return };
        opened.warn();
        let Opened { loader, readers, writer, training, active, .. } = opened;
        // A ranker that takes longer to compile is in use a little later.
        _ = tokio::time::timeout(FIRST_RANKERS, rankers.look()).await;
        let served = [
            protobufs::DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        ];
        let methods = methods(&served);
        let calls = CallLayer::grpc(&shell.metrics, shell.exporter.clone(), methods.clone());
        let health = HealthService::new(shell.readiness.clone(), shell.shutdown.clone(), SERVICES);
        let ratings = readers.ratings().clone();
        let bounds = Bounds {
            max_message_bytes: config.max_message_bytes as usize,
            max_library_bytes: u64::from(config.max_library_bytes),
        };
        let keeper = Keeper::start(loader.current(), ratings.clone(), active);
        let choice = config.choice(rankers.clone());
        let guard = Guard::new(config.token.token);
        let comparing = grpc::Comparing { variants: Arc::clone(&choice.variants), readers: readers.clone() };
        let counted = Counted::new(keeper.known(), ratings.clone());
        let routes = grpc::routes(keeper.known(), ratings, choice, bounds)
            .add_service(grpc::readers(
                loader.current(),
                readers.clone(),
                training.clone(),
                guard.clone(),
                bounds,
            ))
            .add_service(grpc::models(
                loader.current(),
                training.clone(),
                comparing,
                counted,
                shell.shutdown.clone(),
                guard,
                bounds.max_message_bytes,
            ))
            .add_service(HealthServer::new(health).max_decoding_message_size(bounds.max_message_bytes))
            .add_service(reflection(bounds.max_message_bytes))
            .prepare();
        let admission = AdmissionLayer::new(config.admission, streams(&served), methods);
        let app = ServiceBuilder::new().layer(calls).layer(admission).service(routes);
        let limits = Limits {
            max_connections: config.max_connections as usize,
            max_streams: config.max_streams,
            keepalive_interval: config.keepalive_interval,
            keepalive_time: config.keepalive_time,
            connection_age: Some(config.connection_age),
            close_time: LONGEST_STREAM,
            ..Limits::new(Protocol::Http2)
        };
        let upkeep = tokio::spawn({
            let shutdown = shell.shutdown.clone();
            loader.run(async move { shutdown.over().await })
        });
        let keeping = tokio::spawn({
            let shutdown = shell.shutdown.clone();
            keeper.run(async move { shutdown.over().await })
        });
        let ranking = tokio::spawn({
            let shutdown = shell.shutdown.clone();
            rankers.run(async move { shutdown.over().await })
        });
        let writing = tokio::spawn(writer.run());
        let training = tokio::spawn({
            let shutdown = shell.shutdown.clone();
            training.run(async move { shutdown.leaving().await })
        });
        starting.release();
        shell.serve(listener, limits, tls, app).await;
        upkeep.abort();
        keeping.abort();
        ranking.abort();
        if tokio::time::timeout(LAST_WRITES, training).await.is_err() {
            tracing::warn!("a training waits for another process to see that this one has ended");
        }
        // What was answered is stored already; events may be waiting still.
        readers.close();
        if tokio::time::timeout(LAST_WRITES, writing).await.is_err() {
            tracing::warn!("the last events were not stored");
        }
        shell.end().await;
    };
    Ok(served.boxed())
}

/// Connects to the database, fills it if it is empty, and loads what it holds.
async fn open(config: &Config, metrics: ReaderMetrics) -> Result<Opened, Failure> {
    let place = Place::new(config.database_url.clone(), config.data.clone())?;
    let objects = Objects::open(config.training.objects_url.as_deref(), place.folder.as_deref())?;
    let models_kept = config.training.objects_url.is_some()
        || place.folder.is_some()
        || storage::in_memory(&place.database_url);
    let store = Store::connect(&place.database_url).await?;
    if config.sample_catalogue && store.is_empty().await? {
        let report = import::sample(&store).await.map_err(caused)?;
        // Another replica may have been faster.
        if report.new > 0 {
            tracing::info!(books = report.new, "the database was empty: it now holds the sample catalogue");
        }
    }
    let loader = Loader::start(store.clone(), place.folder.clone()).await.map_err(caused)?;
    let (readers, writer) = Readers::start(store.clone(), metrics).await.map_err(caused)?;
    let active = Active::default();
    let parts = training::Parts {
        store,
        objects: objects.clone(),
        current: loader.current(),
        readers: readers.clone(),
        active: Arc::clone(&active),
        settings: config.training.clone(),
    };
    let training = Training::start(parts).await.map_err(caused)?;
    let folder = place.folder;
    Ok(Opened { loader, readers, writer, training, active, objects, folder, models_kept })
}

/// What trains in a process that serves nothing, such as a job of a cluster, and what has to run beside it: without that it does
/// not learn what readers say meanwhile, nor who is erased.
///
/// # Errors
///
/// If settings or the database cannot be used.
pub async fn training(config: &Config) -> Result<(Training, Writer), Failure> {
    let metrics = ReaderMetrics::new(&Metrics::new(PREFIX));
    let opened = open(config, metrics).await?;
    opened.warn();
    Ok((opened.training, opened.writer))
}

/// What there is to serve, before anything of it runs.
struct Opened {
    loader: Loader,
    readers: Readers,
    writer: Writer,
    training: Training,
    active: Active,
    objects: Objects,
    /// The data folder.
    folder: Option<PathBuf>,
    /// Whether models last as long as the database does.
    models_kept: bool,
}

impl Opened {
    /// What an operator may not expect. Said once nothing can fail any more: an error is to be the only line.
    fn warn(&self) {
        if !self.models_kept {
            tracing::warn!(
                "OBJECTS_URL is not set: models end with this process, and no other one can answer with them"
            );
        }
    }
}

/// A wrong setting is told from a database that does not do its part.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Open(error) => error.into(),
            _ => Self::caused(&error),
        }
    }
}

fn caused(error: impl Error) -> Failure {
    Failure::caused(&error)
}

fn reflection(
    max_message_bytes: usize,
) -> impl tonic::server::NamedService
+ tower::Service<
    http::Request<tonic::body::Body>,
    Response = http::Response<tonic::body::Body>,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone
+ Send
+ Sync {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(protobufs::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // So that clients can show which field of a request was wrong.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .expect("descriptors made by the compiler")
        .max_decoding_message_size(max_message_bytes)
}
