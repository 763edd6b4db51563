//! What nobody sees to any more: tasks of processes that have died, and what has expired.

use std::{
    collections::HashMap,
    error::Error,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{KEPT_BYTES, LEASE, POLL, Tasks, deliver};
use crate::store::{Interrupted, Runs, StoreError, Written};

/// How often what has expired is looked for, and how much is forgotten at once.
const SWEEP: Duration = Duration::from_secs(30);
const SWEPT: u32 = 500;
/// How long images are remembered.
const IMAGES: Duration = Duration::from_secs(90 * 86_400);
/// How often a task is begun again whose process died: it may be the cause.
const DEATHS: u32 = 3;

/// A heartbeat, and since when it has stood still.
struct Seen {
    owner: String,
    heartbeat: i64,
    since: Instant,
}

impl Tasks {
    /// Looks after all tasks that are at work, for ever.
    pub(super) async fn keep(self) {
        let mut seen = HashMap::new();
        let mut swept: Option<Instant> = None;
        let mut failing = false;
        loop {
            let mut outcome = self.look_after(&mut seen).await;
            if outcome.is_ok() && swept.is_none_or(|swept| swept.elapsed() >= SWEEP) {
                swept = Some(Instant::now());
                outcome = self.sweep().await;
            }
            if let Err(error) = &outcome {
                // A database that was away for longer than a lease says nothing about other processes.
                seen.clear();
                if !failing {
                    tracing::error!(error = error as &dyn Error, "cannot look after the tasks");
                }
            }
            failing = outcome.is_err();
            sleep(POLL).await;
        }
    }

    async fn look_after(&self, seen: &mut HashMap<String, Seen>) -> Result<(), StoreError> {
        let running = self.0.store.running().await?;
        seen.retain(|id, _| running.iter().any(|runs| runs.id == *id));
        for runs in running {
            match seen.get(&runs.id) {
                Some(seen) if seen.owner == runs.owner && seen.heartbeat == runs.heartbeat => {
                    if seen.since.elapsed() >= LEASE {
                        self.bury(&runs).await?;
                    }
                }
                _ => {
                    let Runs { id, owner, heartbeat, .. } = runs;
                    seen.insert(id, Seen { owner, heartbeat, since: Instant::now() });
                }
            }
        }
        Ok(())
    }

    /// Takes a task from a process that has died.
    async fn bury(&self, runs: &Runs) -> Result<(), StoreError> {
        let inner = &*self.0;
        let Some(task) = inner.store.task(&runs.id).await? else { return Ok(()) };
        let rules = inner.functions.rules(&runs.function).unwrap_or_default();
        let then = if runs.cancelled {
            Interrupted::Ends(self.cancelled(&task))
        } else if rules.survives() && runs.interruptions + 1 < DEATHS {
            Interrupted::Again { died: true }
        } else {
            self.interrupted(&task)
        };
        // One that was cancelled in between is buried as such at the next look.
        if inner.store.interrupt(runs, &then).await? == Written::Done {
            let again = matches!(then, Interrupted::Again { .. });
            tracing::warn!(task = runs.id, again, "the process that ran this task has ended in the middle");
            inner.has_ended(&runs.id);
            inner.wake.notify_one();
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let store = &self.0.store;
        while store.sweep_tasks(self.0.settings.tasks_kept, KEPT_BYTES, SWEPT).await? {}
        let untold = store.sweep_deliveries(deliver::LONGEST).await?;
        if untold > 0 {
            tracing::warn!(
                untold,
                "ends of tasks could not be told for {:?}, and are not any more",
                deliver::LONGEST
            );
        }
        store.sweep_images(IMAGES).await
    }
}
