//! The calls of one connection, worked on by the connection's own task.
//!
//! hyper gives each HTTP/2 call to an executor, which by default makes a task of it. For calls that take microseconds that
//! costs more than the call: another thread is woken to take it, and then again to write what it answers. Here they are
//! worked on where they were read, and one system call writes what all of them have answered. What takes longer makes a
//! task of itself; see [`AdmissionLayer`](crate::grpc::AdmissionLayer).

use std::{
    future::Future,
    mem,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt as _,
    stream::{FuturesUnordered, StreamExt as _},
    task::AtomicWaker,
};

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes new calls; hyper holds clones.
#[derive(Clone, Default)]
pub(super) struct Inbox(Arc<Mutex<Vec<Call>>>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Inbox {
    fn execute(&self, call: F) {
        // As in a task of its own, a panic ends one call, whose stream is reset when it is dropped.
        let call = AssertUnwindSafe(call).catch_unwind().map(drop);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(call));
    }
}

/// How often the connection and its calls are looked at in one turn.
const ROUNDS: usize = 16;
/// How long a turn may take, so that answers leave which are there, and others of the thread have their turn, too.
const TURN: Duration = Duration::from_millis(1);

/// Calls under way on one connection. As many as the connection may have streams.
pub(super) struct Calls {
    inbox: Inbox,
    new: Vec<Call>,
    waiting: FuturesUnordered<Call>,
    turn: Arc<Turn>,
    waker: Waker,
}

impl Calls {
    pub(super) fn new(inbox: Inbox) -> Self {
        let turn = Arc::new(Turn::default());
        let waker = Waker::from(Arc::clone(&turn));
        Self { inbox, new: Vec::new(), waiting: FuturesUnordered::new(), turn, waker }
    }

    /// Drives the connection and its calls. When the connection has ended, nobody waits for their answers.
    pub(super) fn poll<C: Future>(
        &mut self,
        mut connection: Pin<&mut C>,
        context: &mut Context<'_>,
    ) -> Poll<C::Output> {
        self.turn.task.register(context.waker());
        let own = &mut Context::from_waker(&self.waker);
        let start = Instant::now();
        for _ in 0..ROUNDS {
            self.turn.begin();
            if let Poll::Ready(ended) = connection.as_mut().poll(own) {
                return Poll::Ready(ended);
            }
            mem::swap(&mut self.new, &mut self.inbox.0.lock().unwrap_or_else(PoisonError::into_inner));
            for mut call in self.new.drain(..) {
                // Nearly all end at once.
                if start.elapsed() > TURN || call.as_mut().poll(own).is_pending() {
                    self.waiting.push(call);
                }
            }
            while start.elapsed() <= TURN
                && let Poll::Ready(Some(())) = self.waiting.poll_next_unpin(own)
            {}
            if start.elapsed() > TURN {
                break;
            }
            if self.turn.end() {
                return Poll::Pending;
            }
        }
        // Others have waited long enough, and the runtime gives no more events in one turn.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Whether the task has its turn. The connection and its calls wake one another all the time; while the task runs, that is
/// a reason to go round once more, and not one to be scheduled again, for which the runtime would wake another thread.
#[derive(Debug, Default)]
struct Turn {
    state: AtomicU8,
    task: AtomicWaker,
}

const RESTS: u8 = 0;
const RUNS: u8 = 1;
const AGAIN: u8 = 2;

impl Turn {
    fn begin(&self) {
        // Not merely stored: what was done before a wake that this one takes back is to be seen.
        self.state.swap(RUNS, Ordering::SeqCst);
    }

    /// Whether nobody was woken meanwhile.
    fn end(&self) -> bool {
        self.state.compare_exchange(RUNS, RESTS, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(AGAIN, Ordering::SeqCst) == RESTS {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, pin::pin, sync::atomic::AtomicUsize, thread};

    use hyper::rt::Executor as _;

    use super::*;

    /// Calls that take so long each, and how many of them are done after each turn.
    fn turns(count: usize, time: Duration) -> Vec<usize> {
        let (inbox, done) = (Inbox::default(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..count {
            let done = Arc::clone(&done);
            inbox.execute(async move {
                thread::sleep(time);
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        let mut calls = Calls::new(inbox);
        let mut connection = pin!(pending::<()>());
        let mut context = Context::from_waker(Waker::noop());
        let mut after = Vec::new();
        while after.last().is_none_or(|&done| done < count) {
            assert!(after.len() <= count, "{after:?}");
            assert!(calls.poll(connection.as_mut(), &mut context).is_pending());
            after.push(done.load(Ordering::Relaxed));
        }
        after
    }

    #[test]
    fn short_calls_have_one_turn_and_long_ones_let_answers_leave_in_between() {
        // On a busy machine one of them may be interrupted.
        assert!((0..20).any(|_| turns(4, Duration::ZERO) == [4]));
        assert_eq!(turns(4, 2 * TURN), [1, 2, 3, 4]);
    }

    #[test]
    fn a_call_that_panics_ends_alone() {
        let (inbox, done) = (Inbox::default(), Arc::new(AtomicUsize::new(0)));
        inbox.execute(async { panic!("on purpose") });
        let other = Arc::clone(&done);
        inbox.execute(async move { _ = other.fetch_add(1, Ordering::Relaxed) });
        let mut calls = Calls::new(inbox);
        let mut connection = pin!(pending::<()>());
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            assert!(calls.poll(connection.as_mut(), &mut context).is_pending());
        }
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn who_is_woken_in_its_own_turn_goes_round_and_is_not_scheduled() {
        let inbox = Inbox::default();
        let mut calls = Calls::new(inbox.clone());
        let mut polled = 0;
        let mut connection = pin!(std::future::poll_fn(|context| {
            polled += 1;
            if polled == 1 {
                context.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        }));
        let mut context = Context::from_waker(Waker::noop());
        assert!(calls.poll(connection.as_mut(), &mut context).is_pending());
        assert_eq!(polled, 2);
    }
}
