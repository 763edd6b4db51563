//! How far a training is, and how to stop it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::TrainError;

/// Watches a training and stops it. Clones are handles to the same training.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<State>);

#[derive(Debug, Default)]
struct State {
    cancelled: AtomicBool,
    /// The bits of an `f32`; non-negative floats are ordered as their bits are.
    done: AtomicU32,
    stage: Mutex<&'static str>,
}

impl Progress {
    /// Nothing done yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the training at its next check, within about 100 ms.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether somebody cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    /// How much of the work is done, 0 to 1. Never goes back.
    #[must_use]
    pub fn fraction(&self) -> f32 {
        f32::from_bits(self.0.done.load(Ordering::Relaxed))
    }

    /// What is being done, in a few words for people. Empty before the first stage.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        *self.0.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, fraction: f32) {
        self.0.done.fetch_max(fraction.clamp(0.0, 1.0).to_bits(), Ordering::Relaxed);
    }
}

/// What a training runs on: its threads, and whom it tells how far it is.
#[derive(Clone, Debug)]
pub struct Run {
    pool: Arc<ThreadPool>,
    progress: Progress,
    /// Which part of the whole this is.
    from: f32,
    to: f32,
}

impl Run {
    /// On so many threads of its own; 0 means one a core.
    ///
    /// # Errors
    ///
    /// If the threads cannot be started.
    pub fn new(threads: usize, progress: Progress) -> Result<Self, TrainError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("training-{number}"))
            .build()
            .map_err(TrainError::Threads)?;
        Ok(Self::on(Arc::new(pool), progress))
    }

    /// On the caller's threads, which may have a priority of their own.
    #[must_use]
    pub fn on(pool: Arc<ThreadPool>, progress: Progress) -> Self {
        Self { pool, progress, from: 0.0, to: 1.0 }
    }

    /// The handle that was given.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// How many threads there are.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// This part of the work, as fractions of the present one.
    pub(crate) fn part(&self, from: f32, to: f32) -> Self {
        let span = self.to - self.from;
        Self { from: self.from + span * from, to: self.from + span * to, ..self.clone() }
    }

    /// Says what is being done now.
    pub(crate) fn stage(&self, stage: &'static str) {
        *self.progress.0.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Reports how much of this part is done, unless somebody cancelled.
    pub(crate) fn at(&self, done: usize, of: usize) -> Result<(), TrainError> {
        self.check()?;
        let fraction = done as f32 / of.max(1) as f32;
        self.progress.report(self.from + (self.to - self.from) * fraction);
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<(), TrainError> {
        if self.progress.is_cancelled() { Err(TrainError::Cancelled) } else { Ok(()) }
    }

    /// Runs on the training's threads.
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }
}

/// Counts what several threads have done.
pub(crate) struct Counter<'a> {
    run: &'a Run,
    done: std::sync::atomic::AtomicUsize,
    of: usize,
}

impl<'a> Counter<'a> {
    pub(crate) fn new(run: &'a Run, of: usize) -> Self {
        Self { run, done: 0.into(), of }
    }

    /// One more is done. Says so, unless somebody cancelled.
    pub(crate) fn step(&self) -> Result<(), TrainError> {
        self.run.at(self.done.fetch_add(1, Ordering::Relaxed) + 1, self.of)
    }
}
