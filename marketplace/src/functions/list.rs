//! Which functions there are. Visitors who ask within a few seconds share one answer.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use serde::Deserialize;

use super::CallError;

/// How long an answer is good for, and how long it is when there was none.
const FRESH: Duration = Duration::from_secs(3);
const FRESH_FAILURE: Duration = Duration::from_secs(1);
/// The longest list, in bytes: some thousands of functions.
pub(super) const MOST_BYTES: usize = 8 << 20;
/// The most functions that are offered.
const MOST: usize = 50;
/// The longest name, in bytes, and the longest description that is shown, in characters.
const LONGEST: usize = 200;

/// A function that takes pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// As it is called.
    pub(crate) name: String,
    /// As it is shown: `Grayscale`.
    pub(crate) title: String,
    /// What its author says about it; may be empty.
    pub(crate) description: String,
}

type Answer = Result<Arc<[Function]>, CallError>;

/// The last answer, or the one that is on its way.
#[derive(Default)]
pub(super) struct List(Mutex<Option<Asked>>);

struct Asked {
    since: Instant,
    answer: Shared<BoxFuture<'static, Answer>>,
}

impl List {
    /// The last answer if it is fresh; if not, what `ask` answers.
    pub(super) async fn get(&self, ask: impl Future<Output = Answer> + Send + 'static) -> Answer {
        self.last(ask, Instant::now()).await
    }

    fn last(
        &self,
        ask: impl Future<Output = Answer> + Send + 'static,
        now: Instant,
    ) -> Shared<BoxFuture<'static, Answer>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = &*last {
            let failed = matches!(asked.answer.peek(), Some(Err(_)));
            let good = if failed { FRESH_FAILURE } else { FRESH };
            if now.saturating_duration_since(asked.since) < good {
                return asked.answer.clone();
            }
        }
        let answer = ask.boxed().shared();
        *last = Some(Asked { since: now, answer: answer.clone() });
        answer
    }
}

#[derive(Deserialize)]
struct Listed {
    functions: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    state: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    accepts: Vec<String>,
}

/// Those of a list that answer and say that they take pictures, by name. `None` if it is no list.
pub(super) fn read(json: &[u8]) -> Option<Arc<[Function]>> {
    let Listed { functions } = serde_json::from_slice(json).ok()?;
    let mut all: Vec<_> = functions
        .into_iter()
        .filter(|entry| entry.state == "answers" && is_plain(&entry.name))
        .filter(|entry| entry.accepts.iter().any(|range| takes_pictures(range)))
        .map(|entry| Function {
            title: title(&entry.name),
            description: cut(entry.description.trim(), LONGEST),
            name: entry.name,
        })
        .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all.truncate(MOST);
    Some(all.into())
}

/// Whether it stands in an address as it is. What else a name must be is the business of whoever lists it.
fn is_plain(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn takes_pictures(range: &str) -> bool {
    let kind = range.split_once('/').map_or("", |(kind, _)| kind.trim());
    kind == "*" || kind.eq_ignore_ascii_case("image")
}

/// `to-sepia` as `To sepia`.
fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// The beginning, if it is longer than that.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::{Duration, Instant},
    };

    use super::{CallError, List, read};

    #[test]
    fn those_that_take_pictures_are_offered() {
        let list = serde_json::json!({"functions": [
            {"name": "to-sepia", "state": "answers", "accepts": ["text/plain", "image/png"], "description": " Brown. "},
            {"name": "anything", "state": "answers", "accepts": ["*/*"]},
            {"name": "hello", "state": "answers", "accepts": []},
            {"name": "text", "state": "answers", "accepts": ["text/*"]},
            {"name": "gone", "state": "refused", "accepts": ["image/*"]},
            {"name": "../x", "state": "answers", "accepts": ["image/*"]},
            {"name": "", "state": "answers", "accepts": ["image/*"]},
            {"name": "long", "state": "answers", "accepts": ["IMAGE/*"], "description": "é".repeat(500), "more": {}},
        ], "store": "answers"});
        let found = read(list.to_string().as_bytes()).unwrap();
        let shown: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.title.as_str())).collect();
        assert_eq!(shown, [("anything", "Anything"), ("long", "Long"), ("to-sepia", "To sepia")]);
        assert_eq!(found[1].description, format!("{}…", "é".repeat(200)));
        assert_eq!(found[2].description, "Brown.");
        assert!(read(b"{}").is_none() && read(b"<html>").is_none());
    }

    #[tokio::test]
    async fn an_answer_is_asked_for_once_in_a_while() {
        let (list, asked) = (List::default(), &*Box::leak(Box::new(AtomicUsize::new(0))));
        let ask = async |fails: bool, now| {
            let answer = async move {
                asked.fetch_add(1, Ordering::Relaxed);
                if fails { Err(CallError::Unavailable) } else { Ok([].into()) }
            };
            list.last(answer, now).await
        };
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert!(ask(false, at(0)).await.is_ok());
        assert!(ask(true, at(2_900)).await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert!(ask(true, at(3_100)).await.is_err());
        assert!(ask(false, at(4_000)).await.is_err());
        assert!(ask(false, at(4_200)).await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
