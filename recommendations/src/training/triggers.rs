//! What starts a training by itself.

use std::{
    error::Error,
    time::{Duration, Instant, SystemTime},
};

use chrono::{DateTime, Utc};
use croner::Cron;

use super::{Training, TrainingError};
use crate::{
    artefact,
    store::{Cause, NewJob, Scheduled, StoreError, now},
};

/// How often it is looked for reasons.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked for what interrupted trainings have left behind.
const SWEEP: Duration = Duration::from_secs(3_600);
/// Fewer changes than that are no reason, unless the setting says so.
const LEAST: i64 = 20;

impl Training {
    /// Asks for a training.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn schedule(&self, model: &str, cause: Cause, force: bool) -> Result<Scheduled, StoreError> {
        let changes = self.0.store.history_version().await?.changes;
        let scheduled = self.0.store.schedule(NewJob { model, cause, force, changes }).await?;
        if let Scheduled::Job(_) = scheduled {
            self.wake();
        }
        Ok(scheduled)
    }

    /// Schedules trainings at their time, after enough changes, and when there is no model yet. Where nothing is trained, it only
    /// sees to it that simulated readers go when real ones come.
    pub(super) async fn watch(&self) {
        let settings = &self.0.settings;
        if settings.train
            && let Err(error) = self.simulate().await
        {
            tracing::error!(error = &error as &dyn Error, "there are no simulated readers");
        }
        let schedule = settings.train_schedule.as_ref().filter(|_| settings.train);
        let mut tick = schedule.and_then(next);
        let mut failing = false;
        let mut seen = -1;
        let mut swept: Option<Instant> = None;
        loop {
            if settings.train && swept.is_none_or(|swept| swept.elapsed() >= SWEEP) {
                swept = Some(Instant::now());
                if let Err(error) = self.remove_remnants().await {
                    tracing::warn!(
                        error = &error as &dyn Error,
                        "what trainings have left behind stays there"
                    );
                }
            }
            let due = tick.filter(|tick| *tick <= now());
            let outcome = self.consider(due, &mut seen).await;
            match &outcome {
                Ok(()) if due.is_some() => tick = schedule.and_then(next),
                Ok(()) => {}
                Err(error) if !failing => {
                    tracing::error!(error = error as &dyn Error, "cannot see whether to train");
                }
                Err(_) => {}
            }
            failing = outcome.is_err();
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Removes what trainings have left in the object store that died while they wrote; not while one is under way.
    async fn remove_remnants(&self) -> Result<(), TrainingError> {
        let inner = &*self.0;
        let (running, _) = inner.store.line().await.map_err(TrainingError::Store)?;
        if running.is_some() {
            return Ok(());
        }
        let known = inner.store.models().await.map_err(TrainingError::Store)?;
        let is_known = |version: &str| known.iter().any(|model| model.version == version);
        let removed = artefact::remove_remnants(&inner.objects, SystemTime::now().into(), is_known).await;
        let removed = removed.map_err(TrainingError::Objects)?;
        if removed > 0 {
            tracing::info!(files = removed, "removed what interrupted trainings had left behind");
        }
        Ok(())
    }

    async fn consider(&self, due: Option<i64>, seen: &mut i64) -> Result<(), TrainingError> {
        let inner = &*self.0;
        let schedule = async |cause| {
            let scheduled = self.schedule(inner.settings.model.name(), cause, false).await;
            scheduled.inspect(|scheduled| {
                if *scheduled == Scheduled::Full {
                    tracing::warn!(?cause, "too many trainings wait already");
                }
            })
        };
        if let Some(tick) = due {
            schedule(Cause::Schedule(tick)).await.map_err(TrainingError::Store)?;
        }
        let stored = inner.store.history_version().await.map_err(TrainingError::Store)?;
        // Of all changes: that somebody is gone is none of those that are counted for a training.
        if stored.revision == *seen {
            return Ok(());
        }
        let read = inner.readers.ratings().revision();
        self.make_room_for_real_ones().await?;
        let cause = match i64::from(inner.settings.train_after) {
            _ if !inner.settings.train => None,
            _ if self.answering().is_empty() => {
                Some(Cause::Start).filter(|_| !inner.readers.ratings().is_empty())
            }
            0 => None,
            most => Some(Cause::Ratings { least: LEAST.min(most), most }),
        };
        // What another process has changed may not be known here yet: then it is looked at again.
        let mut decided = read >= stored.revision;
        if let Some(cause) = cause {
            let scheduled = schedule(cause).await.map_err(TrainingError::Store)?;
            // So it is where the training that is under way may have learnt from readers who are gone, and bring no model.
            decided &= !(cause == Cause::Start && scheduled == Scheduled::NotNeeded);
        }
        if decided {
            *seen = stored.revision;
        }
        Ok(())
    }
}

/// When the schedule is due next, in milliseconds since 1970.
fn next(schedule: &Cron) -> Option<i64> {
    let now = DateTime::<Utc>::from_timestamp_millis(now())?;
    match schedule.find_next_occurrence(&now, false) {
        Ok(next) => Some(next.timestamp_millis()),
        Err(error) => {
            tracing::error!(%error, "the schedule never comes");
            None
        }
    }
}
