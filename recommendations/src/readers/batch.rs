//! What some submissions come to, on top of what is known: pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Said;
use crate::{
    ratings::{Change, Entry, History, MAX_HISTORY, Ratings},
    store::{EventKind, ReaderEvent},
};

/// What is to be stored.
pub(super) struct Batch<'a> {
    ratings: &'a Ratings,
    /// Requests that were carried out before this batch.
    repeated: HashSet<(u32, String)>,
    /// Requests of this batch that were carried out.
    done: HashSet<(u32, &'a str)>,
    /// Requests that were refused, and may be tried again.
    pub(super) undone: Vec<(u32, &'a str)>,
    histories: HashMap<u32, (History, usize)>,
    entries: BTreeMap<(u32, i32), Entry>,
    pub(super) events: Vec<ReaderEvent>,
    now: u32,
}

/// The requests of some submissions, each once.
pub(super) fn requests<'a>(said: impl IntoIterator<Item = &'a Said>) -> Vec<(u32, &'a str)> {
    let mut seen = HashSet::new();
    let requests = said.into_iter().filter_map(|said| Some((said.reader, said.request.as_deref()?)));
    requests.filter(|request| seen.insert(*request)).collect()
}

impl<'a> Batch<'a> {
    pub(super) fn new(ratings: &'a Ratings, repeated: HashSet<(u32, String)>, now: u32) -> Self {
        Self {
            ratings,
            repeated,
            done: HashSet::new(),
            undone: Vec::new(),
            histories: HashMap::new(),
            entries: BTreeMap::new(),
            events: Vec::new(),
            now,
        }
    }

    /// Adds what was said. Returns whether there was room for it.
    pub(super) fn add(&mut self, said: &'a Said) -> bool {
        let request = said.request.as_deref().map(|request| (said.reader, request));
        if let Some(request) = request
            && self.was_carried_out(request)
        {
            return true;
        }
        let taken = self.apply(said);
        match request {
            Some(request) if taken => {
                self.done.insert(request);
                self.undone.retain(|undone| *undone != request);
            }
            Some(request) => self.undone.push(request),
            None => {}
        }
        taken
    }

    /// What is to be written, in the order of readers and books.
    pub(super) fn entries(&mut self) -> Vec<(u32, Entry)> {
        let entries = std::mem::take(&mut self.entries);
        entries.into_iter().map(|((reader, _), entry)| (reader, entry)).collect()
    }

    fn was_carried_out(&self, (reader, request): (u32, &str)) -> bool {
        self.done.contains(&(reader, request))
            || (!self.repeated.is_empty() && self.repeated.contains(&(reader, request.to_owned())))
    }

    fn apply(&mut self, said: &Said) -> bool {
        let Said { reader, book, change, .. } = *said;
        let (history, length) = self.histories.entry(reader).or_insert_with(|| {
            let history = self.ratings.history(reader);
            let length = history.len();
            (history, length)
        });
        let key = (reader, book);
        let known = self.entries.get(&key).copied().or_else(|| history.book(book));
        let before = known.unwrap_or(Entry::nothing(book));
        let after = change.of(before, self.now);
        match (before.is_nothing(), after.is_nothing()) {
            (true, false) if *length >= MAX_HISTORY => return false,
            (true, false) => *length += 1,
            (false, true) => *length -= 1,
            _ => {}
        }
        if after != before {
            self.entries.insert(key, after);
        }
        let kind = match change {
            Change::Rate(_) => EventKind::Rating,
            Change::Dismiss => EventKind::Dismissal,
            _ => return true,
        };
        if let Some(recommendation) = &said.recommendation {
            self.events.push(ReaderEvent {
                recommendation: recommendation.to_string(),
                kind,
                book,
                at: self.now,
                stars: after.stars,
                reader: Some(reader),
            });
        }
        true
    }
}
