use std::{collections::VecDeque, error::Error, ops::RangeInclusive, panic::AssertUnwindSafe, time::Instant};

use futures_util::FutureExt as _;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    EVENTS_KEPT, Job, Outcome, POLL, REQUESTS_KEPT, ReaderMetrics, ReadersError, Said, WriteError,
    batch::{Batch, requests},
    load, now,
};
use crate::{
    ratings::{Erased, FIRST_SIMULATED, Ratings},
    store::{HistoryChanges, HistoryWriting, ReaderEvent, Store},
};

/// A transaction takes in submissions until it has so many changes.
const CHANGES: usize = 4_096;
/// A transaction takes in so many events at most.
const EVENTS: usize = 2_000;
/// How often old rows are looked for.
const SWEEP: std::time::Duration = std::time::Duration::from_secs(60);
/// So far behind, changes wait for the delta to be folded.
const TOO_FAR: usize = 4;

/// Writes what readers say; the only one in its process that changes [`Ratings`].
pub struct Writer {
    store: Store,
    ratings: Ratings,
    waiting: mpsc::Receiver<Job>,
    arriving: mpsc::Receiver<ReaderEvent>,
    closed: watch::Receiver<bool>,
    metrics: ReaderMetrics,
    /// Taken out of the queue and not written yet.
    taken: VecDeque<Job>,
    /// Taken out of the queue and not written yet.
    events: Vec<ReaderEvent>,
    folding: Option<JoinHandle<()>>,
    looked: Instant,
    swept: Instant,
    failing: bool,
}

type Answer<T> = (oneshot::Sender<Result<T, WriteError>>, Result<T, WriteError>);

impl Writer {
    pub(super) fn new(
        store: Store,
        ratings: Ratings,
        waiting: mpsc::Receiver<Job>,
        arriving: mpsc::Receiver<ReaderEvent>,
        closed: watch::Receiver<bool>,
        metrics: ReaderMetrics,
    ) -> Self {
        Self {
            store,
            ratings,
            waiting,
            arriving,
            closed,
            metrics,
            taken: VecDeque::new(),
            events: Vec::new(),
            folding: None,
            looked: Instant::now(),
            swept: Instant::now(),
            failing: false,
        }
    }

