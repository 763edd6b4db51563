//! The shop's own rankers: WebAssembly that puts what is about to be recommended into another order.
//!
//! They lie in the object store beside the models, as the functions do that are deployed (`functions/NAME.wasm`), and are loaded
//! again whenever they change. What one does is bounded in time and memory; whatever goes wrong with it, the model's own order is
//! shown, and that is counted.

mod metrics;

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use host::{CallError, Candidate, Engine, EngineSettings, Limits, Question, Ranker, name::Name};
use service::{Failure, telemetry::Metrics};
use storage::Objects;

use self::metrics::{Outcome, RankerMetrics};

/// So many candidates are ranked, or as many as are asked for if that is more.
pub const CANDIDATES: usize = 100;

/// How often it is looked whether a ranker has changed.
const LOOK: Duration = Duration::from_secs(2);
/// Where they lie in the object store.
const FOLDER: &str = "functions";
/// The longest module, in bytes.
const MOST_BYTES: u64 = 64 << 20;
/// Rankers that may run at a time, more than there are threads to run them.
const GUESTS: u32 = 64;
/// A ranker that fails with every answer is written down no oftener than this.
const SAID: Duration = Duration::from_secs(10);

/// The rankers that settings name. Clones are the same ones.
#[derive(Clone, Default)]
pub struct Rankers(Option<Arc<Inner>>);

struct Inner {
    engine: Engine,
    objects: Objects,
    limits: Limits,
    slots: BTreeMap<String, Slot>,
    metrics: RankerMetrics,
    started: Instant,
}

/// The place of one ranker.
struct Slot {
    current: ArcSwapOption<Ranker>,
    /// When its file was written that was loaded last.
    seen: ArcSwapOption<DateTime<Utc>>,
    /// When something was last said about its failures, in milliseconds since the start.
    said: AtomicU64,
}

impl Rankers {
    /// The rankers of these names; loads nothing yet. Compiled code is kept in the data folder, if there is one.
    ///
    /// # Errors
    ///
    /// If the runtime does not start.
    pub fn open<'a>(
        names: impl Iterator<Item = &'a Name>,
        limits: Limits,
        objects: &Objects,
        folder: Option<&Path>,
        metrics: &Metrics,
    ) -> Result<Self, Failure> {
        let slot = || Slot {
            current: ArcSwapOption::empty(),
            seen: ArcSwapOption::empty(),
            said: AtomicU64::new(0),
        };
        let slots: BTreeMap<_, _> = names.map(|name| (name.to_string(), slot())).collect();
        if slots.is_empty() {
            return Ok(Self(None));
        }
        let cache = folder.map(|folder| folder.join("compiled"));
        let engine = Engine::new(&EngineSettings { guests: GUESTS, cache });
        let engine = engine.map_err(|error| Failure::caused(&error))?;
        Ok(Self(Some(Arc::new(Inner {
            engine,
            objects: objects.clone(),
            limits,
            slots,
            metrics: RankerMetrics::new(metrics),
            started: Instant::now(),
        }))))
    }

    /// Looks once for rankers that are new or have changed. What does not load leaves the old one in place.
    pub async fn look(&self) {
        let Some(inner) = &self.0 else { return };
        let files = match inner.objects.files(FOLDER).await {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(
                    error = service::chain(&error),
                    "rankers stay as they are: the object store fails"
                );
                return;
            }
        };
        for (name, slot) in &inner.slots {
            let file = format!("{name}.wasm");
            let Some((_, written)) = files.iter().find(|(other, _)| *other == file) else {
                if slot.current.swap(None).is_some() {
                    tracing::warn!(ranker = name, "the ranker is gone: the model's own order is shown");
                }
                slot.seen.store(None);
                continue;
            };
            if slot.seen.load().as_deref() == Some(written) {
                continue;
            }
            match inner.load(name).await {
                Ok(ranker) => {
                    slot.current.store(Some(Arc::new(ranker)));
                    inner.metrics.loaded(name);
                    tracing::info!(ranker = name, "a ranker is in use");
                }
                Err(error) => {
                    inner.metrics.refused(name);
                    tracing::warn!(ranker = name, error, "a ranker cannot be used");
                }
            }
            slot.seen.store(Some(Arc::new(*written)));
        }
    }

    /// Goes on looking until the future resolves.
    pub async fn run(self, until: impl Future<Output = ()>) {
        if self.0.is_none() {
            return;
        }
        let looking = async {
            loop {
                tokio::time::sleep(LOOK).await;
                self.look().await;
            }
        };
        tokio::select! {
            () = looking => {}
            () = until => {}
        }
    }

    /// The books of `candidates` in the order of the ranker of this name. None if the model's own is to be shown.
    pub async fn order(&self, name: &str, question: Question, candidates: &[Candidate]) -> Option<Vec<i32>> {
        let inner = self.0.as_deref()?;
        let slot = inner.slots.get(name)?;
        let ranker = slot.current.load_full();
        let Some(ranker) = ranker else {
            inner.metrics.ended(name, Outcome::Absent, Duration::ZERO);
            return None;
        };
        let (ranked, usage, written) = ranker.rank(question, candidates).await;
        let outcome = match &ranked {
            Ok(_) => Outcome::Ordered,
            Err(CallError::OutOfTime(_) | CallError::OutOfCpu(_)) => Outcome::Late,
            Err(CallError::BadAnswer(_)) => Outcome::Invented,
            Err(_) => Outcome::Failed,
        };
        inner.metrics.ended(name, outcome, usage.time);
        match ranked {
            Ok(ranked) => {
                if !written.is_empty() {
                    tracing::debug!(ranker = name, log = %String::from_utf8_lossy(&written), "a ranker writes");
                }
                Some(ranked)
            }
            Err(error) => {
                if slot.may_say(inner.started) {
                    let log = String::from_utf8_lossy(&written);
                    tracing::warn!(ranker = name, %error, %log, "the model's own order is shown");
                }
                None
            }
        }
    }
}

impl Inner {
    async fn load(&self, name: &str) -> Result<Ranker, String> {
        let wasm = self.objects.get(&format!("{FOLDER}/{name}.wasm"), MOST_BYTES).await;
        let wasm = wasm.map_err(|error| service::chain(&error))?;
        let (engine, name, limits) = (self.engine.clone(), name.to_owned(), self.limits);
        let loaded = tokio::task::spawn_blocking(move || Ranker::load(&engine, &name, &wasm, limits)).await;
        loaded.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}

impl Slot {
    /// Whether nothing was said for a while.
    fn may_say(&self, started: Instant) -> bool {
        let now = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let said = self.said.load(Ordering::Relaxed);
        let due = said == 0 || now - said.min(now) > SAID.as_millis() as u64;
        due && self.said.compare_exchange(said, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl fmt::Debug for Rankers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().flat_map(|inner| inner.slots.keys());
        formatter.debug_list().entries(names).finish()
    }
}
