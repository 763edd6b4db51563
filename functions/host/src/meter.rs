use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// How much of a processor's time a future has taken, by the clock of the threads that polled it. It is one future's at a time,
/// so nothing here is contended.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Nanoseconds in polls that have ended.
    spent: AtomicU64,
    /// What the thread's clock said when this poll began.
    since: AtomicU64,
}

impl Meter {
    /// So far, asked from within a poll.
    pub(crate) fn now(&self) -> Duration {
        let running = thread_time().saturating_sub(self.since.load(Ordering::Relaxed));
        Duration::from_nanos(self.spent.load(Ordering::Relaxed) + running)
    }

    /// In polls that have ended.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }
}

pin_project_lite::pin_project! {
    /// A future whose time is measured.
    pub(crate) struct Metered<F> {
        #[pin]
        future: F,
        meter: Arc<Meter>,
    }
}

impl<F> Metered<F> {
    pub(crate) fn new(future: F, meter: Arc<Meter>) -> Self {
        Self { future, meter }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let since = thread_time();
        this.meter.since.store(since, Ordering::Relaxed);
        let polled = this.future.poll(context);
        this.meter.spent.fetch_add(thread_time().saturating_sub(since), Ordering::Relaxed);
        polled
    }
}

/// Nanoseconds of this thread's processor time.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
