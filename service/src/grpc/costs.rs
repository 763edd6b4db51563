//! How long calls hold their thread at a time, and what follows from it.

use std::{
    collections::HashMap,
    future::Future,
    panic,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

/// What takes longer than it takes to wake another thread is worth a task of its own; what takes less is done on the spot.
const LONG: Duration = Duration::from_micros(100);
/// One measure in so many counts: an average over the last few.
const MEMORY: u32 = 8;

/// Of each method, how long it lately held its thread at a time.
#[derive(Debug)]
pub(super) struct Costs(HashMap<String, Arc<AtomicU32>>);

/// One method's cost, in nanoseconds; none is known of a path that is no method.
#[derive(Debug)]
pub(super) struct Cost(Option<Arc<AtomicU32>>);

impl Costs {
    pub(super) fn new(methods: Vec<String>) -> Self {
        Self(methods.into_iter().map(|method| (method, Arc::default())).collect())
    }

    pub(super) fn of(&self, path: &str) -> Cost {
        Cost(self.0.get(path).cloned())
    }
}

impl Cost {
    /// Runs a call: here, or in a task of its own if such calls take long. Where it waits, it ends when this future is dropped.
    pub(super) async fn run<F>(self, call: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let Some(nanos) = self.0 else { return call.await };
        let long = Duration::from_nanos(nanos.load(Ordering::Relaxed).into()) > LONG;
        let call = Timed { call, nanos };
        match long {
            true => Own(tokio::spawn(call)).await,
            false => call.await,
        }
    }
}

pin_project_lite::pin_project! {
    /// A call that is timed whenever it runs.
    struct Timed<F> {
        #[pin]
        call: F,
        nanos: Arc<AtomicU32>,
    }
}

impl<F: Future> Future for Timed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let start = Instant::now();
        let polled = this.call.poll(context);
        let took = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
        // Two threads may forget one of two measures.
        let before = this.nanos.load(Ordering::Relaxed);
        this.nanos.store(before - before / MEMORY + took / MEMORY, Ordering::Relaxed);
        polled
    }
}

/// A task that ends with whoever waits for it.
struct Own<T>(JoinHandle<T>);

impl<T> Future for Own<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match ready!(Pin::new(&mut self.0).poll(context)) {
            Ok(answer) => Poll::Ready(answer),
            // As it would have done here.
            Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
            // The runtime ends, and so does whoever waits.
            Err(_) => Poll::Pending,
        }
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{Costs, Duration, LONG};

    const METHOD: &str = "/Some/Method";

    #[tokio::test]
    async fn short_calls_run_on_the_spot_and_long_ones_in_a_task_until_they_are_short_again() {
        let costs = Costs::new(vec![METHOD.to_owned()]);
        let task = || async { tokio::task::try_id() };
        let here = tokio::spawn(async move {
            let own = tokio::task::try_id();
            assert_eq!(costs.of(METHOD).run(task()).await, own);
            costs.of(METHOD).run(async { thread::sleep(LONG * 100) }).await;
            assert_ne!(costs.of(METHOD).run(task()).await, own);
            for _ in 0..100 {
                costs.of(METHOD).run(async {}).await;
            }
            assert_eq!(costs.of(METHOD).run(task()).await, own);
            assert_eq!(costs.of("/no/method").run(task()).await, own);
        });
        here.await.unwrap();
    }

    #[tokio::test]
    async fn a_task_ends_with_whoever_waits_for_it() {
        let costs = Costs::new(vec![METHOD.to_owned()]);
        costs.of(METHOD).run(async { thread::sleep(LONG * 100) }).await;
        let (held, gone) = tokio::sync::oneshot::channel::<()>();
        let call = async move {
            let _held = held;
            std::future::pending::<()>().await;
        };
        let waited = tokio::time::timeout(Duration::from_millis(10), costs.of(METHOD).run(call)).await;
        assert!(waited.is_err());
        assert!(gone.await.is_err(), "it was dropped");
    }
}
