use super::{Entry, Marks, Shelf, Stars};

/// What a reader says of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// So many stars, in place of an earlier rating or dismissal.
    Rate(Stars),
    /// No stars any more, and not met in some way without stars either.
    Unrate,
    /// Not for this reader; an earlier rating goes.
    Dismiss,
    /// Not dismissed any more.
    Undismiss,
    /// It stands there now.
    Shelve(Shelf),
    /// The reader has it, or has it no more.
    Own(bool),
    /// This and nothing else, as imported, with its own time of change and book.
    Replace(Entry),
    /// What is said there on top of what is known: what it is silent about stays. Stars end a dismissal.
    Add(Entry),
    /// This and nothing else; its time counts only if that is something new.
    Settle(Entry),
}

impl Change {
    /// What is known after it, at `now` in seconds since 1970. What changes nothing leaves the time as it was.
    #[must_use]
    pub fn of(self, before: Entry, now: u32) -> Entry {
        let marks = before.marks;
        let after = match self {
            Self::Rate(stars) => {
                Entry { stars: Some(stars), marks: marks.with(Marks::DISMISSED, false), ..before }
            }
            Self::Unrate => Entry { stars: None, marks: marks.with(Marks::INTERACTED, false), ..before },
            Self::Dismiss => Entry { stars: None, marks: marks.with(Marks::DISMISSED, true), ..before },
            Self::Undismiss => Entry { marks: marks.with(Marks::DISMISSED, false), ..before },
            Self::Shelve(shelf) => Entry { shelf, ..before },
            Self::Own(owned) => Entry { marks: marks.with(Marks::OWNED, owned), ..before },
            Self::Replace(entry) => return entry,
            Self::Add(entry) => return added(before, entry),
            Self::Settle(entry) => return if entry.says_the_same(&before) { before } else { entry },
        };
        if after == before { before } else { Entry { changed: now, ..after } }
    }
}

fn added(before: Entry, entry: Entry) -> Entry {
    let stars = entry.stars.or(before.stars).filter(|_| !entry.dismissed());
    let marks = before.marks.with(Marks::DISMISSED, before.dismissed() && entry.stars.is_none());
    let after = Entry {
        book: entry.book,
        changed: entry.changed.max(before.changed),
        stars,
        shelf: if entry.shelf == Shelf::None { before.shelf } else { entry.shelf },
        marks: marks.with(entry.marks, true),
    };
    if after.says_the_same(&before) { before } else { after }
}

/// A history with these entries put in their places; those that say nothing are taken out. Both in the order of books.
pub(super) fn merged(history: &[Entry], changes: &[(u32, Entry)]) -> Vec<Entry> {
    let mut merged = Vec::with_capacity(history.len() + changes.len());
    let mut rest = history;
    for (_, entry) in changes {
        let before = rest.partition_point(|old| old.book < entry.book);
        merged.extend_from_slice(&rest[..before]);
        rest = &rest[before..];
        if rest.first().is_some_and(|old| old.book == entry.book) {
            rest = &rest[1..];
        }
        if !entry.is_nothing() {
            merged.push(*entry);
        }
    }
    merged.extend_from_slice(rest);
    merged
}
