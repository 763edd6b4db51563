//! Where models are computed: on threads outside of the runtime, as many at a time as the machine has cores.

use std::sync::{Arc, Mutex, PoisonError};

use rten::ThreadPool;
use tokio::sync::Semaphore;

/// The threads on which models are computed. Each computation has one of them to itself, so that calls take turns instead of
/// slowing each other down; those that wait for a turn do so within their own time.
pub(super) struct Threads {
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Arc<ThreadPool>>>,
}

/// The work panicked, or the process is about to end.
#[derive(Debug, thiserror::Error)]
#[error("the computation broke off")]
pub(super) struct BrokeOff;

impl Threads {
    /// As many as there are cores.
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { turns: Arc::new(Semaphore::new(cores)), idle: Mutex::default() }
    }

    /// Does some work with a thread for a model. It ends when it is done, even if the future is dropped before.
    pub(super) async fn run<R: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<ThreadPool>) -> R + Send + 'static,
    ) -> Result<R, BrokeOff> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| BrokeOff)?;
        let threads = Arc::clone(self);
        let working = tokio::task::spawn_blocking(move || {
            // Held until the work is done, whether or not somebody waits for it.
            let _turn = turn;
            let idle = threads.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let thread = idle.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(1)));
            let result = work(&thread);
            threads.idle.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
            result
        });
        working.await.map_err(|_| BrokeOff)
    }
}
