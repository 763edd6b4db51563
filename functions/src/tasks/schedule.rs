//! Calls that the clock makes, once for all processes.

use std::{collections::HashMap, error::Error, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use croner::Cron;
use http::{Request, header};
use tokio::time::sleep;

use super::{QUEUED_BYTES, Schedule, Tasks, parts};
use crate::store::{NewTask, Scheduled, StoreError, now};

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A time that has passed while nobody looked, or while the call before was at work, is made up for when it is no longer ago
/// than this; of several such times only the last.
const LATEST: i64 = 3_600_000;
/// How many times that have passed are gone through to find the last.
const PASSED: usize = 4_000;

/// When a schedule is due next, so that the database is asked only then.
type Due = HashMap<(String, String), i64>;

impl Tasks {
    /// Looks at the clock for ever.
    pub(super) async fn watch(self) {
        let mut due = Due::new();
        let mut failing = false;
        loop {
            let outcome = self.consider(&mut due).await;
            if let Err(error) = &outcome
                && !failing
            {
                tracing::error!(error = error as &dyn Error, "cannot see what is scheduled");
            }
            failing = outcome.is_err();
            sleep(LOOK).await;
        }
    }

    async fn consider(&self, due: &mut Due) -> Result<(), StoreError> {
        let schedules = self.0.functions.schedules();
        let now = now();
        due.retain(|(function, cron), _| {
            schedules.iter().any(|known| known.function == *function && known.cron.as_str() == cron)
        });
        for schedule in schedules {
            let key = (schedule.function.clone(), schedule.cron.as_str().to_owned());
            if due.get(&key).is_some_and(|next| *next > now) {
                continue;
            }
            let last = self.0.store.last_tick(&key.0, &key.1, now).await?;
            let (passed, next) = times(&schedule.cron, last, now);
            if let Some(time) = passed.filter(|time| now - time <= LATEST)
                && !self.make(&schedule, time).await?
            {
                // Again at the next look.
                continue;
            }
            due.insert(key, next.unwrap_or(i64::MAX));
        }
        Ok(())
    }

    /// Makes a task. Whether that is done, by whomever.
    async fn make(&self, schedule: &Schedule, time: i64) -> Result<bool, StoreError> {
        let inner = &*self.0;
        let Schedule { function, cron, input } = schedule;
        let Some(rules) = inner.functions.rules(function) else { return Ok(true) };
        let request = Request::post(format!("/{function}")).header(header::CONTENT_TYPE, "application/json");
        let body = input.as_ref().map_or_else(Bytes::new, |input| input.clone().into());
        let Ok(request) = request.body(body) else { return Ok(true) };
        let new = NewTask {
            function: function.clone(),
            schedule: Some((cron.as_str().to_owned(), time)),
            input: parts::stored(request),
            webhook: rules.webhook.unwrap_or_default(),
        };
        match inner.store.schedule(new, inner.settings.tasks_queue, QUEUED_BYTES).await? {
            Scheduled::Task(task) => {
                tracing::info!(task = task.id, function, cron = cron.as_str(), "scheduled by the clock");
                inner.wake.notify_one();
                Ok(true)
            }
            Scheduled::Full => {
                tracing::warn!(function, "too many tasks wait: the call that is due waits, too");
                Ok(false)
            }
            // Another process has made it, or the one before is at work: the time of that last look will tell.
            Scheduled::NotNeeded => Ok(inner.store.last_tick(function, cron.as_str(), time).await? >= time),
        }
    }
}

/// The last time that has passed after `last` and by `now`, and the next one; in milliseconds since 1970.
fn times(cron: &Cron, last: i64, now: i64) -> (Option<i64>, Option<i64>) {
    let mut passed = None;
    // What is too long ago is not made up for.
    let mut time = last.max(now - LATEST - 1_000);
    for _ in 0..PASSED {
        match next(cron, time) {
            Some(next) if next <= now => {
                passed = Some(next);
                time = next;
            }
            next => return (passed, next),
        }
    }
    (passed, Some(now))
}

fn next(cron: &Cron, after: i64) -> Option<i64> {
    let after = DateTime::<Utc>::from_timestamp_millis(after)?;
    cron.find_next_occurrence(&after, false).ok().map(|next| next.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use croner::Cron;

    use super::times;

    const MINUTE: i64 = 60_000;

    #[test]
    fn the_last_time_that_has_passed_counts() {
        let hourly = Cron::from_str("0 * * * *").unwrap();
        let (noon, one) = (720 * MINUTE, 780 * MINUTE);
        assert_eq!(times(&hourly, noon, noon + MINUTE), (None, Some(one)));
        assert_eq!(times(&hourly, noon - MINUTE, noon), (Some(noon), Some(one)));
        // Several have passed: the last.
        assert_eq!(times(&hourly, 0, noon + MINUTE), (Some(noon), Some(one)));
        let every_second = Cron::from_str("* * * * * *").unwrap();
        assert_eq!(times(&every_second, 0, noon), (Some(noon), Some(noon + 1_000)));
        // It never comes again.
        let never = Cron::from_str("0 0 30 2 *").unwrap();
        assert_eq!(times(&never, noon, one).1, None);
    }
}
