//! The functions that there are: modules in a folder or a bucket, compiled, and swapped whenever something there changes.
//!
//! A call looks its function up without waiting for anybody and keeps what it found; one task a process, the [`Keeper`], looks
//! at the store, compiles what is new, keeps its versions, and publishes a new table. What does not fit leaves the
//! function that answers in place.

mod files;
mod fit;
mod keeper;
mod order;
mod samples;
mod table;
mod version;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use storage::Objects;
use tokio::sync::{mpsc, watch};

use crate::{deployed::Deployed, limits::Limits, logs::Logs, name::Name};

use self::{files::Files, order::Order, version::Record};
pub use self::{
    fit::Fitting,
    keeper::Keeper,
    order::{Change, ChangeError},
    samples::{SAMPLES, Sample},
    table::{Entry, Refused, Table},
    version::Version,
};

/// Changes that wait for their turn; more are refused.
const WAITING: usize = 16;

/// How modules are kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where they lie.
    pub objects: Objects,
    /// What they are compiled with.
    pub fitting: Fitting,
    /// The longest module, in bytes.
    pub longest: u64,
    /// How many versions of a function are kept, the one that answers among them.
    pub kept: usize,
    /// How often the store is looked at.
    pub poll: Duration,
    /// What a store gets that has never held any function.
    pub samples: &'static [Sample],
    /// What functions write. Those of a function that is gone are forgotten.
    pub logs: Logs,
}

/// The functions that there are. Clones are the same.
#[derive(Clone, Debug)]
pub struct Modules {
    table: Arc<ArcSwap<Table>>,
    orders: mpsc::Sender<Order>,
    changes: watch::Receiver<u64>,
    files: Files,
}

/// A version that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which one.
    pub version: Version,
    /// The length of its module, in bytes.
    pub bytes: u64,
    /// When it came, in seconds since 1970.
    pub at: u64,
}

impl Modules {
    /// None as yet: the keeper finds them once it runs.
    #[must_use]
    pub fn new(settings: Settings) -> (Self, Keeper) {
        let table = Arc::<ArcSwap<Table>>::default();
        let (orders, waiting) = mpsc::channel(WAITING);
        let (changed, changes) = watch::channel(0);
        let files = Files::new(settings.objects.clone(), settings.longest);
        let modules = Self { table: Arc::clone(&table), orders, changes, files: files.clone() };
        (modules, Keeper::new(files, settings, table, waiting, changed))
    }

    /// The function that answers to a name at this moment.
    #[must_use]
    pub fn current(&self, name: &str) -> Option<Arc<Deployed>> {
        self.table.load().get(name).map(|entry| Arc::clone(&entry.deployed))
    }

    /// Everything at this moment.
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// Tells of every new table. The number is 0 until the store was looked at once.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Waits until the store was looked at once, and what lay there answers or is refused.
    pub async fn loaded(&self) {
        // Without a keeper there will be nothing.
        let _ = self.changes.clone().wait_for(|changes| *changes > 0).await;
    }

    /// Puts a module, a manifest or both in place of what answers to a name; what is not given stays. It answers from the moment in
    /// which this returns. True if there was none of that name.
    ///
    /// # Errors
    ///
    /// If it does not fit or cannot be kept; then nothing has changed.
    pub async fn deploy(&self, name: Name, change: Change) -> Result<(Entry, bool), ChangeError> {
        let (answer, answered) = order::answer();
        self.order(Order::Deploy(name, change, answer))?;
        answered.await.map_err(|_| ChangeError::Ending)?
    }

    /// Lets the version answer that did before, or the one of this number.
    ///
    /// # Errors
    ///
    /// If there is none, or it does not fit any more, or the store fails; then nothing has changed.
    pub async fn roll_back(&self, name: Name, to: Option<u32>) -> Result<Entry, ChangeError> {
        let (answer, answered) = order::answer();
        self.order(Order::RollBack(name, to, answer))?;
        answered.await.map_err(|_| ChangeError::Ending)?
    }

    /// Removes a function with all its versions.
    ///
    /// # Errors
    ///
    /// If there is none, or the store fails.
    pub async fn delete(&self, name: Name) -> Result<(), ChangeError> {
        let (answer, answered) = order::answer();
        self.order(Order::Delete(name, answer))?;
        answered.await.map_err(|_| ChangeError::Ending)?
    }

    /// Gives all functions other defaults for what their manifests leave open. They take them over within a moment, each with its
    /// next call.
    ///
    /// # Errors
    ///
    /// If too many changes wait, or the service is ending.
    pub fn limit(&self, limits: Limits) -> Result<(), ChangeError> {
        self.order(Order::Limit(limits))
    }

    /// The versions of a function that are kept, the newest first.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn versions(&self, name: &Name) -> Result<Vec<Kept>, ChangeError> {
        let mut kept = Vec::new();
        for version in self.files.versions(name).await?.into_iter().rev() {
            if let Some(Record { bytes, at, .. }) = self.files.record(name, &version).await? {
                kept.push(Kept { version, bytes, at });
            }
        }
        Ok(kept)
    }

    fn order(&self, order: Order) -> Result<(), ChangeError> {
        self.orders.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ChangeError::Busy,
            mpsc::error::TrySendError::Closed(_) => ChangeError::Ending,
        })
    }
}
