//! Tasks: calls that outlive their request.
//!
//! A call becomes a task if its caller prefers that (`Prefer: respond-async`, `Prefer: wait=N`, RFC 7240), or if the clock makes it.
//! A task is a row from before its caller hears of it until it is forgotten. Processes that share the database share the work.
//!
//! **What a death costs.** An answer and the end of its task are written in one transaction, after which the task is never begun
//! again. A task whose process died before that begins again, if it leaves no traces or its manifest calls it idempotent; up to
//! three deaths, for it may be their cause. One that may have left traces half-way, and must not leave them twice, fails and says
//! so. Whoever owns a task says every second that it lives; who could not for [`FENCE`] stops, and after [`LEASE`] others take
//! its tasks. A process that was frozen for longer and wakes up learns within a second that its tasks are not its own, and what
//! they came to is not taken from it.
//!
//! **Who may see what.** A task's name is 128 random bits: who knows it may see and cancel the task. The list of all is for
//! those who show the service's token.

mod call;
mod deliver;
mod keep;
mod metrics;
mod parts;
mod post;
mod prefer;
mod progress;
mod render;
mod routes;
mod rules;
mod schedule;
mod settings;
mod signature;
mod waiting;
mod work;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use host::Allowed;
use http::HeaderName;
use service::{telemetry::Metrics, token::Guard};
use tokio::sync::{Notify, watch};

use self::{metrics::TaskMetrics, post::Post, waiting::Waiting};
pub use self::{
    prefer::{Applied, PREFER, PREFERENCE_APPLIED, Preferences},
    progress::Progress,
    routes::routes,
    rules::{Functions, Rules, Run, Schedule},
    settings::TaskSettings,
    signature::{BadSecret, Secret},
};
use crate::store::{Store, unguessable};

/// How long an owner's heartbeat may stand still before its tasks are taken from it.
pub const LEASE: Duration = Duration::from_secs(10);
/// How long an owner goes on that cannot raise it: it has stopped before others begin.
pub const FENCE: Duration = Duration::from_secs(7);
/// How often an owner raises it, and looks whether a task is to stop.
const HEARTBEAT: Duration = Duration::from_millis(1_000);
/// How often tasks are looked for that other processes have made.
const POLL: Duration = Duration::from_millis(500);
/// Bytes of requests that may wait.
const QUEUED_BYTES: u64 = 1 << 30;
/// Bytes of answers that are kept.
const KEPT_BYTES: u64 = 4 << 30;
/// The caller's own webhook.
pub(crate) const WEBHOOK: HeaderName = HeaderName::from_static("task-webhook");

/// What tasks are made of.
pub struct Parts {
    /// Where they lie.
    pub store: Store,
    /// What they call.
    pub functions: Arc<dyn Functions>,
    /// How much is done.
    pub settings: TaskSettings,
    /// Who may see all of them.
    pub guard: Guard,
    /// Where ends of tasks may be told, as it is now.
    pub hosts: Arc<dyn Fn() -> Allowed + Send + Sync>,
}

/// The tasks of this process and of those that share its database. Clones are the same.
#[derive(Clone)]
pub struct Tasks(Arc<Inner>);

struct Inner {
    store: Store,
    functions: Arc<dyn Functions>,
    settings: TaskSettings,
    guard: Guard,
    post: Post,
    metrics: TaskMetrics,
    /// This process, among others.
    owner: String,
    /// Something may be due.
    wake: Notify,
    /// The end of a task may have to be told.
    tell: Notify,
    /// Whether tasks are given up, because the process ends.
    leaving: watch::Sender<bool>,
    live: Mutex<HashMap<String, Live>>,
    waiting: Waiting,
}

/// A task that is at work here.
#[derive(Clone, Debug)]
struct Live {
    progress: Progress,
    stop: Arc<Notify>,
}

impl Tasks {
    /// Prepares them; [`Tasks::run`] begins to work.
    ///
    /// # Panics
    ///
    /// If `metrics` already counts tasks.
    #[must_use]
    pub fn new(parts: Parts, metrics: &Metrics) -> Self {
        let Parts { store, functions, settings, guard, hosts } = parts;
        Self(Arc::new(Inner {
            store,
            functions,
            settings,
            guard,
            post: Post::new(hosts),
            metrics: TaskMetrics::new(metrics),
            owner: unguessable(),
            wake: Notify::new(),
            tell: Notify::new(),
            leaving: watch::Sender::new(false),
            live: Mutex::default(),
            waiting: Waiting::default(),
        }))
    }
}

impl Inner {
    fn live(&self) -> MutexGuard<'_, HashMap<String, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait for it that a task, or an attempt at it, has ended.
    fn has_ended(&self, id: &str) {
        self.waiting.tell(id);
        self.tell.notify_one();
    }
}
