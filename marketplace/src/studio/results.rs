use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{Picture, Words, essence};

/// How long a result is kept.
pub(crate) const TIME: Duration = Duration::from_secs(600);
/// How many, and how many bytes of pictures; the oldest make room.
const MOST: usize = 200;
const MOST_BYTES: usize = 96 << 20;

/// What came of the last minutes, in the memory of this process alone. Whoever knows the name of a result sees it.
#[derive(Debug, Default)]
pub(crate) struct Results(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The oldest first.
    all: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    name: String,
    since: Instant,
    tried: Arc<Tried>,
}

/// A picture, and what a function has made of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    /// The function's name and title.
    pub(crate) function: String,
    pub(crate) title: String,
    pub(crate) before: Picture,
    pub(crate) after: After,
}

/// What a function answered, as it can be shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    Picture(Picture),
    Words(Words),
}

impl Results {
    /// Keeps a result, and returns the name that it can be asked for with: 128 random bits.
    pub(crate) fn keep(&self, tried: Tried) -> String {
        self.keep_at(tried, Instant::now())
    }

    /// A result that is still there.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Tried>> {
        self.find_at(name, Instant::now())
    }

    fn keep_at(&self, tried: Tried, now: Instant) -> String {
        let name = format!("{:032x}", rand::random::<u128>());
        let mut kept = self.lock();
        kept.bytes += tried.bytes();
        kept.all.push_back(Entry { name: name.clone(), since: now, tried: Arc::new(tried) });
        kept.make_room(now);
        name
    }

    fn find_at(&self, name: &str, now: Instant) -> Option<Arc<Tried>> {
        let mut kept = self.lock();
        kept.make_room(now);
        kept.all.iter().find(|entry| entry.name == name).map(|entry| Arc::clone(&entry.tried))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Whole entries, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl After {
    /// `None` if an answer of this type is neither a picture nor text, whatever it is called.
    pub(crate) fn read(content_type: &str, body: Bytes) -> Option<Self> {
        let kind = essence(content_type);
        if kind.starts_with("image/") || kind == "application/octet-stream" || kind.is_empty() {
            return Picture::new(body).map(Self::Picture);
        }
        Words::read(&kind, &body).map(Self::Words)
    }
}

impl Kept {
    fn make_room(&mut self, now: Instant) {
        while let Some(oldest) = self.all.front() {
            let old = now.saturating_duration_since(oldest.since) >= TIME;
            if !old && self.all.len() <= MOST && self.bytes <= MOST_BYTES {
                return;
            }
            self.bytes -= oldest.tried.bytes();
            self.all.pop_front();
        }
    }
}

impl Tried {
    fn bytes(&self) -> usize {
        let after = match &self.after {
            After::Picture(picture) => picture.bytes.len(),
            After::Words(words) => words.text.len(),
        };
        self.before.bytes.len() + after
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;

    use super::{After, MOST, MOST_BYTES, Results, TIME, Tried};
    use crate::studio::{Picture, Words};

    fn tried(bytes: usize) -> Tried {
        let mut gif = b"GIF89a".to_vec();
        gif.resize(bytes.max(6), 0);
        let before = Picture::new(Bytes::from(gif)).unwrap();
        let after = After::Words(Words::default());
        Tried { function: "f".to_owned(), title: "F".to_owned(), before, after }
    }

    #[test]
    fn an_answer_is_what_its_bytes_and_its_type_agree_on() {
        let read = |kind: &str, body: &'static [u8]| After::read(kind, Bytes::from_static(body));
        assert!(matches!(read("IMAGE/x-anything; q=1", b"GIF89a"), Some(After::Picture(_))));
        assert!(matches!(read("", b"GIF89a"), Some(After::Picture(_))));
        assert!(matches!(read("text/html", b"GIF89a"), Some(After::Words(_))));
        assert!(read("image/svg+xml", b"<svg onload='alert(1)'/>").is_none());
        assert!(read("application/javascript", b"alert(1)").is_none());
        assert!(read("image/png", b"<html>").is_none() && read("text/plain", b"").is_none());
    }

    #[test]
    fn results_are_kept_for_a_while_and_no_more_than_fit() {
        let results = Results::default();
        let start = Instant::now();
        let first = results.keep_at(tried(6), start);
        assert_eq!(first.len(), 32);
        assert!(results.find_at(&first, start + TIME / 2).is_some());
        assert!(results.find_at("", start).is_none());
        assert!(results.find_at(&first, start + TIME).is_none());
        assert_eq!(results.lock().bytes, 0);

        let names: Vec<_> = (0..=MOST).map(|_| results.keep_at(tried(6), start)).collect();
        assert!(results.find_at(&names[0], start).is_none());
        assert!(names[1..].iter().all(|name| results.find_at(name, start).is_some()));
        let last = results.keep_at(tried(MOST_BYTES), start);
        assert!(results.find_at(&last, start).is_some());
        assert_eq!(results.lock().all.len(), 1);
    }
}
