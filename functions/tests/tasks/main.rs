//! Tasks over HTTP, each test on SQLite and on PostgreSQL.

mod cancel;
mod hosts;
mod http;
mod kept;
mod lives;
mod prefer;
mod queue;
mod retry;
mod schedule;
mod script;
mod webhook;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::any,
};
use clap::Parser;
use functions::{
    problem::Problem,
    store::Store,
    tasks::{self, Parts, Preferences, TaskSettings, Tasks},
};
use host::Allowed;
use http_body_util::BodyExt as _;
use service::{
    Limits, Protocol, Readiness, Server, Shutdown, config::ShutdownSettings, telemetry::Metrics, token::Guard,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::script::Script;
pub(crate) use testing::{Database, on_both};

/// How long a test waits for what it expects.
pub(crate) const SOON: Duration = Duration::from_secs(20);

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    tasks: TaskSettings,
}

/// One process's tasks, served.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) script: Arc<Script>,
    working: JoinHandle<()>,
    serving: JoinHandle<()>,
    signal: Option<oneshot::Sender<()>>,
}

impl Host {
    /// Serves the tasks of a script, with these settings.
    pub(crate) async fn start(database: &Database, script: Arc<Script>, settings: &[&str]) -> Self {
        Self::open_to(database, script, settings, &[]).await
    }

    /// As [`Host::start`], telling ends of tasks to these hosts.
    pub(crate) async fn open_to(
        database: &Database,
        script: Arc<Script>,
        settings: &[&str],
        hosts: &[&str],
    ) -> Self {
        Self::open(database, script, settings, hosts, Duration::from_millis(300)).await
    }

    /// As [`Host::start`], with much time for what is in flight at the end.
    pub(crate) async fn patient(database: &Database, script: Arc<Script>) -> Self {
        Self::open(database, script, &[], &[], SOON / 2).await
    }

    async fn open(
        database: &Database,
        script: Arc<Script>,
        settings: &[&str],
        hosts: &[&str],
        shutdown_grace: Duration,
    ) -> Self {
        let settings = Settings::parse_from([&["tasks"][..], settings].concat()).tasks;
        let hosts = Allowed::new(hosts).unwrap();
        let metrics = Metrics::new("functions");
        let parts = Parts {
            store: store(database).await,
            functions: script.clone(),
            settings,
            guard: Guard::new(Some("s3cret".parse().unwrap())),
            hosts: Arc::new(move || hosts.clone()),
        };
        let tasks = Tasks::new(parts, &metrics);
        let (signal, signalled) = oneshot::channel();
        let (readiness, hold) = Readiness::new("test");
        hold.release();
        let times = ShutdownSettings { shutdown_delay: Duration::ZERO, shutdown_grace };
        let signalled = async move { drop(signalled.await) };
        let shutdown = Shutdown::on(signalled, times, readiness);
        let working = tokio::spawn(tasks.clone().run(shutdown));
        let app = tasks::routes(tasks.clone())
            .merge(Router::new().route("/{function}", any(call)).with_state(tasks));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            Server::new(listener, Limits::new(Protocol::Http1), Shutdown::never()).serve(app).await;
        });
        Self { address, script, working, serving, signal: Some(signal) }
    }

    /// As if the process were killed: nothing more is written.
    pub(crate) async fn kill(self) {
        self.working.abort();
        self.serving.abort();
        let _ = self.working.await;
    }

    /// As if it were told to end.
    pub(crate) async fn end(mut self) {
        drop(self.signal.take());
        tokio::time::timeout(SOON, self.working).await.expect("tasks are given back").unwrap();
        self.serving.abort();
    }
}

/// As the service does it, but for functions that are not called as tasks.
async fn call(
    State(tasks): State<Tasks>,
    Path(function): Path<String>,
    request: ::http::Request<Body>,
) -> Response {
    let preferences = Preferences::of(request.headers());
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let request = ::http::Request::from_parts(head, body);
    if !preferences.task() {
        return Problem::BadInput("only tasks are called here".to_owned()).into_response();
    }
    tasks.call(&function, request, preferences).await.unwrap_or_else(IntoResponse::into_response)
}

pub(crate) async fn store(database: &Database) -> Store {
    Store::connect(&database.url).await.unwrap()
}
