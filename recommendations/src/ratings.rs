//! Readers' histories in memory: an immutable base and what has changed since. Pure: no transport, no SQL.
//!
//! The base holds all histories one behind the other in the order of readers and books: 12 bytes a rating (an [`Entry`])
//! and 12 a reader, so that 50 million ratings of a million readers take 612 MB. A reader who changed since the base was
//! made has the whole history as it is now in the delta; when that holds more than an eighth of the base (and more than
//! [`MIN_DELTA`]), both are folded into a new base in the background, for which moment there are two.
//!
//! Whoever looks at a history holds no lock meanwhile and sees it as it was at one moment.

mod base;
mod change;
mod entry;
mod snapshot;

use std::{
    collections::{BTreeSet, HashMap},
    ops::{Deref, RangeInclusive},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;

pub use self::{
    base::{Base, Unordered},
    change::Change,
    entry::{Entry, Marks, Shelf, Stars},
    snapshot::Snapshot,
};

/// The first number that `CreateReader` gives out.
pub const FIRST_CREATED: u32 = 1_000_000_000;
/// The first number of a simulated reader; all from here on are.
pub const FIRST_SIMULATED: u32 = 2_000_000_000;
/// The highest number that a reader may have.
pub const LAST_READER: u32 = i32::MAX.unsigned_abs();
/// How many entries a reader may have.
pub const MAX_HISTORY: usize = 10_000;
/// How much the delta holds before it is folded, in entries; a reader counts as [`READER_COST`] more.
pub const MIN_DELTA: usize = 1 << 18;
/// What a reader in the delta costs beside the entries, in entries.
const READER_COST: usize = 8;
/// The delta is folded when it is this much of the base.
const SHARE: usize = 8;
const SHARDS: usize = 64;

/// All readers' histories. Clones see the same ones.
#[derive(Clone, Default)]
pub struct Ratings(Arc<Inner>);

struct Inner {
    base: ArcSwap<Base>,
    /// The readers that have changed since the base was made; an empty history hides the base's.
    shards: [Mutex<HashMap<u32, Arc<[Entry]>>>; SHARDS],
    /// Held while any of the above changes, so that a snapshot is of one moment.
    changing: Mutex<()>,
    /// Held while a new base is made.
    folding: Mutex<()>,
    /// Whether something was erased that the base still holds.
    erased: AtomicBool,
    /// What the delta holds: entries, and [`READER_COST`] a reader.
    delta: AtomicUsize,
    entries: AtomicUsize,
    readers: AtomicUsize,
    revision: AtomicI64,
}

/// How much [`Ratings::erase`] erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Readers who had any entry.
    pub readers: usize,
    /// Their entries.
    pub entries: usize,
}

impl Ratings {
    /// All that `base` holds, which is the store's revision `revision`.
    #[must_use]
    pub fn new(base: Base, revision: i64) -> Self {
        let ratings = Self::default();
        ratings.replace(base, revision);
        ratings
    }

    /// What is known of a reader, in the order of the books' numbers. Empty for a reader of whom nothing is known.
    #[must_use]
    pub fn history(&self, reader: u32) -> History {
        if let Some(own) = lock(self.shard(reader)).get(&reader) {
            return History(Held::Own(Arc::clone(own)));
        }
        // A history leaves the delta only after the base that holds it has come.
        let base = self.0.base.load_full();
        let range = base.range(reader);
        History(Held::Base(base, range))
    }

