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
        for _ in 0..ROUNDS {
            self.turn.begin();
            if let Poll::Ready(ended) = connection.as_mut().poll(own) {
                return Poll::Ready(ended);
            }
            mem::swap(&mut self.new, &mut self.inbox.0.lock().unwrap_or_else(PoisonError::into_inner));
            for mut call in self.new.drain(..) {
                // Nearly all end at once.
                if call.as_mut().poll(own).is_pending() {
                    self.waiting.push(call);
                }
            }
            while let Poll::Ready(Some(())) = self.waiting.poll_next_unpin(own) {}
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
        self.state.store(RUNS, Ordering::SeqCst);
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
