//! How long calls hold their thread at a time, and what follows from it.
//!
//! Calls of methods that hold it long take turns: no more of them are worked on at a time than there are processors. The others
//! wait where their deadline is seen and a limit holds, and not in the runtime's own queue, where they would be worked off
//! after everybody has gone, with all short calls and their connections behind them.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    mem, panic,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, ready},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{Instant as Deadline, timeout_at},
};

/// What takes longer than it takes to wake another thread is worth a task of its own; what takes less is done on the spot.
const LONG: Duration = Duration::from_micros(100);
/// One measure in so many counts: an average over the last few.
const MEMORY: u32 = 8;

/// Of each method, how long it lately held its thread at a time.
#[derive(Debug)]
pub(super) struct Costs {
    methods: HashMap<String, Arc<AtomicU32>>,
    pub(super) turns: Arc<Semaphore>,
}

/// One method's cost, in nanoseconds; none is known of a path that is no method.
#[derive(Debug)]
pub(super) struct Cost {
    nanos: Option<Arc<AtomicU32>>,
    turns: Arc<Semaphore>,
}

impl Costs {
    pub(super) fn new(methods: Vec<String>) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            methods: methods.into_iter().map(|method| (method, Arc::default())).collect(),
            turns: Arc::new(Semaphore::new(processors)),
        }
    }

    pub(super) fn of(&self, path: &str) -> Cost {
        Cost { nanos: self.methods.get(path).cloned(), turns: Arc::clone(&self.turns) }
    }
}

impl Cost {
    /// Whether this is a method at all.
    pub(super) fn is_known(&self) -> bool {
        self.nanos.is_some()
    }

    /// Runs a call: here, or in a task of its own if such calls take long. Where it waits, it ends when this future is dropped.
    /// `None` if it takes long and had no turn by `patience`.
    pub(super) async fn run<F>(self, call: F, patience: Deadline) -> Option<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let Some(nanos) = self.nanos else { return Some(call.await) };
        let long = Duration::from_nanos(nanos.load(Ordering::Relaxed).into()) > LONG;
        let call = Timed { call, nanos };
        match long {
            true => Own(tokio::spawn(in_turns(call, self.turns, patience))).await,
            false => Some(call.await),
        }
    }
}

/// Lets a call hold a thread only when it has its turn. It keeps none while it waits for something.
async fn in_turns<F: Future>(call: F, turns: Arc<Semaphore>, patience: Deadline) -> Option<F::Output> {
    let mut call = pin!(call);
    let mut turn = timeout_at(patience, turns.acquire()).await.ok()?.expect("never closed");
    loop {
        let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
        drop(turn);
        if let Poll::Ready(answer) = polled {
            return Some(answer);
        }
        let mut woken = false;
        poll_fn(|_| if mem::replace(&mut woken, true) { Poll::Ready(()) } else { Poll::Pending }).await;
        turn = turns.acquire().await.expect("never closed");
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

    use tokio::sync::oneshot;

    use super::{Arc, Costs, Deadline, Duration, LONG, Semaphore};

    const METHOD: &str = "/Some/Method";

    fn soon() -> Deadline {
        Deadline::now() + Duration::from_secs(60)
    }

    /// Which knows of its method that it takes long.
    async fn long(turns: usize) -> Costs {
        let costs = Costs { turns: Arc::new(Semaphore::new(turns)), ..Costs::new(vec![METHOD.to_owned()]) };
        costs.of(METHOD).run(async { thread::sleep(LONG * 100) }, soon()).await;
        costs
    }

    #[tokio::test]
    async fn short_calls_run_on_the_spot_and_long_ones_in_a_task_until_they_are_short_again() {
        let costs = Costs::new(vec![METHOD.to_owned()]);
        let task = || async { tokio::task::try_id() };
        let here = tokio::spawn(async move {
            let own = tokio::task::try_id();
            assert_eq!(costs.of(METHOD).run(task(), soon()).await, Some(own));
            costs.of(METHOD).run(async { thread::sleep(LONG * 100) }, soon()).await;
            assert_ne!(costs.of(METHOD).run(task(), soon()).await, Some(own));
            // Some twenty calls later, unless the machine lets this thread wait just while it is timed.
            let mut calls = 0;
            while costs.of(METHOD).run(task(), soon()).await != Some(own) {
                calls += 1;
                assert!(calls < 100_000, "it never is on the spot again");
            }
            assert_eq!(costs.of("/no/method").run(task(), soon()).await, Some(own));
        });
        here.await.unwrap();
    }

    #[tokio::test]
    async fn a_task_ends_with_whoever_waits_for_it() {
        let costs = long(1).await;
        let (held, gone) = oneshot::channel::<()>();
        let call = async move {
            let _held = held;
            std::future::pending::<()>().await;
        };
        let waited =
            tokio::time::timeout(Duration::from_millis(10), costs.of(METHOD).run(call, soon())).await;
        assert!(waited.is_err());
        assert!(gone.await.is_err(), "it was dropped");
    }

    #[tokio::test]
    async fn long_calls_take_turns_and_none_is_kept_while_waiting() {
        let costs = long(1).await;
        let (go, gone) = oneshot::channel::<()>();
        let waits = tokio::spawn(costs.of(METHOD).run(async move { gone.await.is_ok() }, soon()));
        tokio::task::yield_now().await;
        // It waits for something else, so another one has the only turn meanwhile.
        assert_eq!(costs.of(METHOD).run(async { 1 }, soon()).await, Some(1));
        let turn = costs.turns.acquire().await.unwrap();
        assert_eq!(costs.of(METHOD).run(async { 1 }, Deadline::now()).await, None);
        go.send(()).unwrap();
        tokio::task::yield_now().await;
        assert!(!waits.is_finished(), "it would hold a thread again");
        drop(turn);
        assert_eq!(waits.await.unwrap(), Some(true));
    }
}
