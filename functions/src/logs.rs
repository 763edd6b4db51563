//! What guests write to stderr and to their log: in the service's log, and the last lines of each function for its author.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use host::{CallError, Ended};

use crate::name::Name;

/// Lines that are kept of each function.
const KEPT: usize = 200;
/// The longest line that is kept whole, in bytes.
const LONGEST: usize = 1_000;
/// Functions whose lines are kept: more than anybody has, and yet a bound.
const FUNCTIONS: usize = 10_000;

/// The last lines of every function. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Logs(Arc<Mutex<HashMap<Name, VecDeque<Line>>>>);

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written down, which is when its call had ended.
    pub time: SystemTime,
    /// The request's id.
    pub id: Arc<str>,
    /// What was written.
    pub text: String,
}

impl Logs {
    /// Writes down what a call wrote, and why it failed if it did.
    pub fn add(&self, function: &Name, id: &Arc<str>, ended: &Ended) {
        if ended.stderr.is_empty() && ended.result.is_ok() {
            return;
        }
        let text = String::from_utf8_lossy(&ended.stderr);
        for line in text.lines() {
            tracing::info!(%function, %id, line, "guest");
            self.keep(function, id, line);
        }
        let Err(error) = &ended.result else { return };
        match error {
            CallError::Exit(_) | CallError::Refused { .. } | CallError::LongInput(_) => {
                tracing::info!(%function, %id, %error, "the function refused");
            }
            CallError::Host(_) => tracing::error!(%function, %id, %error, "a call failed"),
            _ => tracing::warn!(%function, %id, %error, "a call failed"),
        }
        self.keep(function, id, &format!("({error})"));
    }

    /// Writes down why an answer cannot be used.
    pub fn bad_answer(&self, function: &Name, id: &Arc<str>, why: &str) {
        tracing::warn!(%function, %id, why, "the function's answer cannot be used");
        self.keep(function, id, &format!("(its answer cannot be used: {why})"));
    }

    /// Writes down that nobody waits for a call any more, after so long, in which it had begun or not.
    pub fn given_up(&self, function: &Name, id: &Arc<str>, after: Duration, begun: bool) {
        tracing::info!(%function, %id, ?after, begun, "a call was given up");
        let state = if begun { "while it ran" } else { "before its turn" };
        self.keep(function, id, &format!("(it was given up {state}, after {after:.1?})"));
    }

    /// The last lines of a function, the oldest first.
    #[must_use]
    pub fn of(&self, function: &Name) -> Vec<Line> {
        self.lines().get(function).map(|lines| lines.iter().cloned().collect()).unwrap_or_default()
    }

    /// Forgets those of a function that is gone.
    pub fn forget(&self, function: &Name) {
        self.lines().remove(function);
    }

    fn keep(&self, function: &Name, id: &Arc<str>, text: &str) {
        let mut end = text.len().min(LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut all = self.lines();
        if all.len() >= FUNCTIONS && !all.contains_key(function) {
            return;
        }
        let lines = all.entry(function.clone()).or_default();
        if lines.len() >= KEPT {
            lines.pop_front();
        }
        lines.push_back(Line { time: SystemTime::now(), id: Arc::clone(id), text: text[..end].to_owned() });
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Name, VecDeque<Line>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