    /// All readers as they are now; what changes later does not show in it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let _changing = lock(&self.0.changing);
        let mut delta: Vec<(u32, Arc<[Entry]>)> = Vec::new();
        for shard in &self.0.shards {
            delta.extend(lock(shard).iter().map(|(&reader, own)| (reader, Arc::clone(own))));
        }
        delta.sort_unstable_by_key(|&(reader, _)| reader);
        Snapshot::new(self.0.base.load_full(), delta, self.revision(), self.len(), self.readers())
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.load(Ordering::Acquire)
    }

    /// Whether nothing is known of anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many readers have an entry.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.0.readers.load(Ordering::Acquire)
    }

    /// The store's revision that this is; every change raises it.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.0.revision.load(Ordering::Acquire)
    }

    /// Roughly how many bytes all of it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.0.base.load().memory() + self.0.delta.load(Ordering::Relaxed) * size_of::<Entry>()
    }

    /// Puts these entries in place of what was known of their readers and books; one that says nothing takes it away. In
    /// the order of readers and books, none twice. All of it then is the store's revision `revision`.
    pub fn update(&self, entries: &[(u32, Entry)], revision: i64) {
        let _changing = lock(&self.0.changing);
        for group in entries.chunk_by(|(one, _), (other, _)| one == other) {
            let reader = group[0].0;
            let before = self.history(reader);
            let after = change::merged(&before, group);
            self.put(reader, &before, after);
        }
        self.0.revision.store(revision, Ordering::Release);
    }

    /// Forgets all readers with these numbers. All of it then is the store's revision `revision`.
    pub fn erase(&self, readers: RangeInclusive<u32>, revision: i64) -> Erased {
        let _changing = lock(&self.0.changing);
        let base = self.0.base.load_full();
        let mut found: BTreeSet<u32> = base.readers_in(&readers).iter().copied().collect();
        if readers.start() == readers.end() {
            found.insert(*readers.start());
        } else {
            for shard in &self.0.shards {
                found.extend(lock(shard).keys().filter(|reader| readers.contains(reader)));
            }
        }
        let mut erased = Erased::default();
        for reader in found {
            let before = self.history(reader);
            if before.is_empty() {
                continue;
            }
            erased.readers += 1;
            erased.entries += before.len();
            self.put(reader, &before, Vec::new());
        }
        if erased.readers > 0 {
            self.0.erased.store(true, Ordering::Release);
        }
        self.0.revision.store(revision, Ordering::Release);
        erased
    }

    /// Puts `base` in place of everything. All of it then is the store's revision `revision`.
    pub fn replace(&self, base: Base, revision: i64) {
        let _folding = lock(&self.0.folding);
        let _changing = lock(&self.0.changing);
        self.0.entries.store(base.len(), Ordering::Release);
        self.0.readers.store(base.readers(), Ordering::Release);
        self.0.base.store(Arc::new(base));
        for shard in &self.0.shards {
            lock(shard).clear();
        }
        self.0.delta.store(0, Ordering::Release);
        self.0.revision.store(revision, Ordering::Release);
    }

    /// How far the delta is over what it should hold: 1 or more means that [`Ratings::fold`] is due.
    #[must_use]
    pub fn overdue(&self) -> usize {
        if self.0.erased.load(Ordering::Acquire) {
            return 1;
        }
        let limit = MIN_DELTA.max(self.0.base.load().len() / SHARE);
        self.0.delta.load(Ordering::Acquire) / limit
    }

    /// Folds the delta into a new base. Takes about 10 ns an entry, and another base's memory meanwhile; reading and
    /// changing go on. One fold at a time: a second waits.
    pub fn fold(&self) {
        let _folding = lock(&self.0.folding);
        self.0.erased.store(false, Ordering::Release);
        let snapshot = self.snapshot();
        let base = Arc::new(snapshot.to_base());
        let _changing = lock(&self.0.changing);
        self.0.base.store(base);
        for (reader, folded) in snapshot.delta() {
            let mut shard = lock(self.shard(*reader));
            // Whoever has changed since stays.
            if shard.get(reader).is_some_and(|own| Arc::ptr_eq(own, folded)) {
                shard.remove(reader);
                self.0.delta.fetch_sub(folded.len() + READER_COST, Ordering::AcqRel);
            }
        }
    }

    /// Only while `changing` is held.
    fn put(&self, reader: u32, before: &[Entry], after: Vec<Entry>) {
        let inner = &*self.0;
        inner.delta.fetch_add(after.len() + READER_COST, Ordering::AcqRel);
        inner.entries.fetch_add(after.len(), Ordering::AcqRel);
        inner.entries.fetch_sub(before.len(), Ordering::AcqRel);
        if before.is_empty() && !after.is_empty() {
            inner.readers.fetch_add(1, Ordering::AcqRel);
        } else if !before.is_empty() && after.is_empty() {
            inner.readers.fetch_sub(1, Ordering::AcqRel);
        }
        let replaced = lock(self.shard(reader)).insert(reader, after.into());
        if let Some(replaced) = replaced {
            inner.delta.fetch_sub(replaced.len() + READER_COST, Ordering::AcqRel);
        }
    }

    fn shard(&self, reader: u32) -> &Mutex<HashMap<u32, Arc<[Entry]>>> {
        &self.0.shards[reader as usize % SHARDS]
    }
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            base: ArcSwap::default(),
            shards: std::array::from_fn(|_| Mutex::default()),
            changing: Mutex::default(),
            folding: Mutex::default(),
            erased: AtomicBool::default(),
            delta: AtomicUsize::default(),
            entries: AtomicUsize::default(),
            readers: AtomicUsize::default(),
            revision: AtomicI64::default(),
        }
    }
}

/// What is known of one reader, in the order of the books' numbers: a slice of [`Entry`].
#[derive(Clone, Default)]
pub struct History(Held);

#[derive(Clone)]
enum Held {
    Base(Arc<Base>, std::ops::Range<usize>),
    Own(Arc<[Entry]>),
}

impl Default for Held {
    fn default() -> Self {
        Self::Own(Arc::default())
    }
}

impl History {
    /// What is known of one book.
    #[must_use]
    pub fn book(&self, book: i32) -> Option<Entry> {
        let place = self.binary_search_by_key(&book, |entry| entry.book).ok()?;
        Some(self[place])
    }
}

impl Deref for History {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        match &self.0 {
            Held::Base(base, range) => base.entries(range.clone()),
            Held::Own(own) => own,
        }
    }
}

/// Nothing that is done under these locks can leave what they guard half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
