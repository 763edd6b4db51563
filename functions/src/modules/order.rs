use storage::ObjectsError;
use tokio::sync::oneshot;

use super::Entry;
use crate::{limits::Limits, name::Name};

/// What is put in place of what is there. Nothing: it stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The module.
    pub module: Option<Vec<u8>>,
    /// What stands beside it; empty for no manifest at all.
    pub manifest: Option<String>,
}

/// Why nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The module does not compile, or does not fit its manifest. The text is one line for whoever wrote it.
    #[error("{0}")]
    Unfit(String),
    /// There is no function of that name.
    #[error("there is no such function")]
    Unknown,
    /// There is no such version, or none before the one that answers.
    #[error("{0}")]
    NoVersion(String),
    /// Too many changes wait.
    #[error("too many changes wait for their turn")]
    Busy,
    /// The process ends.
    #[error("the service is ending")]
    Ending,
    /// The store fails.
    #[error("the store of modules does not do what it should")]
    Store(#[from] ObjectsError),
}

pub(super) type Answer<T> = oneshot::Sender<Result<T, ChangeError>>;

/// What the keeper is asked for.
#[derive(Debug)]
pub(super) enum Order {
    Deploy(Name, Change, Answer<(Entry, bool)>),
    RollBack(Name, Option<u32>, Answer<Entry>),
    Delete(Name, Answer<()>),
    /// New defaults, for all.
    Limit(Limits),
}

pub(super) fn answer<T>() -> (Answer<T>, oneshot::Receiver<Result<T, ChangeError>>) {
    oneshot::channel()
}
