use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::watch;

/// Whether a process should be given work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Somebody still holds the latch.
    Starting,
    /// Every hold was released.
    Ready,
    /// The process is about to end.
    Draining,
}

/// A latch held by whatever is still starting. Ready once the last hold is gone, until the process begins to end.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    holds: AtomicUsize,
    state: watch::Sender<State>,
}

/// Keeps a process from being ready until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it says that this part is ready"]
pub struct Hold {
    readiness: Readiness,
    what: &'static str,
}

impl Readiness {
    /// A latch that nothing holds is not ready: the first hold is returned with it.
    pub fn new(what: &'static str) -> (Self, Hold) {
        let inner = Inner { holds: AtomicUsize::new(0), state: watch::Sender::new(State::Starting) };
        let readiness = Self(Arc::new(inner));
        let hold = readiness.hold(what);
        (readiness, hold)
    }

    /// Adds a hold. Has no effect on a latch that is already open: readiness does not go back to starting.
    pub fn hold(&self, what: &'static str) -> Hold {
        self.0.holds.fetch_add(1, Ordering::AcqRel);
        Hold { readiness: self.clone(), what }
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> State {
        *self.0.state.borrow()
    }

    /// Follows the state.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    pub(crate) fn drain(&self) {
        self.0.state.send_replace(State::Draining);
    }
}

impl Hold {
    /// Says that this part is ready; the same as dropping it.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        tracing::debug!(part = self.what, "ready");
        if self.readiness.0.holds.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.readiness.0.state.send_if_modified(|state| {
                let open = *state == State::Starting;
                if open {
                    *state = State::Ready;
                }
                open
            });
        }
    }
}
