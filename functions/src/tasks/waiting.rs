//! Who waits for the ends of which tasks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Those who wait, by task.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<String, Waited>>);

/// A task that is waited for.
#[derive(Debug, Default)]
struct Waited {
    /// By how many.
    by: usize,
    notify: Arc<Notify>,
}

/// Somebody who waits for the end of a task, until it is dropped.
#[derive(Debug)]
pub(super) struct Waiter<'a> {
    all: &'a Waiting,
    id: &'a str,
    /// Told whenever an attempt has ended, of which there may be several.
    pub(super) notify: Arc<Notify>,
}

impl Waiting {
    pub(super) fn wait<'a>(&'a self, id: &'a str) -> Waiter<'a> {
        let mut all = self.all();
        let waited = all.entry(id.to_owned()).or_default();
        waited.by += 1;
        Waiter { all: self, id, notify: Arc::clone(&waited.notify) }
    }

    /// Tells those who wait for a task to look at it. They wait on if it has not ended.
    pub(super) fn tell(&self, id: &str) {
        if let Some(waited) = self.all().get(id) {
            waited.notify.notify_waiters();
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Waited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut all = self.all.all();
        if let Some(waited) = all.get_mut(self.id) {
            waited.by -= 1;
            if waited.by == 0 {
                all.remove(self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use tokio::sync::Notify;

    use super::Waiting;

    /// Whether whoever waits for it is told by this.
    async fn hears(notify: &Arc<Notify>, tell: impl FnOnce()) -> bool {
        let told = notify.notified();
        tokio::pin!(told);
        told.as_mut().enable();
        tell();
        told.now_or_never().is_some()
    }

    #[tokio::test]
    async fn whoever_waits_is_told_of_every_attempt() {
        let waiting = Waiting::default();
        let (first, second) = (waiting.wait("a"), waiting.wait("a"));
        let other = waiting.wait("b");
        for _ in 0..3 {
            assert!(hears(&first.notify, || waiting.tell("a")).await);
            assert!(hears(&second.notify, || waiting.tell("a")).await);
            assert!(!hears(&other.notify, || waiting.tell("a")).await);
        }
        drop(first);
        assert!(hears(&second.notify, || waiting.tell("a")).await);
        let third = waiting.wait("a");
        assert!(hears(&third.notify, || waiting.tell("a")).await);
    }

    #[test]
    fn nothing_is_left_of_those_who_have_gone() {
        let waiting = Waiting::default();
        let (first, second) = (waiting.wait("a"), waiting.wait("a"));
        waiting.tell("a");
        drop(first);
        assert_eq!(waiting.all().len(), 1);
        waiting.tell("a");
        drop(second);
        assert!(waiting.all().is_empty());
        waiting.tell("a");
        assert!(waiting.all().is_empty());
    }
}
