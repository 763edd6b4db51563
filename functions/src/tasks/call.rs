//! From a request to a task, and from a task to its answer.

use std::{error::Error, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use tokio::time::{Instant, timeout_at};

use super::{
    POLL, PREFERENCE_APPLIED, Preferences, QUEUED_BYTES, Tasks, WEBHOOK, parts, post, prefer::Applied, render,
};
use crate::{
    problem::Problem,
    store::{NewTask, Output, Scheduled, Stopped, StoreError, Task, TaskEnd, TaskState, Told, now},
};

/// How long whoever cancels a task waits for its owner to do so.
const CANCELLING: Duration = Duration::from_secs(3);
/// How soon it makes sense to look at a task again.
const SOON: HeaderValue = HeaderValue::from_static("1");

impl Tasks {
    /// Makes a task of a request, waits for it as long as the caller prefers, and answers: with what the function answered, if
    /// it did by then, else with 202 and where the task is.
    ///
    /// # Errors
    ///
    /// If there is no such function, or its end cannot be told where the caller wants, or too many tasks wait; and whatever
    /// became of a task that has failed by then.
    pub async fn call(
        &self,
        function: &str,
        request: Request<Bytes>,
        preferences: Preferences,
    ) -> Result<Response, Problem> {
        let inner = &*self.0;
        let Some(rules) = inner.functions.rules(function) else {
            return Err(Problem::Unknown("such function".to_owned()));
        };
        let webhook = match request.headers().get(WEBHOOK) {
            Some(url) => self.checked(url)?,
            None => rules.webhook.unwrap_or_default(),
        };
        let (wait, preferences) = preferences.bounded(inner.settings.tasks_wait);
        let until = Instant::now() + wait;
        let input = parts::stored(request);
        let new = NewTask { function: function.to_owned(), schedule: None, input, webhook };
        let scheduled = inner.store.schedule(new, inner.settings.tasks_queue, QUEUED_BYTES).await;
        let task = match scheduled.map_err(|error| broken(&error))? {
            Scheduled::Task(task) => *task,
            Scheduled::Full | Scheduled::NotNeeded => return Err(Problem::Overloaded),
        };
        tracing::info!(task = task.id, function, "scheduled");
        inner.wake.notify_one();
        let task = if wait > Duration::ZERO { self.settled(task, until).await? } else { task };
        let mut answer = match task.state {
            TaskState::Scheduled | TaskState::Running => {
                let mut answer = self.shown(StatusCode::ACCEPTED, &task, None);
                let address = HeaderValue::try_from(render::address(&task.id)).expect("digits and slashes");
                answer.headers_mut().insert(header::LOCATION, address);
                applied(answer.headers_mut(), Some(preferences.deferred()));
                answer
            }
            _ => {
                let mut answer = self.result(&task).await?;
                applied(answer.headers_mut(), preferences.waited());
                answer
            }
        };
        answer.headers_mut().append(header::VARY, HeaderValue::from_static("prefer"));
        Ok(answer)
    }

    /// One task; waits for its end as long as the caller prefers.
    pub(super) async fn look(&self, id: &str, preferences: Preferences) -> Result<Response, Problem> {
        let task = self.find(id).await?;
        let (wait, preferences) = preferences.bounded(self.0.settings.tasks_wait);
        let task =
            if wait > Duration::ZERO { self.settled(task, Instant::now() + wait).await? } else { task };
        let output = self.output(&task).await?;
        let mut answer = self.shown(StatusCode::OK, &task, output.as_ref());
        applied(answer.headers_mut(), preferences.waited());
        Ok(answer)
    }

    /// What a task came to, as if its function had been called just now.
    pub(super) async fn result(&self, task: &Task) -> Result<Response, Problem> {
        match task.state {
            TaskState::Succeeded | TaskState::Failed => {}
            TaskState::Cancelled => return Err(Problem::Conflict("the task was cancelled".to_owned())),
            TaskState::Scheduled | TaskState::Running => {
                return Err(Problem::Conflict("the task has not ended yet".to_owned()));
            }
        }
        let output = self.output(task).await?;
        let Some(answer) = output.and_then(parts::answer) else {
            return Err(Problem::Unknown("such result any more".to_owned()));
        };
        Ok(answer.map(Body::from).into_response())
    }

    /// Cancels a task, and waits a little for its owner to do so.
    pub(super) async fn cancel(&self, id: &str) -> Result<Response, Problem> {
        let inner = &*self.0;
        let task = self.find(id).await?;
        let end = self.cancelled(&task);
        let task = match inner.store.cancel(id, &end).await.map_err(|error| broken(&error))? {
            Stopped::Cancelled => {
                tracing::info!(task = id, "cancelled before it began");
                inner.metrics.ended(TaskState::Cancelled);
                inner.has_ended(id);
                self.find(id).await?
            }
            Stopped::Asked => {
                let live = inner.live().get(id).cloned();
                if let Some(live) = live {
                    live.stop.notify_one();
                }
                self.settled(task, Instant::now() + CANCELLING).await?
            }
            Stopped::Late => self.find(id).await?,
        };
        match task.state {
            TaskState::Cancelled => Ok(self.shown(StatusCode::OK, &task, None)),
            TaskState::Scheduled | TaskState::Running => Ok(self.shown(StatusCode::ACCEPTED, &task, None)),
            TaskState::Succeeded | TaskState::Failed => {
                Err(Problem::Conflict(format!("the task has already {}", task.state.word())))
            }
        }
    }

    /// The latest tasks of all callers.
    pub(super) async fn latest(&self, count: u32) -> Result<Response, Problem> {
        let tasks = self.0.store.latest_tasks(count).await.map_err(|error| broken(&error))?;
        let tasks =
            tasks.into_iter().map(|task| render::json(&self.freshened(task), None)).collect::<Vec<_>>();
        Ok(json(StatusCode::OK, &serde_json::json!({ "tasks": tasks })))
    }

    /// The task of this name.
    pub(super) async fn find(&self, id: &str) -> Result<Task, Problem> {
        let unknown = || Problem::Unknown("such task".to_owned());
        let is_name =
            id.len() == 32 && id.bytes().all(|sign| sign.is_ascii_digit() || (b'a'..=b'f').contains(&sign));
        if !is_name {
            return Err(unknown());
        }
        let task = self.0.store.task(id).await.map_err(|error| broken(&error))?;
        task.map(|task| self.freshened(task)).ok_or_else(unknown)
    }

    /// How a task ends, for its row and for whoever is told.
    pub(super) fn end(&self, task: &Task, output: Option<Output>) -> TaskEnd {
        let at = now();
        let rules = self.0.functions.rules(&task.function);
        let expires = rules.and_then(|rules| rules.expires).unwrap_or(self.0.settings.tasks_expire);
        let told = (!task.webhook.is_empty()).then(|| {
            let progress = if task.state == TaskState::Succeeded { 1.0 } else { task.progress };
            let expires_at = Some(at.saturating_add(i64::try_from(expires.as_millis()).unwrap_or(i64::MAX)));
            let ended = Task { ended_at: Some(at), expires_at, progress, ..task.clone() };
            let body = render::json(&ended, output.as_ref()).to_string();
            Told { host: post::host(&task.webhook), body }
        });
        TaskEnd { state: task.state, output, at, after: expires, told }
    }

    /// How a task ends that somebody wants to stop.
    pub(super) fn cancelled(&self, task: &Task) -> TaskEnd {
        self.end(&Task { state: TaskState::Cancelled, cancelled: true, ..task.clone() }, None)
    }

    async fn output(&self, task: &Task) -> Result<Option<Output>, Problem> {
        if task.attempts == 0 {
            return Ok(None);
        }
        self.0.store.output(&task.id).await.map_err(|error| broken(&error))
    }

    fn shown(&self, status: StatusCode, task: &Task, output: Option<&Output>) -> Response {
        let mut answer = json(status, &render::json(task, output));
        if !task.state.has_ended() {
            answer.headers_mut().insert(header::RETRY_AFTER, SOON);
        }
        answer
    }

    /// With what this process knows of it and the row does not yet.
    fn freshened(&self, mut task: Task) -> Task {
        if task.state == TaskState::Running
            && let Some(live) = self.0.live().get(&task.id)
        {
            (task.progress, task.step) = live.progress.now();
        }
        task
    }

    /// The task once it has ended, or as it is at that time.
    async fn settled(&self, mut task: Task, until: Instant) -> Result<Task, Problem> {
        let id = task.id.clone();
        let waiter = self.0.waiting.wait(&id);
        loop {
            // Before the look, so that an end between the look and the wait is not missed.
            let ended = waiter.notify.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            task = self.find(&id).await?;
            if task.state.has_ended() || Instant::now() >= until {
                return Ok(task);
            }
            // Those that end elsewhere are looked for.
            let _ = timeout_at(until.min(Instant::now() + POLL), ended).await;
        }
    }
}

fn applied(headers: &mut HeaderMap, applied: Option<Applied>) {
    if let Some(applied) = applied {
        headers.insert(PREFERENCE_APPLIED, applied.into());
    }
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, value.to_string()).into_response()
}

/// The caller is told that the service failed; why is for the log.
pub(super) fn broken(error: &StoreError) -> Problem {
    tracing::error!(error = error as &dyn Error, "tasks cannot be looked at");
    Problem::Unavailable("the database")
}
