use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Version, version::Digest};
use crate::{deployed::Deployed, limits::Limits, name::Name};

/// A function that answers, with what the keeper knows of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is called.
    pub deployed: Arc<Deployed>,
    /// Which of its versions it is.
    pub version: Version,
    /// The length of the module, in bytes.
    pub bytes: u64,
    /// Since when it answers here.
    pub since: SystemTime,
    pub(super) digest: Digest,
    /// The defaults that its limits were made of.
    pub(super) limits: Limits,
}

/// Why something that lies there does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// In one line, for whoever put it there.
    pub reason: String,
    /// When it was found.
    pub at: SystemTime,
}

/// Everything at one moment; it never changes.
#[derive(Clone, Debug, Default)]
pub struct Table {
    entries: BTreeMap<Name, Entry>,
    refused: BTreeMap<Box<str>, Refused>,
    pub(super) away: bool,
}

impl Table {
    /// A function that answers.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// All that answer, by name.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values()
    }

    /// What lies there and was refused, by the name of its files. A function of that name may answer in an earlier version.
    pub fn refused(&self) -> impl ExactSizeIterator<Item = (&str, &Refused)> {
        self.refused.iter().map(|(name, refused)| (&**name, refused))
    }

    /// Why what lies there under this name was refused, if it was.
    #[must_use]
    pub fn refusal(&self, name: &str) -> Option<&Refused> {
        self.refused.get(name)
    }

    /// Whether the store of modules does not answer, so that changes there are not seen.
    #[must_use]
    pub fn is_store_away(&self) -> bool {
        self.away
    }

    pub(super) fn put(&mut self, entry: Entry) {
        let name = entry.deployed.name.clone();
        self.refused.remove(&*name);
        self.entries.insert(name, entry);
    }

    pub(super) fn refuse(&mut self, name: &str, reason: String) {
        self.refused.insert(name.into(), Refused { reason, at: SystemTime::now() });
    }

    /// Forgets that something was refused.
    pub(super) fn absolve(&mut self, name: &str) -> bool {
        self.refused.remove(name).is_some()
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Entry> {
        self.entries.remove(name)
    }
}

/// Seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
