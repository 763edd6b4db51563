//! Who works on which job, and until when.

use std::{convert::Infallible, error::Error, future::Future, time::Instant};

use futures_util::{FutureExt as _, future::Shared};
use tokio::sync::oneshot;

use super::{HEARTBEAT, LEASE, LOOK, Live, POLL, Training, TrainingError, publish::Done};
use crate::{
    models::{Progress, TrainError},
    store::{Hold, Job, JobState, StoreError},
};

/// How long a job that was cancelled may take to notice it, before it is left to itself.
const NOTICE: std::time::Duration = std::time::Duration::from_millis(500);

/// A heartbeat, and since when it has stood still.
struct Seen {
    job: i64,
    owner: String,
    heartbeat: i64,
    since: Instant,
}

/// How the work on a job came to its end.
enum End {
    Done(Result<Done, TrainingError>),
    Cancelled,
    Lost,
    /// The process ends.
    Left,
}

impl Training {
    /// Works on jobs until this one has ended, here or elsewhere, or until `end`, and tells how it goes. A job under way is then
    /// given back.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn work_until(
        &self,
        id: i64,
        mut tell: impl FnMut(&Job),
        end: impl Future<Output = ()>,
    ) -> Result<Option<Job>, StoreError> {
        let watching = async {
            loop {
                let job = self.0.store.job(id).await?.map(|job| self.freshened(job));
                match job {
                    Some(job) if !job.state.has_ended() => tell(&job),
                    ended => return Ok(ended),
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let (leave, left) = oneshot::channel::<Infallible>();
        let until = async {
            let ended = tokio::select! {
                ended = watching => Some(ended),
                () = end => None,
            };
            drop(leave);
            ended
        };
        let left = left.map(drop).shared();
        let (ended, ()) = tokio::join!(until, self.work(&left));
        match ended {
            Some(ended) => ended,
            None => self.0.store.job(id).await,
        }
    }

    /// Looks for jobs from now on, the moment that one is scheduled here.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Works on one job after the other, and takes those from processes that have died, until `end`. It does not leave in the
    /// middle of beginning or ending one, which would be at work in the database and nowhere else.
    pub(super) async fn work(&self, end: &Shared<impl Future<Output = ()>>) {
        let mut seen: Option<Seen> = None;
        let mut failing = false;
        while end.clone().now_or_never().is_none() {
            let outcome = self.look(&mut seen, end).await;
            match &outcome {
                Err(error) => {
                    // A database that was away for longer than a lease says nothing about other processes.
                    seen = None;
                    if !failing {
                        tracing::error!(error = error as &dyn Error, "cannot look for jobs");
                    }
                }
                // There may be another one.
                Ok(true) => continue,
                Ok(false) => {}
            }
            failing = outcome.is_err();
            tokio::select! {
                () = end.clone() => {}
                () = self.0.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Works on the next job if there is one. Whether there was.
    async fn look(
        &self,
        seen: &mut Option<Seen>,
        end: &Shared<impl Future<Output = ()>>,
    ) -> Result<bool, StoreError> {
        let inner = &*self.0;
        let (running, next) = inner.store.line().await?;
        if let Some(job) = running {
            let same = seen.as_ref().filter(|seen| {
                (seen.job, seen.heartbeat, seen.owner.as_str()) == (job.id, job.heartbeat, &job.owner)
            });
            match same {
                Some(seen) if seen.since.elapsed() >= LEASE => {
                    tracing::warn!(job = job.id, "the process that ran this job has ended in the middle");
                    return inner.store.bury(&job).await;
                }
                Some(_) => {}
                None => {
                    let Job { id, owner, heartbeat, .. } = job;
                    *seen = Some(Seen { job: id, owner, heartbeat, since: Instant::now() });
                }
            }
            return Ok(false);
        }
        *seen = None;
        let Some(next) = next.filter(|_| inner.settings.train) else { return Ok(false) };
        if !inner.store.claim(next.id, &inner.owner).await? {
            return Ok(false);
        }
        self.perform(next, end).await;
        // A training takes several times what its model keeps.
        service::memory::give_back().await;
        Ok(true)
    }

    /// Works on a job that was just begun, to its end or to that of the process.
    async fn perform(&self, job: Job, end: &Shared<impl Future<Output = ()>>) {
        let id = job.id;
        tracing::info!(job = id, model = job.model, cause = job.cause, "training");
        let progress = Progress::new();
        self.state().live = Some(Live { job: id, step: "", progress: progress.clone() });
        let begun = Instant::now();
        let came = {
            let work = self.train(job, progress.clone());
            let mut work = std::pin::pin!(work);
            tokio::select! {
                biased;
                () = end.clone() => {
                    progress.cancel();
                    End::Left
                }
                done = &mut work => End::Done(done),
                hold = self.hold(id) => {
                    progress.cancel();
                    // What is left behind after that ends at its next look at the progress.
                    match (hold, tokio::time::timeout(NOTICE, work).await) {
                        (Hold::Lost, _) => End::Lost,
                        // It was over before anybody could stop it.
                        (_, Ok(Ok(done))) => End::Done(Ok(done)),
                        _ => End::Cancelled,
                    }
                }
            }
        };
        self.state().live = None;
        let (state, message, version) = match came {
            End::Done(Ok(Done { version, message })) => (JobState::Succeeded, message, version),
            End::Cancelled | End::Done(Err(TrainingError::Train(TrainError::Cancelled))) => {
                (JobState::Cancelled, "cancelled".to_owned(), String::new())
            }
            End::Done(Err(error)) => (JobState::Failed, service::chain(&error), String::new()),
            End::Lost => {
                tracing::warn!(job = id, "another process has taken this job");
                return;
            }
            End::Left => {
                if let Err(error) = self.0.store.give_back(id, &self.0.owner).await {
                    let error = &error as &dyn Error;
                    tracing::warn!(job = id, error, "the job waits for another process to see it");
                }
                return;
            }
        };
        let seconds = begun.elapsed().as_secs_f64();
        for wait in [0, 1, 2, 4] {
            tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
            match self.0.store.end_job(id, &self.0.owner, state, &message, &version).await {
                Ok(ended) => return told(id, ended, seconds),
                Err(error) => {
                    tracing::error!(job = id, message, error = &error as &dyn Error, "cannot end the job");
                }
            }
        }
    }

    /// Keeps hold of a job until somebody wants it to stop, or somebody else has it.
    async fn hold(&self, id: i64) -> Hold {
        let inner = &*self.0;
        let beating = async {
            loop {
                let (step, fraction) = self.state().live.as_ref().map(Live::words).unwrap_or_default();
                match inner.store.renew(id, &inner.owner, &step, fraction).await {
                    Ok(Hold::Kept) => {}
                    Ok(over) => return over,
                    Err(error) => {
                        tracing::warn!(job = id, error = &error as &dyn Error, "cannot keep hold of the job");
                    }
                }
                tokio::time::sleep(HEARTBEAT).await;
            }
        };
        // Apart from the heartbeat, which may have to wait for others who write.
        let looking = async {
            loop {
                tokio::time::sleep(LOOK).await;
                if let Ok(over @ (Hold::Cancelled | Hold::Lost)) = inner.store.hold(id, &inner.owner).await {
                    return over;
                }
            }
        };
        tokio::select! {
            over = beating => over,
            over = looking => over,
        }
    }
}

/// Logs what a job came to as it is stored.
fn told(id: i64, ended: Option<Job>, seconds: f64) {
    match ended {
        Some(Job { state, message, model_version: version, .. }) => {
            tracing::info!(job = id, ?state, message, version, seconds, "trained");
        }
        None => tracing::warn!(job = id, "the job has ended already, or another process has taken it"),
    }
}
