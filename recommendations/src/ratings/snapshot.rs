use std::sync::Arc;

use super::{Base, Entry};

/// All readers' histories at one moment.
#[derive(Clone)]
pub struct Snapshot {
    base: Arc<Base>,
    /// In the order of readers, in place of the base's.
    delta: Vec<(u32, Arc<[Entry]>)>,
    revision: i64,
    entries: usize,
    readers: usize,
}

impl Snapshot {
    pub(super) fn new(
        base: Arc<Base>,
        delta: Vec<(u32, Arc<[Entry]>)>,
        revision: i64,
        entries: usize,
        readers: usize,
    ) -> Self {
        Self { base, delta, revision, entries, readers }
    }

    /// Every reader with at least one entry, in the order of their numbers, and the history in the order of books.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[Entry])> {
        let (mut base, mut delta) = (0, self.delta.as_slice());
        std::iter::from_fn(move || {
            loop {
                let settled = self.base.reader(base);
                let changed = delta.first().map(|(reader, own)| (*reader, &**own));
                let (reader, history) = match (settled, changed) {
                    (None, None) => return None,
                    (Some((old, _)), Some((new, history))) if new <= old => {
                        base += usize::from(new == old);
                        delta = &delta[1..];
                        (new, history)
                    }
                    (Some(settled), _) => {
                        base += 1;
                        settled
                    }
                    (None, Some(changed)) => {
                        delta = &delta[1..];
                        changed
                    }
                };
                if !history.is_empty() {
                    return Some((reader, history));
                }
            }
        })
    }

    /// How many entries it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// How many readers have an entry.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.readers
    }

    /// The store's revision that this is.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    pub(super) fn to_base(&self) -> Base {
        let mut base = Base::with_capacity(self.readers, self.entries);
        for (reader, history) in self.iter() {
            base.push_all(reader, history);
        }
        base
    }

    pub(super) fn delta(&self) -> &[(u32, Arc<[Entry]>)] {
        &self.delta
    }
}
