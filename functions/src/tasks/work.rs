//! Who works on which task, and until when.

use std::{error::Error, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::Response;
use service::Shutdown;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{FENCE, HEARTBEAT, Live, POLL, Progress, Rules, Run, Tasks, parts};
use crate::{
    problem::Problem,
    store::{Hold, Input, Interrupted, StoreError, Task, TaskEnd, TaskState, Written, now},
};

/// How much longer than it may take a call is waited for: the host ends it, and knows better why.
const SLACK: Duration = Duration::from_secs(5);
/// How long a task waits for which there was no room.
const BUSY: Duration = Duration::from_secs(1);
/// How long the end of a process waits for its tasks to be given back.
const GIVING_BACK: Duration = Duration::from_secs(3);
/// After which waits the end of a task is written again that could not be.
const WAITS: [u64; 6] = [0, 1, 2, 4, 8, 16];

/// How the work on a task came to its end.
enum End {
    Ran(Result<Response<Bytes>, Problem>),
    Cancelled,
    Lost,
    Leaving,
}

impl Tasks {
    /// Works on tasks until the process leaves. Those that are at work then have the grace period to end; what still runs after
    /// it is given back.
    pub async fn run(self, shutdown: Shutdown) {
        let mut others = JoinSet::new();
        others.spawn(self.clone().keep());
        others.spawn(self.clone().watch());
        others.spawn(self.clone().deliver());
        let mut at_work = JoinSet::new();
        self.take(&mut at_work, &shutdown).await;
        let all_ended = async { while at_work.join_next().await.is_some() {} };
        tokio::select! {
            () = all_ended => return,
            () = shutdown.over() => {}
        }
        self.0.leaving.send_replace(true);
        let all_ended = async { while at_work.join_next().await.is_some() {} };
        if timeout(GIVING_BACK, all_ended).await.is_err() {
            tracing::warn!("tasks wait for another process to see that this one has ended");
        }
    }

    /// Takes one task after the other, as there are places, until the process leaves. It does not leave in the middle of taking
    /// one, which would be at work in the database and nowhere else.
    async fn take(&self, at_work: &mut JoinSet<()>, shutdown: &Shutdown) {
        let inner = &*self.0;
        let places = Arc::new(Semaphore::new(inner.settings.tasks_at_once as usize));
        let mut failing = false;
        loop {
            let place = tokio::select! {
                biased;
                () = shutdown.leaving() => return,
                place = Arc::clone(&places).acquire_owned() => place,
            };
            let Ok(place) = place else { return };
            // What has ended is let go of.
            while at_work.try_join_next().is_some() {}
            let claimed = inner.store.claim(&inner.owner).await;
            match claimed {
                Ok(Some((task, input))) => {
                    at_work.spawn(self.clone().perform(task, input, place));
                    failing = false;
                    continue;
                }
                Ok(None) => failing = false,
                Err(error) => {
                    if !failing {
                        tracing::error!(error = &error as &dyn Error, "cannot look for tasks");
                    }
                    failing = true;
                }
            }
            drop(place);
            let due = if failing { None } else { inner.store.next_due().await.ok().flatten() };
            let until = due.map(|due| Duration::from_millis(due.saturating_sub(now()).max(1).unsigned_abs()));
            tokio::select! {
                () = shutdown.leaving() => return,
                () = inner.wake.notified() => {}
                () = sleep(until.unwrap_or(POLL).min(POLL)) => {}
            }
        }
    }

    /// Works on a task that was just taken, to its end.
    async fn perform(self, task: Task, input: Input, place: OwnedSemaphorePermit) {
        let inner = &*self.0;
        let rules = inner.functions.rules(&task.function).unwrap_or_default();
        let progress = Progress::default();
        let live = Live { progress: progress.clone(), stop: Arc::default() };
        let at_work = {
            let mut all = inner.live();
            all.insert(task.id.clone(), live.clone());
            all.len()
        };
        inner.metrics.running(at_work);
        tracing::info!(task = task.id, function = task.function, attempt = task.attempts, "at work");
        let begun = Instant::now();
        let mut leaving = inner.leaving.subscribe();
        let end = tokio::select! {
            ran = self.call_it(&task, input, &rules, &progress) => End::Ran(ran),
            hold = self.hold(&task.id, &progress) => if hold == Hold::Lost { End::Lost } else { End::Cancelled },
            () = live.stop.notified() => End::Cancelled,
            () = async { drop(leaving.wait_for(|leaving| *leaving).await) } => End::Leaving,
        };
        let state = self.conclude(&task, &rules, &progress, end).await;
        let at_work = {
            let mut all = inner.live();
            all.remove(&task.id);
            all.len()
        };
        inner.metrics.running(at_work);
        if let Some(state) = state {
            let (seconds, id, state) = (begun.elapsed().as_secs_f64(), &task.id, state.word());
            tracing::info!(task = id, function = task.function, state, seconds, "done");
        }
        inner.has_ended(&task.id);
        drop(place);
        inner.wake.notify_one();
    }

    /// Calls the function. A panic on the way is a failure like any other.
    async fn call_it(
        &self,
        task: &Task,
        input: Input,
        rules: &Rules,
        progress: &Progress,
    ) -> Result<Response<Bytes>, Problem> {
        let Some(request) = parts::restored(input) else {
            tracing::error!(task = task.id, "the request in the database is damaged");
            return Err(Problem::Internal);
        };
        let run = Run {
            function: task.function.clone(),
            request,
            id: task.id.as_str().into(),
            progress: progress.clone(),
        };
        let running = AssertUnwindSafe(self.0.functions.run(run)).catch_unwind();
        match timeout(rules.time.saturating_add(SLACK), running).await {
            Ok(Ok(ran)) => ran,
            Ok(Err(_)) => Err(Problem::Internal),
            Err(_) => Err(Problem::OutOfTime),
        }
    }

    /// Says every second that this process lives, until the task is to stop or belongs to somebody else. Who cannot say so for
    /// long stops by itself, before others take it for dead.
    async fn hold(&self, id: &str, progress: &Progress) -> Hold {
        let inner = &*self.0;
        let mut said = Instant::now();
        loop {
            sleep(HEARTBEAT).await;
            let (done, step) = progress.now();
            let asked = Instant::now();
            let renewing = inner.store.renew(id, &inner.owner, done, &step);
            let left = FENCE.saturating_sub(said.elapsed());
            match timeout(left, renewing).await {
                Ok(Ok(Hold::Kept)) => said = asked,
                Ok(Ok(over)) => return over,
                Ok(Err(error)) => {
                    tracing::warn!(task = id, error = &error as &dyn Error, "cannot keep hold of the task");
                }
                Err(_) => {}
            }
            if said.elapsed() >= FENCE {
                tracing::warn!(
                    task = id,
                    "this process could not say that it lives, and lets go of the task"
                );
                return Hold::Lost;
            }
        }
    }

    /// Writes down what became of a task. What that is, if it is still this process's business.
    async fn conclude(&self, task: &Task, rules: &Rules, progress: &Progress, end: End) -> Option<TaskState> {
        let (progress, step) = progress.now();
        let task = Task { progress, step, ..task.clone() };
        let end = match end {
            End::Lost => return None,
            End::Leaving => return self.give_back(&task, rules).await,
            End::Ran(Err(Problem::Busy | Problem::Overloaded)) => {
                match self.0.store.put_back(&task.id, &self.0.owner, BUSY).await {
                    Ok(Written::Cancelled) => self.cancelled(&task),
                    Ok(Written::Done | Written::Lost) => return None,
                    Err(error) => {
                        let error = &error as &dyn Error;
                        tracing::warn!(task = task.id, error, "cannot put the task back");
                        return None;
                    }
                }
            }
            End::Cancelled => self.cancelled(&task),
            End::Ran(Ok(answer)) => {
                let output = Some(parts::output(answer));
                self.end(&Task { state: TaskState::Succeeded, ..task.clone() }, output)
            }
            End::Ran(Err(problem)) => {
                let output = Some(parts::problem(&problem));
                match rules.again(task.attempts, &problem) {
                    Some(after) => TaskEnd {
                        state: TaskState::Scheduled,
                        output,
                        at: now(),
                        after: spread(after),
                        told: None,
                    },
                    None => self.end(&Task { state: TaskState::Failed, ..task.clone() }, output),
                }
            }
        };
        self.write(&task, end).await
    }

    /// Writes down the end of an attempt, or that its task was cancelled, if somebody has asked for that by now.
    async fn write(&self, task: &Task, mut end: TaskEnd) -> Option<TaskState> {
        let inner = &*self.0;
        for wait in WAITS {
            sleep(Duration::from_secs(wait)).await;
            let mut written = inner.store.end(&task.id, &inner.owner, &end).await;
            if matches!(written, Ok(Written::Cancelled)) {
                end = self.cancelled(task);
                written = inner.store.end(&task.id, &inner.owner, &end).await;
            }
            match written {
                Ok(Written::Done) => {
                    inner.metrics.ended(end.state);
                    return Some(end.state);
                }
                Ok(Written::Cancelled | Written::Lost) => break,
                Err(error) => {
                    tracing::error!(task = task.id, error = &error as &dyn Error, "cannot end the task");
                }
            }
        }
        tracing::warn!(task = task.id, "what the task came to was not taken");
        None
    }

    /// Leaves a task to other processes, because this one ends; one that is to stop has ended then, as what is returned.
    async fn give_back(&self, task: &Task, rules: &Rules) -> Option<TaskState> {
        let inner = &*self.0;
        let given = async {
            let Some(mine) = inner.store.mine(&task.id, &inner.owner).await? else {
                return Ok(Written::Lost);
            };
            let then =
                if rules.survives() { Interrupted::Again { died: false } } else { self.interrupted(task) };
            inner.store.interrupt(&mine, &then).await
        };
        let given: Result<Written, StoreError> = given.await;
        match given {
            Ok(Written::Cancelled) => return self.write(task, self.cancelled(task)).await,
            Ok(Written::Done) => tracing::info!(task = task.id, "given back"),
            Ok(Written::Lost) => {}
            Err(error) => {
                tracing::warn!(task = task.id, error = &error as &dyn Error, "cannot give the task back");
            }
        }
        None
    }

    /// The end of a task that was interrupted and must not begin again.
    pub(super) fn interrupted(&self, task: &Task) -> Interrupted {
        let output = Some(parts::problem(&Problem::Interrupted));
        Interrupted::Ends(self.end(&Task { state: TaskState::Failed, ..task.clone() }, output))
    }
}

/// Up to a quarter more, so that what failed together is not tried again together.
fn spread(wait: Duration) -> Duration {
    wait + wait.mul_f64(rand::random::<f64>() / 4.0)
}
