use std::future::Future;

use tokio::sync::watch;

use crate::{Failure, Readiness, config::ShutdownSettings};

/// How far a process is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    Running,
    /// Not ready any more, but still serving, so that those who send work have time to notice.
    Leaving,
    /// No new connection; calls in flight may end.
    Draining,
    /// The grace period is over: what still runs is cut off.
    Over,
}

/// The sequence in which a process ends. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Phase>);

impl Shutdown {
    /// Starts the sequence when `signal` resolves: not ready at once, draining after the delay, over after the grace.
    pub fn on(
        signal: impl Future<Output = ()> + Send + 'static,
        settings: ShutdownSettings,
        readiness: Readiness,
    ) -> Self {
        let (phase, receiver) = watch::channel(Phase::Running);
        tokio::spawn(async move {
            signal.await;
            readiness.drain();
            tracing::info!(delay = ?settings.shutdown_delay, grace = ?settings.shutdown_grace, "shutting down");
            phase.send_replace(Phase::Leaving);
            tokio::time::sleep(settings.shutdown_delay).await;
            phase.send_replace(Phase::Draining);
            tokio::time::sleep(settings.shutdown_grace).await;
            phase.send_replace(Phase::Over);
            // The channel stays open as long as anybody listens.
            phase.closed().await;
        });
        Self(receiver)
    }

    /// A sequence that never starts.
    #[must_use]
    pub fn never() -> Self {
        let (phase, receiver) = watch::channel(Phase::Running);
        // A closed channel means over.
        std::mem::forget(phase);
        Self(receiver)
    }

    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Resolves when the process should get no new work, though it still takes it.
    pub async fn leaving(&self) {
        self.reached(Phase::Leaving).await;
    }

    /// Resolves when no new work is taken.
    pub async fn draining(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Resolves when the grace period has ended.
    pub async fn over(&self) {
        self.reached(Phase::Over).await;
    }

    async fn reached(&self, phase: Phase) {
        // An error means that the runtime is being torn down: over, too.
        let _ = self.0.clone().wait_for(|now| *now >= phase).await;
    }
}

/// Resolves at SIGTERM or SIGINT. Handlers are installed at once, before the future is polled.
///
/// # Errors
///
/// If the handlers cannot be installed.
pub fn signals() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    use tokio::signal::unix::{SignalKind, signal};

    let install = |kind| signal(kind).map_err(|error| Failure::io(format!("cannot handle signals: {error}")));
    let mut terminate = install(SignalKind::terminate())?;
    let mut interrupt = install(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
