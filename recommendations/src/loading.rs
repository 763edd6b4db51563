//! From the store into memory: the snapshot that answers are made of, and what keeps it up to date.

use std::{
    error::Error,
    future::Future,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, Guard};
use tokio::{
    task::{JoinError, JoinSet},
    time::MissedTickBehavior,
};

use crate::{
    catalogue::{Builder, Catalogue, TooLarge, Version},
    search::{Index, SearchError},
    store::{Store, StoreError},
};

/// How often the store is asked whether it changed.
const POLL: Duration = Duration::from_secs(1);
/// While an import goes on, the catalogue is loaded no more often than this, and for no more than a fifth of the time.
const WHILE_CHANGING: Duration = Duration::from_secs(10);
const SHARE: u32 = 5;

/// The catalogue and its search index, both of the same version.
pub struct Snapshot {
    /// The books.
    pub catalogue: Catalogue,
    /// What finds them.
    pub index: Index,
}

/// The snapshot of the moment. Clones see the same one.
#[derive(Clone)]
pub struct Current(Arc<ArcSwap<Snapshot>>);

impl Current {
    /// The snapshot of the moment, which stays as it is while it is held.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// The same, for work that goes on elsewhere.
    #[must_use]
    pub fn load_full(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }
}

/// Why a snapshot could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store failed.
    #[error("cannot read the catalogue")]
    Store(#[source] StoreError),
    /// The catalogue does not fit.
    #[error("cannot hold the catalogue")]
    TooLarge(#[source] TooLarge),
    /// The search index failed.
    #[error("cannot make the search index")]
    Index(#[source] SearchError),
    /// The thread that made it panicked, or the process ends.
    #[error("the work was interrupted")]
    Interrupted(#[source] JoinError),
}

/// Keeps [`Current`] up to date with the store.
pub struct Loader {
    store: Store,
    folder: Option<PathBuf>,
    current: Current,
}

impl Loader {
    /// Loads the first snapshot. Search indexes are kept in `search` under the data folder, so that the next start need
    /// not make them again; without a data folder they are held in memory.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or the index cannot be made.
    pub async fn start(store: Store, data: Option<PathBuf>) -> Result<Self, LoadError> {
        let folder = data.map(|data| data.join("search"));
        let snapshot = load(&store, folder.clone()).await?;
        Ok(Self { store, folder, current: Current(Arc::new(ArcSwap::from_pointee(snapshot))) })
    }

    /// Where the snapshot of the moment is found.
    #[must_use]
    pub fn current(&self) -> Current {
        self.current.clone()
    }

    /// Asks the store every second whether it changed and loads it again, until `end`. A store that fails is asked
    /// again; the last snapshot stays meanwhile. A panic is logged, and does not end it either.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let loader = Arc::new(self);
        let watching = async {
            loop {
                // A task of its own, which a panic ends alone, and which ends when the set is dropped.
                let mut polling = JoinSet::new();
                polling.spawn(Arc::clone(&loader).keep_up_to_date());
                if let Some(Err(error)) = polling.join_next().await {
                    tracing::error!(
                        error = &error as &dyn Error,
                        "what keeps the catalogue up to date panicked, and starts again"
                    );
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            () = watching => {}
            () = end => {}
        }
    }

    async fn keep_up_to_date(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = self.version();
        let mut rested = Instant::now();
        let mut failing = false;
        loop {
            ticks.tick().await;
            let outcome = self.poll(&mut seen, &mut rested).await;
            match &outcome {
                Err(error) if !failing => {
                    tracing::error!(error = error as &dyn Error, "the catalogue is not up to date");
                }
                Ok(()) if failing => tracing::info!("the catalogue is up to date again"),
                _ => {}
            }
            failing = outcome.is_err();
        }
    }

    /// Loads the catalogue if it has changed, unless it still changes and `rested` is to come.
    async fn poll(&self, seen: &mut Version, rested: &mut Instant) -> Result<(), LoadError> {
        let version = self.store.version().await.map_err(LoadError::Store)?;
        let settled = *seen == version;
        *seen = version.clone();
        let start = Instant::now();
        if version == self.version() || (!settled && start < *rested) {
            return Ok(());
        }
        let outcome = self.replace().await;
        *rested = Instant::now() + WHILE_CHANGING.max(start.elapsed() * SHARE);
        outcome
    }

    async fn replace(&self) -> Result<(), LoadError> {
        let start = Instant::now();
        let snapshot = load(&self.store, self.folder.clone()).await?;
        tracing::info!(
            version = snapshot.catalogue.version().number,
            books = snapshot.catalogue.len(),
            bytes = snapshot.catalogue.memory(),
            milliseconds = start.elapsed().as_millis(),
            "loaded the catalogue"
        );
        self.current.0.store(Arc::new(snapshot));
        Ok(())
    }

    fn version(&self) -> Version {
        self.current.load().catalogue.version().clone()
    }
}

/// Reads everything a few thousand books at a time, and makes the search index on a thread of its own.
async fn load(store: &Store, folder: Option<PathBuf>) -> Result<Snapshot, LoadError> {
    let mut reading = store.read().await.map_err(LoadError::Store)?;
    let mut builder = Builder::new(reading.version().clone(), reading.categories().to_vec());
    loop {
        let books = reading.next().await.map_err(LoadError::Store)?;
        if books.is_empty() {
            break;
        }
        for book in &books {
            builder.push(book).map_err(LoadError::TooLarge)?;
        }
    }
    drop(reading);
    tokio::task::spawn_blocking(move || {
        let catalogue = builder.finish().map_err(LoadError::TooLarge)?;
        let index = Index::of(&catalogue, folder.as_deref()).map_err(LoadError::Index)?;
        Ok(Snapshot { catalogue, index })
    })
    .await
    .map_err(LoadError::Interrupted)?
}
