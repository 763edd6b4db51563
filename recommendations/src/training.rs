//! Training: jobs that make models, and which model answers.
//!
//! A job is a row in the database. Whichever process sees it first begins it, holds it by raising its heartbeat, and puts it
//! down when it ends; a heartbeat that stands still for [`LEASE`] gives the job to the next process. A model that a job makes
//! is written to the object store, measured against the one that answers, and activated in the database; every process asks
//! the database twice a second which model is active and swaps it in.

mod active;
mod publish;
mod rows;
mod runner;
mod settings;
mod simulated;
mod triggers;
mod trial;

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt as _;
use rayon::{ThreadPool, ThreadPoolBuilder};
use storage::Objects;
use tokio::sync::Notify;

pub use self::{publish::rehearse, settings::Settings, trial::Recipe};

use crate::{
    artefact::ArtefactError,
    knowledge::Active,
    loading::Current,
    models::{Kind, Progress, TrainError},
    readers::{Readers, WriteError},
    store::{Job, Store, StoreError},
};

/// How long a job's heartbeat may stand still.
pub const LEASE: Duration = Duration::from_secs(10);
/// How often a job's owner raises it.
const HEARTBEAT: Duration = Duration::from_millis(1_000);
/// How often an owner looks whether its job is to stop, and a training whether it knows what it waits for.
const LOOK: Duration = Duration::from_millis(200);
/// How often jobs are looked for, and which model is active.
const POLL: Duration = Duration::from_millis(500);
/// How much less of the processor training gets than serving where both want it: from 0, the same, to 19.
const NICE: i32 = 10;

/// Schedules, trains, activates. Clones are the same one.
#[derive(Clone)]
pub struct Training(Arc<Inner>);

struct Inner {
    store: Store,
    objects: Objects,
    current: Current,
    readers: Readers,
    active: Active,
    settings: Settings,
    /// The store's own name.
    name: String,
    /// This process, among all that there ever were.
    owner: String,
    pool: Arc<ThreadPool>,
    wake: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What this process works on.
    live: Option<Live>,
    /// A version that should answer and cannot, and why.
    unusable: Option<(String, String)>,
}

/// A job that this process works on.
struct Live {
    job: i64,
    step: &'static str,
    progress: Progress,
}

impl Live {
    /// What is being done, and how much of it is.
    fn words(&self) -> (String, f32) {
        let step = match self.progress.stage() {
            "" => self.step.to_owned(),
            stage => format!("{}: {stage}", self.step),
        };
        (step, self.progress.fraction())
    }
}

/// What a training is made of.
pub struct Parts {
    /// Jobs and models.
    pub store: Store,
    /// Artefacts.
    pub objects: Objects,
    /// The catalogue.
    pub current: Current,
    /// Readers' histories, kept up to date by somebody else.
    pub readers: Readers,
    /// Where the model that answers is put.
    pub active: Active,
    /// The rest.
    pub settings: Settings,
}

/// Why a model is not trained, activated or listed.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// An artefact cannot be used.
    #[error("an artefact cannot be used")]
    Artefact(#[source] ArtefactError),
    /// The object store cannot be listed.
    #[error("the object store cannot be used")]
    Objects(#[source] storage::ObjectsError),
    /// The algorithm gave up.
    #[error("the model cannot be trained")]
    Train(#[source] TrainError),
    /// The work on a thread of its own panicked, or the process ends.
    #[error("the work was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
    /// The threads cannot be started.
    #[error("cannot start the training's threads")]
    Threads(#[source] rayon::ThreadPoolBuildError),
    /// There is no such model.
    #[error("there is no model {0}")]
    NoSuchModel(String),
    /// What was simulated is not stored.
    #[error("simulated readers cannot be stored")]
    Simulated(#[source] WriteError),
    /// Whenever a model was made, somebody was erased meanwhile whose ratings it had learnt from.
    #[error("readers were erased each time that a model had learnt from them")]
    Erased,
    /// No other model has answered before.
    #[error("no model answered before this one")]
    NothingBefore,
}

impl Training {
    /// Puts it together and loads the model that should answer, or the best that can be read. Nothing runs yet.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or threads cannot be started. An artefact that cannot be read is logged.
    pub async fn start(parts: Parts) -> Result<Self, TrainingError> {
        let Parts { store, objects, current, readers, active, settings } = parts;
        let pool = ThreadPoolBuilder::new()
            .num_threads(settings.threads())
            .thread_name(|number| format!("training-{number}"))
            .start_handler(|_| step_back())
            .build()
            .map_err(TrainingError::Threads)?;
        let name = store.version().await.map_err(TrainingError::Store)?.store;
        let training = Self(Arc::new(Inner {
            store,
            objects,
            current,
            readers,
            active,
            settings,
            name,
            owner: format!("{:032x}", rand::random::<u128>()),
            pool: Arc::new(pool),
            wake: Notify::new(),
            state: Mutex::default(),
        }));
        training.load_first().await?;
        Ok(training)
    }

    /// Works on jobs, follows the active model and watches for reasons to train, until `end`. A job under way is then given
    /// back for another process, or the next start, to begin again.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let end = end.shared();
        let looking = async {
            let both = async {
                tokio::join!(self.follow(), self.watch());
            };
            tokio::select! {
                () = both => {}
                () = end.clone() => {}
            }
        };
        tokio::join!(looking, self.work(&end));
    }

    /// Where jobs and models are listed.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What is trained unless something else is asked for.
    #[must_use]
    pub fn default_kind(&self) -> Kind {
        self.0.settings.model
    }

    /// The version that answers in this process; empty for none.
    #[must_use]
    pub fn answering(&self) -> String {
        self.0.active.load().as_ref().map(|served| served.version.clone()).unwrap_or_default()
    }

    /// A version that should answer and cannot, and why.
    #[must_use]
    pub fn unusable(&self) -> Option<(String, String)> {
        self.state().unusable.clone()
    }

    /// The job with what this process knows better, if it works on it.
    #[must_use]
    pub fn freshened(&self, mut job: Job) -> Job {
        if let Some(live) = &self.state().live
            && live.job == job.id
            && !job.state.has_ended()
        {
            (job.step, job.progress) = live.words();
        }
        job
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing that is done under it can leave it half done.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets all others go first, where the system has it by the thread.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "training has the same priority as serving");
    }
}
