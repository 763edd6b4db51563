use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// How many may go at a time, how many may wait for it, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// Calls at a time.
    pub calls: usize,
    /// Calls that wait.
    pub queue: usize,
    /// How long one waits.
    pub queue_time: Duration,
}

/// Places for calls, and a bounded queue before them.
#[derive(Debug)]
pub struct Lane {
    limits: LaneLimits,
    places: Semaphore,
    waiting: AtomicUsize,
}

/// Why a call was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overloaded {
    /// Too many of this function.
    Function,
    /// Too many in all.
    All,
}

/// One that waits, as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl Lane {
    /// An empty one.
    #[must_use]
    pub fn new(limits: LaneLimits) -> Self {
        Self { limits, places: Semaphore::new(limits.calls), waiting: AtomicUsize::new(0) }
    }

    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> LaneLimits {
        self.limits
    }

    /// A place, until it is dropped.
    ///
    /// # Errors
    ///
    /// If the queue is full, or no place becomes free in time.
    pub(crate) async fn place(&self) -> Result<SemaphorePermit<'_>, ()> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= self.limits.queue {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(());
        }
        let _waiting = Waiting(&self.waiting);
        match timeout(self.limits.queue_time, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(()),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
