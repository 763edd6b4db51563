//! What readers say and do: stored first, then shown in memory, then answered.
//!
//! One task a process writes. It gathers what is waiting into one transaction, so that many who speak at once wait for one
//! commit; and since nobody else changes the memory either, what it does not know can only come from other processes,
//! which it asks the store for twice a second, and before each transaction of its own.

mod batch;
mod load;
mod metrics;
mod writer;

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    ops::RangeInclusive,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::sync::{mpsc, oneshot, watch};

pub use self::{metrics::ReaderMetrics, writer::Writer};
use crate::{
    ratings::{Change, Erased, FIRST_SIMULATED, LAST_READER, MAX_HISTORY, Ratings, Unordered},
    store::{ReaderEvent, Store, StoreError},
};

const _: () = assert!(MAX_HISTORY == 10_000, "the sentence below says 10,000");

/// How many changes may be submitted together.
pub const MAX_TOGETHER: usize = 500;
/// How many submissions wait to be written; who brings more waits to be let in.
const QUEUE: usize = 256;
/// How many events wait to be stored; more are dropped.
const EVENTS: usize = 1 << 16;
/// How often other processes' changes are looked for.
const POLL: Duration = Duration::from_millis(500);
/// For how many seconds a request counts once.
const REQUESTS_KEPT: i64 = 86_400;
/// For how many seconds it is known what became of a recommendation: the 90 days that the contract tells of.
const EVENTS_KEPT: i64 = 90 * 86_400;

/// What a reader says of a book.
#[derive(Clone, Debug)]
pub struct Said {
    /// Who.
    pub reader: u32,
    /// Of which book.
    pub book: i32,
    /// What.
    pub change: Change,
    /// Names the request, so that it counts once within a day.
    pub request: Option<Box<str>>,
    /// The recommendation that led to it.
    pub recommendation: Option<Box<str>>,
}

/// Where readers speak and are heard. Clones share everything.
#[derive(Clone)]
pub struct Readers {
    ratings: Ratings,
    jobs: mpsc::Sender<Job>,
    events: mpsc::Sender<ReaderEvent>,
    metrics: ReaderMetrics,
    /// Set once, when nothing more is taken.
    closing: watch::Sender<bool>,
}

/// Why nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The reader has as many entries as a reader may have.
    #[error("a reader's history holds at most 10,000 entries")]
    HistoryFull,
    /// There is no number left for a new reader.
    #[error("there is no number left for a new reader")]
    NoNumber,
    /// The store failed; why is in the log.
    #[error("the database failed")]
    NotStored,
    /// The process ends.
    #[error("the server is stopping")]
    Stopping,
    /// What stores it gave up in the middle: it may be stored or not. Why is in the log.
    #[error("it is not known whether this is stored")]
    Unknown,
}