    /// Writes until it is closed and what was taken is stored. A panic is logged, and costs only what was being written.
    pub async fn run(mut self) {
        let mut ticks = interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let stepped = AssertUnwindSafe(self.step(&mut ticks)).catch_unwind().await;
            match stepped {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    tracing::error!("what stores the readers' histories panicked, and starts again");
                    // Whose changes these were hears that they are not known to be stored.
                    self.taken.clear();
                    self.events.clear();
                    let outcome = self.reload().await;
                    let _ = self.noted(outcome);
                }
            }
        }
        self.write_all(false).await;
        self.write_events().await;
    }

    /// Waits for something to do and does it. False once nothing more is taken.
    async fn step(&mut self, ticks: &mut Interval) -> bool {
        let mut open = true;
        if self.taken.is_empty() {
            let closed = self.closed.wait_for(|closed| *closed);
            tokio::select! {
                biased;
                _ = closed => open = false,
                job = self.waiting.recv() => match job {
                    Some(job) => self.taken.push_back(job),
                    None => open = false,
                },
                _ = ticks.tick() => {}
            }
        }
        if !open {
            // What is in the queue was taken; who waits to be let in hears that it is over.
            self.waiting.close();
            self.arriving.close();
            return false;
        }
        self.write_all(true).await;
        if self.looked.elapsed() >= POLL {
            self.looked = Instant::now();
            self.upkeep().await;
        }
        true
    }

    /// Writes one transaction; if not `once`, everything.
    async fn write_all(&mut self, once: bool) {
        loop {
            let mut changes: usize = self.taken.iter().map(Job::changes).sum();
            while changes < CHANGES
                && let Ok(job) = self.waiting.try_recv()
            {
                changes += job.changes();
                self.taken.push_back(job);
            }
            match self.taken.front() {
                None => return,
                Some(Job::Erase(..)) => {
                    if let Some(Job::Erase(readers, answer)) = self.taken.pop_front() {
                        let outcome = self.erase(readers).await;
                        // Who asked may have gone.
                        let _ = answer.send(outcome);
                    }
                }
                Some(Job::Say(..) | Job::Create(..)) => self.write_some().await,
            }
            self.metrics.holds(&self.ratings);
            self.fold().await;
            if once {
                return;
            }
        }
    }

    /// Writes what stands before the next erasure, in one transaction, and answers.
    async fn write_some(&mut self) {
        let (mut said, mut created) = (Vec::new(), Vec::new());
        let mut changes = 0;
        while changes < CHANGES {
            match self.taken.pop_front() {
                Some(Job::Say(together, answer)) => {
                    changes += together.len();
                    said.push((together, answer));
                }
                Some(Job::Create(answer)) => created.push(answer),
                Some(erase) => {
                    self.taken.push_front(erase);
                    break;
                }
                None => break,
            }
        }
        self.take_events();
        let together: Vec<&[Said]> = said.iter().map(|(together, _)| together.as_slice()).collect();
        let outcome = self.write(&together, created.len()).await;
        let outcome = self.noted(outcome);
        let (outcomes, numbers) = match outcome {
            Ok((outcomes, numbers)) => (outcomes, numbers),
            Err(error) => (vec![Err(error); said.len()], vec![Err(error); created.len()]),
        };
        let answers = said.into_iter().map(|(_, answer)| answer).zip(outcomes);
        answers.for_each(send);
        created.into_iter().zip(numbers).for_each(send);
    }

    async fn write(
        &mut self,
        said: &[&[Said]],
        created: usize,
    ) -> Result<(Vec<Outcome>, Vec<Result<u32, WriteError>>), ReadersError> {
        let mut writing = self.begin().await?;
        let now = now();
        let requests = requests(said.iter().copied().flatten());
        let forgotten = i64::from(now) - REQUESTS_KEPT;
        let repeated = match requests.as_slice() {
            [] => Default::default(),
            requests => {
                writing.claim(requests, i64::from(now), forgotten).await.map_err(ReadersError::Store)?
            }
        };
        let claimed = requests.len() > repeated.len();
        let ratings = self.ratings.clone();
        let mut batch = Batch::new(&ratings, repeated, now);
        let mut outcomes = Vec::with_capacity(said.len());
        for together in said {
            let refused = together.iter().enumerate().filter(|(_, said)| !batch.add(said));
            outcomes.push(Ok(refused.map(|(place, _)| place).collect()));
        }
        let numbers: Vec<_> =
            (0..created).map(|_| writing.new_reader(FIRST_SIMULATED).ok_or(WriteError::NoNumber)).collect();
        let entries = batch.entries();
        if entries.is_empty() && created == 0 && !claimed && batch.events.is_empty() && self.events.is_empty()
        {
            writing.leave().await.map_err(ReadersError::Store)?;
            return Ok((outcomes, numbers));
        }
        for (reader, request) in &batch.undone {
            writing.disclaim(*reader, request).await.map_err(ReadersError::Store)?;
        }
        writing.write(&entries).await.map_err(ReadersError::Store)?;
        writing.events(&batch.events).await.map_err(ReadersError::Store)?;
        let events = self.next_events();
        writing.events(&self.events[..events]).await.map_err(ReadersError::Store)?;
        let revision = writing.revision();
        writing.commit().await.map_err(ReadersError::Store)?;
        self.ratings.update(&entries, revision);
        self.events.drain(..events);
        self.metrics.changed(entries.len());
        Ok((outcomes, numbers))
    }

    async fn erase(&mut self, readers: RangeInclusive<u32>) -> Result<Erased, WriteError> {
        let outcome = async {
            let mut writing = self.begin().await?;
            writing.erase(*readers.start(), *readers.end()).await.map_err(ReadersError::Store)?;
            let revision = writing.revision();
            writing.commit().await.map_err(ReadersError::Store)?;
            self.drop_events(&readers);
            Ok(self.ratings.erase(readers, revision))
        };
        let outcome = outcome.await;
        self.noted(outcome)
    }

    /// A transaction before which the memory knows all that the store does.
    async fn begin(&mut self) -> Result<HistoryWriting, ReadersError> {
        loop {
            let mut writing = self.store.write_history().await.map_err(ReadersError::Store)?;
            let latest = writing.revision() - 1;
            loop {
                let seen = self.ratings.revision();
                if seen == latest {
                    return Ok(writing);
                }
                let changes = writing.since(seen).await.map_err(ReadersError::Store)?;
                if changes.missed {
                    break;
                }
                self.learn(changes);
            }
            // Others must not wait for that.
            writing.leave().await.map_err(ReadersError::Store)?;
            self.reload().await?;
        }
    }

    /// What is done now and then, whatever readers do.
    async fn upkeep(&mut self) {
        let outcome = self.catch_up().await;
        if self.noted(outcome).is_ok() && self.taken.is_empty() {
            self.write_events().await;
        }
        self.metrics.holds(&self.ratings);
        self.fold().await;
        if self.swept.elapsed() >= SWEEP {
            let outcome = self.sweep().await;
            // Where there is more to sweep, it goes on at the next look.
            if !matches!(self.noted(outcome), Ok(true)) {
                self.swept = Instant::now();
            }
        }
    }

    /// Whether there may be more.
    async fn sweep(&self) -> Result<bool, ReadersError> {
        let now = i64::from(now());
        let requests =
            self.store.sweep_history(now, now - REQUESTS_KEPT).await.map_err(ReadersError::Store)?;
        let events = self.store.sweep_events(now - EVENTS_KEPT).await.map_err(ReadersError::Store)?;
        Ok(requests || events)
    }

    /// Learns what other processes have changed.
    async fn catch_up(&mut self) -> Result<(), ReadersError> {
        let latest = self.store.history_version().await.map_err(ReadersError::Store)?.revision;
        while self.ratings.revision() < latest {
            let changes = self.store.history_since(self.ratings.revision()).await;
            let changes = changes.map_err(ReadersError::Store)?;
            if changes.missed {
                return self.reload().await;
            }
            self.learn(changes);
        }
        Ok(())
    }

    fn learn(&mut self, changes: HistoryChanges) {
        let HistoryChanges { revision, erased, mut entries, .. } = changes;
        for (first, last) in erased {
            self.drop_events(&(first..=last));
            self.ratings.erase(first..=last, self.ratings.revision());
        }
        entries.sort_unstable_by_key(|(reader, entry)| (*reader, entry.book));
        self.ratings.update(&entries, revision);
    }

    async fn reload(&self) -> Result<(), ReadersError> {
        let (base, revision) = load::all(&self.store).await?;
        tracing::info!(revision, entries = base.len(), "loaded the readers' histories anew");
        self.ratings.replace(base, revision);
        Ok(())
    }

    fn take_events(&mut self) {
        while self.events.len() < EVENTS
            && let Ok(event) = self.arriving.try_recv()
        {
            self.events.push(event);
        }
    }

    async fn write_events(&mut self) {
        loop {
            self.take_events();
            if self.events.is_empty() {
                return;
            }
            let events = self.next_events();
            let outcome = self.store.write_events(&self.events[..events]).await.map_err(ReadersError::Store);
            if self.noted(outcome).is_err() {
                return;
            }
            self.events.drain(..events);
        }
    }

    /// How many of the events a transaction takes in.
    fn next_events(&self) -> usize {
        self.events.len().min(EVENTS)
    }

    /// Drops what waits to be stored of readers who were just erased: stored later, it would stay.
    fn drop_events(&mut self, readers: &RangeInclusive<u32>) {
        while let Ok(event) = self.arriving.try_recv() {
            self.events.push(event);
        }
        self.events.retain(|event| event.whose().is_none_or(|reader| !readers.contains(&reader)));
    }

    /// Has the delta folded in the background, and waits for it where that is far behind.
    async fn fold(&mut self) {
        let overdue = self.ratings.overdue();
        if self.folding.as_ref().is_some_and(JoinHandle::is_finished) {
            self.folding = None;
        }
        if overdue > 0 && self.folding.is_none() {
            let ratings = self.ratings.clone();
            self.folding = Some(tokio::task::spawn_blocking(move || ratings.fold()));
        }
        if overdue >= TOO_FAR
            && let Some(folding) = self.folding.take()
            && let Err(error) = folding.await
        {
            tracing::error!(%error, "the readers' histories were not folded");
        }
    }

    /// Says once that the store fails, and once that it does no more.
    fn noted<T>(&mut self, outcome: Result<T, ReadersError>) -> Result<T, WriteError> {
        match &outcome {
            Err(error) if !self.failing => {
                tracing::error!(error = error as &dyn Error, "readers' histories are not stored");
            }
            Ok(_) if self.failing => tracing::info!("readers' histories are stored again"),
            _ => {}
        }
        self.failing = outcome.is_err();
        outcome.map_err(|_| WriteError::NotStored)
    }
}

impl Job {
    fn changes(&self) -> usize {
        match self {
            Self::Say(said, _) => said.len(),
            Self::Create(_) | Self::Erase(..) => 1,
        }
    }
}

fn send<T>((answer, outcome): Answer<T>) {
    // Who asked may have gone.
    let _ = answer.send(outcome);
}
