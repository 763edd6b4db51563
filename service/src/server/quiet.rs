use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;

/// Whether a connection is in use. As with what waits, no clock is read for a request: the connection looks now and then.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    /// Requests under way.
    open: AtomicUsize,
    /// Requests that have begun or ended.
    events: AtomicU32,
}

/// A request, until its answer is sent or given up.
#[derive(Debug)]
pub(super) struct Busy(Arc<Quiet>);

impl Quiet {
    /// Resolves when, after the first request, none was under way for `time`, or for half as long again.
    pub(super) async fn lasts(&self, time: Duration) {
        let mut seen = 0;
        let mut halves = 0;
        loop {
            sleep(time / 2).await;
            let events = self.events.load(Ordering::Relaxed);
            // Before the first request, there is another limit.
            let still = events == seen && events != 0 && self.open.load(Ordering::Relaxed) == 0;
            halves = if still { halves + 1 } else { 0 };
            if halves == 2 {
                return;
            }
            seen = events;
        }
    }
}

impl Busy {
    pub(super) fn begin(quiet: &Arc<Quiet>) -> Self {
        quiet.open.fetch_add(1, Ordering::Relaxed);
        quiet.events.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(quiet))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.events.fetch_add(1, Ordering::Relaxed);
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