/// Why the histories could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ReadersError {
    /// The store failed.
    #[error("cannot read the readers' histories")]
    Store(#[source] StoreError),
    /// The store gave them in another order than asked for.
    #[error("cannot hold the readers' histories")]
    Unordered(#[source] Unordered),
}

/// What became of a submission: the places of those that were refused with [`WriteError::HistoryFull`].
pub type Outcome = Result<Vec<usize>, WriteError>;

/// A submission that will be answered when it is stored.
pub struct Submitted {
    answer: oneshot::Receiver<Outcome>,
    closing: watch::Receiver<bool>,
}

/// What the writer is asked for.
enum Job {
    Say(Vec<Said>, oneshot::Sender<Outcome>),
    Create(oneshot::Sender<Result<u32, WriteError>>),
    Erase(RangeInclusive<u32>, oneshot::Sender<Result<Erased, WriteError>>),
}

impl Readers {
    /// Loads all histories, and returns what writes as well, which does nothing until it is run.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn start(store: Store, metrics: ReaderMetrics) -> Result<(Self, Writer), ReadersError> {
        let (base, revision) = load::all(&store).await?;
        let ratings = Ratings::new(base, revision);
        metrics.holds(&ratings);
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let (events, arriving) = mpsc::channel(EVENTS);
        let (closing, closed) = watch::channel(false);
        let writer = Writer::new(store, ratings.clone(), waiting, arriving, closed, metrics.clone());
        Ok((Self { ratings, jobs, events, metrics, closing }, writer))
    }

    /// All histories as this process knows them.
    #[must_use]
    pub fn ratings(&self) -> &Ratings {
        &self.ratings
    }

    /// Stores what one reader says.
    ///
    /// # Errors
    ///
    /// If it is not stored.
    pub async fn say(&self, said: Said) -> Result<(), WriteError> {
        let refused = self.submit(vec![said]).await?.stored().await?;
        if refused.is_empty() { Ok(()) } else { Err(WriteError::HistoryFull) }
    }

    /// Brings up to [`MAX_TOGETHER`] changes to the writer, in order. Waits while too much is waiting already.
    ///
    /// # Errors
    ///
    /// If the process ends.
    pub async fn submit(&self, said: Vec<Said>) -> Result<Submitted, WriteError> {
        let (answer, answered) = oneshot::channel();
        self.ask(Job::Say(said, answer)).await?;
        Ok(Submitted { answer: answered, closing: self.closing.subscribe() })
    }

    /// A number that no reader has.
    ///
    /// # Errors
    ///
    /// If it is not stored, or there is none left.
    pub async fn create(&self) -> Result<u32, WriteError> {
        let (answer, answered) = oneshot::channel();
        self.ask(Job::Create(answer)).await?;
        answered.await.unwrap_or_else(|_| Err(unanswered(*self.closing.borrow())))
    }

    /// Forgets one reader.
    ///
    /// # Errors
    ///
    /// If that is not stored.
    pub async fn erase(&self, reader: u32) -> Result<Erased, WriteError> {
        self.erase_all(reader..=reader).await
    }

    /// Forgets all simulated readers.
    ///
    /// # Errors
    ///
    /// If that is not stored.
    pub async fn erase_simulated(&self) -> Result<Erased, WriteError> {
        self.erase_all(FIRST_SIMULATED..=LAST_READER).await
    }

    /// Takes an event, to be stored soon, unless too many are waiting. When half as many are, one recommendation of two is
    /// left out, with all that happens to it, so that rates stay right.
    ///
    /// Returns whether it was taken.
    pub fn record(&self, event: ReaderEvent) -> bool {
        let crowded = self.events.capacity() < EVENTS / 2;
        let taken = !(crowded && left_out(&event.recommendation)) && self.events.try_send(event).is_ok();
        self.metrics.event(taken);
        taken
    }

    /// How many events this process has dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.metrics.dropped()
    }

    /// Takes nothing more; [`Writer::run`] ends when what was taken is stored.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    async fn erase_all(&self, readers: RangeInclusive<u32>) -> Result<Erased, WriteError> {
        let (answer, answered) = oneshot::channel();
        self.ask(Job::Erase(readers, answer)).await?;
        answered.await.unwrap_or_else(|_| Err(unanswered(*self.closing.borrow())))
    }

    async fn ask(&self, job: Job) -> Result<(), WriteError> {
        let gone = |_| if *self.closing.borrow() { WriteError::Stopping } else { WriteError::NotStored };
        self.jobs.send(job).await.map_err(gone)
    }
}

impl Submitted {
    /// Waits until it is stored.
    ///
    /// # Errors
    ///
    /// If none of it is.
    pub async fn stored(self) -> Outcome {
        let Self { answer, closing } = self;
        answer.await.unwrap_or_else(|_| Err(unanswered(*closing.borrow())))
    }
}

/// Why nobody answers any more what was taken.
fn unanswered(closing: bool) -> WriteError {
    if closing { WriteError::Stopping } else { WriteError::Unknown }
}

/// Seconds since 1970.
pub(crate) fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

fn left_out(recommendation: &str) -> bool {
    let mut hasher = DefaultHasher::new();
    recommendation.hash(&mut hasher);
    hasher.finish() % 2 == 1
}
