mod looking;
mod obeying;

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use storage::ObjectsError;
use tokio::{
    sync::{mpsc, watch},
    time::{sleep_until, timeout},
};

use super::{
    Settings, Table, Version,
    files::{Files, Marks, Pair},
    fit::Fitted,
    order::Order,
    table::{Entry, seconds},
    version::{Digest, Record},
};
use crate::{
    calls::{Lane, LaneLimits},
    deployed::Deployed,
    limits::Limits,
    name::Name,
};

/// How long the store may take for one thing before it is as good as away.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long files must have stayed the same before they are read: who writes one in pieces, or a module and then its manifest,
/// is not done before.
const SETTLED: Duration = Duration::from_millis(300);
/// The longest wait between two looks at a store that does not answer.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Looks after the modules; the only one in its process that changes the table.
#[derive(Debug)]
pub struct Keeper {
    files: Files,
    settings: Settings,
    table: Arc<ArcSwap<Table>>,
    orders: mpsc::Receiver<Order>,
    changed: watch::Sender<u64>,
    /// What the table becomes.
    next: Table,
    /// What was seen last under each name, and dealt with.
    seen: BTreeMap<Box<str>, Marks>,
    /// What is to be looked at as if it had changed: it was compiled under other limits.
    stale: BTreeSet<Box<str>>,
    /// What has changed, and since when it has been as it is.
    settling: BTreeMap<Box<str>, (Marks, Instant)>,
    /// Versions that are not kept yet.
    owed: BTreeSet<Name>,
    /// When that is tried again, after it has failed.
    owed_again: Option<Instant>,
    /// What must lie there again, since a change went wrong halfway.
    halves: BTreeMap<Name, Option<Pair>>,
    /// What was changed by order since the last look began: what that found is older.
    touched: BTreeSet<Name>,
    /// What was refused only because of what others do.
    colliding: BTreeSet<Name>,
    failing: bool,
    wait: Duration,
}

impl Keeper {
    pub(super) fn new(
        files: Files,
        settings: Settings,
        table: Arc<ArcSwap<Table>>,
        orders: mpsc::Receiver<Order>,
        changed: watch::Sender<u64>,
    ) -> Self {
        Self {
            files,
            settings,
            table,
            orders,
            changed,
            next: Table::default(),
            seen: BTreeMap::new(),
            stale: BTreeSet::new(),
            settling: BTreeMap::new(),
            owed: BTreeSet::new(),
            owed_again: None,
            halves: BTreeMap::new(),
            touched: BTreeSet::new(),
            colliding: BTreeSet::new(),
            failing: false,
            wait: Duration::ZERO,
        }
    }

    /// Looks at the store, and does what it is asked for, as long as anybody has the [`Modules`](super::Modules). A panic is
    /// logged, and costs only what was being done.
    pub async fn run(mut self) {
        if let Err(error) = self.files.make().await {
            // It may be there already and not be ours to change.
            tracing::debug!(error = &error as &dyn Error, "the place of modules cannot be made");
        }
        let mut next_look = Instant::now();
        loop {
            let order = tokio::select! {
                // However much is ordered, the store is looked at.
                biased;
                () = sleep_until(next_look.into()) => None,
                order = self.orders.recv() => match order {
                    Some(order) => Some(order),
                    None => return,
                },
            };
            let is_look = order.is_none();
            let done = AssertUnwindSafe(async {
                match order {
                    Some(order) => self.obey(order).await,
                    None => self.look().await,
                }
            });
            if done.catch_unwind().await.is_err() {
                tracing::error!("what looks after the modules panicked, and goes on");
                self.wait = self.settings.poll;
            }
            if is_look {
                next_look = Instant::now() + self.wait;
            }
        }
    }

    /// Lets the table that was made answer.
    fn publish(&mut self) {
        self.next.away = self.failing;
        self.table.store(Arc::new(self.next.clone()));
        self.changed.send_modify(|changes| *changes += 1);
    }

    /// What a module becomes that fits.
    fn entry(&self, name: &Name, version: Version, pair: &Pair, digest: Digest, fitted: Fitted) -> Entry {
        let Fitted { manifest, function } = fitted;
        let counters = self.next.get(name).map(|before| Arc::clone(&before.deployed.counters));
        let limits = self.settings.fitting.limits;
        let Limits { calls, queue, queue_time, body, .. } = manifest.limits.over(&limits);
        let deployed = Deployed {
            name: name.clone(),
            version: version.to_string(),
            lane: Lane::new(LaneLimits { calls, queue, queue_time }),
            most_body: body,
            manifest,
            function,
            counters: counters.unwrap_or_default(),
        };
        let bytes = pair.module.len() as u64;
        Entry { deployed: Arc::new(deployed), version, bytes, since: SystemTime::now(), digest, limits }
    }

    /// Lets a function answer in the next table.
    fn put_there(&mut self, entry: Entry) {
        let kind = entry.deployed.function.kind();
        tracing::info!(function = %entry.deployed.name, version = %entry.version, %kind, "answers");
        self.next.put(entry);
    }

    /// Keeps a version, and forgets those that are too many.
    async fn keep(
        &self,
        name: &Name,
        version: &Version,
        pair: &Pair,
        replaces: Option<u32>,
    ) -> Result<(), ObjectsError> {
        let at = seconds(SystemTime::now());
        let record = Record { digest: pair.digest(), bytes: pair.module.len() as u64, at, replaces };
        self.files.keep(name, version, pair, &record).await?;
        let answering = self.next.get(name).map(|entry| &entry.version);
        let versions = self.files.versions(name).await?;
        let spare = versions.len().saturating_sub(self.settings.kept);
        let old = versions.iter().filter(|old| *old != version && Some(*old) != answering);
        for old in old.take(spare) {
            self.files.forget(name, old).await?;
        }
        Ok(())
    }

    /// Has what was refused because of others looked at again.
    fn retry_colliding(&mut self) {
        for name in std::mem::take(&mut self.colliding) {
            self.seen.remove(&*name);
        }
    }

    /// Says once that the store fails, and once that it does no more.
    fn noted<T>(&mut self, outcome: Result<T, ObjectsError>) -> Option<T> {
        match &outcome {
            Err(error) if !self.failing => {
                let error = error as &dyn Error;
                tracing::error!(error, "the store of modules does not answer: functions stay as they are");
            }
            Ok(_) if self.failing => tracing::info!("the store of modules answers again"),
            _ => {}
        }
        if self.failing != outcome.is_err() {
            self.failing = outcome.is_err();
            // Not before the first look is over.
            if *self.changed.borrow() > 0 {
                self.publish();
            }
        }
        outcome.ok()
    }
}

/// In good time, or not at all.
async fn in_time<T>(done: impl Future<Output = Result<T, ObjectsError>>) -> Result<T, ObjectsError> {
    timeout(PATIENCE, done).await.unwrap_or(Err(ObjectsError::Late))
}

/// The number after the last one.
fn next_number(versions: &[Version]) -> u32 {
    versions.last().map_or(1, |version| version.number.saturating_add(1))
}
