//! All models that the configuration names.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;

use super::{
    bounds,
    settings::ModelSettings,
    threads::Threads,
    version::{FileError, Stamp, Version, chain},
};
use crate::name::is_plain;

/// How often files are looked at, as long as functions ask models.
const LOOK: Duration = Duration::from_secs(1);

/// The models that functions may ask, by name.
pub struct Models {
    entries: BTreeMap<String, Entry>,
    threads: Arc<Threads>,
    looking: AtomicBool,
    looked: Mutex<Instant>,
}

struct Entry {
    settings: Arc<ModelSettings>,
    current: ArcSwap<Version>,
    /// The state of the files that was looked at last, whether or not it came to something.
    seen: Mutex<Stamp>,
}

/// Why the configuration's models cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// The name is none that a model can have.
    #[error("{0:?} is no name of a model: a small letter, then at most 62 small letters, digits and hyphens")]
    Name(String),
    /// Two models have one name.
    #[error("two models are named {0}")]
    Twice(String),
    /// There are more than 16.
    #[error("{0} models are configured, more than {most}", most = bounds::MODELS)]
    TooMany(usize),
    /// A file is not there, or not what it should be.
    #[error("the model {name}: {reason}")]
    File {
        /// Which model.
        name: String,
        /// What is wrong, in one line.
        reason: String,
    },
    /// The labels of all models together take more than 1 MiB.
    #[error("the labels of all models take {0} bytes, more than {limit}", limit = bounds::LABELS)]
    Labels(u64),
}

impl Models {
    /// Looks at the files of all models and reads their labels. Blocks for as long as that takes; no model is loaded yet.
    ///
    /// # Errors
    ///
    /// If a name cannot be one, a file is missing or too long, or there are too many models.
    pub fn new(settings: Vec<ModelSettings>) -> Result<Self, ModelsError> {
        if settings.len() > bounds::MODELS {
            return Err(ModelsError::TooMany(settings.len()));
        }
        let mut entries = BTreeMap::new();
        let mut labels = 0;
        for settings in settings {
            let name = settings.name.clone();
            if !is_plain(&name) {
                return Err(ModelsError::Name(name));
            }
            let entry = Entry::open(settings)
                .map_err(|error| ModelsError::File { name: name.clone(), reason: chain(&error) })?;
            labels += entry.current.load().stamp().labels();
            if entries.insert(name.clone(), entry).is_some() {
                return Err(ModelsError::Twice(name));
            }
        }
        if labels > bounds::LABELS {
            return Err(ModelsError::Labels(labels));
        }
        Ok(Self { entries, ..Self::default() })
    }

    /// What a function that is granted `nn` finds in its environment. Of the model `bird-songs`, `NN_BIRD_SONGS_INPUT` is the size
    /// of its image as `224x224`, and `NN_BIRD_SONGS_LABELS` the names of its classes, one a line; absent if it has none.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = Vec::with_capacity(2 * self.entries.len());
        for (name, entry) in &self.entries {
            let name = name.to_ascii_uppercase().replace('-', "_");
            environment.push((format!("NN_{name}_INPUT"), entry.settings.input.to_string()));
            let current = entry.current.load();
            if !current.labels().is_empty() {
                environment.push((format!("NN_{name}_LABELS"), current.labels().to_owned()));
            }
        }
        environment
    }

    /// The names of all models.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(super) const fn threads(&self) -> &Arc<Threads> {
        &self.threads
    }

    /// The state of a model's files that answers now.
    pub(super) fn current(&self, name: &str) -> Option<Arc<Version>> {
        self.entries.get(name).map(|entry| entry.current.load_full())
    }

    /// Has the files looked at in the background, unless that was done within the last second. Wants a runtime.
    pub(super) fn look(self: &Arc<Self>) {
        if self.entries.is_empty() || self.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let due = self.looked.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= LOOK;
        if !due {
            self.looking.store(false, Ordering::Release);
            return;
        }
        let models = Arc::clone(self);
        tokio::spawn(async move {
            for entry in models.entries.values() {
                entry.look(&models.threads).await;
            }
            *models.looked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            models.looking.store(false, Ordering::Release);
        });
    }
}

impl Default for Models {
    /// None.
    fn default() -> Self {
        let looked = Mutex::new(Instant::now());
        Self {
            entries: BTreeMap::new(),
            threads: Arc::new(Threads::new()),
            looking: AtomicBool::new(false),
            looked,
        }
    }
}

impl std::fmt::Debug for Models {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.entries.keys()).finish()
    }
}

impl Entry {
    fn open(settings: ModelSettings) -> Result<Self, FileError> {
        let settings = Arc::new(settings);
        let version = Version::open(&settings)?;
        let seen = Mutex::new(version.stamp().clone());
        Ok(Self { settings, current: ArcSwap::from_pointee(version), seen })
    }

    /// Takes over what has changed. A model that does not load leaves the one before in place.
    async fn look(&self, threads: &Arc<Threads>) {
        let settings = Arc::clone(&self.settings);
        let Ok(Ok(stamp)) = tokio::task::spawn_blocking(move || Stamp::of(&settings)).await else {
            // Away for a moment, as files are that are about to be replaced.
            return;
        };
        if std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), stamp.clone())
            == stamp
        {
            return;
        }
        let settings = Arc::clone(&self.settings);
        let next = match tokio::task::spawn_blocking(move || Version::open(&settings)).await {
            Ok(Ok(next)) => Arc::new(next),
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    model = self.settings.name,
                    error,
                    "a model's files have changed and cannot be read"
                );
                return;
            }
            Err(_) => return,
        };
        let serves = self.current.load().is_loaded();
        if serves && next.model(threads).await.is_err() {
            tracing::warn!(model = self.settings.name, "the model of before goes on serving");
            return;
        }
        self.current.store(next);
    }
}
