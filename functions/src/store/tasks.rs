//! Tasks as their callers see them: made, looked at, cancelled.

use std::time::Duration;

use storage::{Pool, Transaction, on_either};

use super::{Store, StoreError, failed, now, queue::conclude, unguessable};

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskState {
    /// Waits for its turn, the first one or another.
    Scheduled,
    /// Is at work.
    Running,
    /// Has an answer.
    Succeeded,
    /// Has a problem.
    Failed,
    /// Was cancelled.
    Cancelled,
}

/// A call that runs, or ran, in the background.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its unguessable name.
    pub id: String,
    /// Which function is called.
    pub function: String,
    /// How far it is.
    pub state: TaskState,
    /// The cron expression that made it; empty if somebody called.
    pub cause: String,
    /// How much is done, 0 to 1, as the function says.
    pub progress: f32,
    /// What is being done, in the function's words.
    pub step: String,
    /// How often it was begun.
    pub attempts: u32,
    /// How often the process that ran it died.
    pub interruptions: u32,
    /// When it was asked for, in milliseconds since 1970, as all times.
    pub created_at: i64,
    /// It is not begun before.
    pub due_at: i64,
    /// When it was first begun.
    pub started_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// When it is forgotten, once it has ended.
    pub expires_at: Option<i64>,
    /// Whether it is to stop.
    pub cancelled: bool,
    /// Where its end is told; empty for nowhere.
    pub webhook: String,
}

/// A task that is asked for.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// Which function to call.
    pub function: String,
    /// The cron expression that asks for it, and its time; none for a caller.
    pub schedule: Option<(String, i64)>,
    /// What to call it with.
    pub input: Input,
    /// Where its end is told; empty for nowhere.
    pub webhook: String,
}

/// A request, as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path and the query.
    pub target: String,
    /// A JSON array of pairs.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What a task came to: an answer, or a problem that is written as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The status of HTTP.
    pub status: u16,
    /// A JSON array of pairs.
    pub headers: String,
    /// The answer's body, or the problem as JSON.
    pub body: Vec<u8>,
}

/// How a task ends.
#[derive(Clone, Debug)]
pub struct TaskEnd {
    /// One of the last three states, or, to be tried again, [`TaskState::Scheduled`].
    pub state: TaskState,
    /// What it came to, if anything.
    pub output: Option<Output>,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// How long that is kept; or, if it is to be tried again, how long that waits.
    pub after: Duration,
    /// What to tell the webhook.
    pub told: Option<Told>,
}

/// What a webhook is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Host and port of the webhook: each host is told at its own pace.
    pub host: String,
    /// The message.
    pub body: String,
}

/// What became of the wish that a task stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It had not begun, and will not.
    Cancelled,
    /// Its owner is told, and ends it.
    Asked,
    /// It had ended, or there is no such task.
    Late,
}

/// What became of a wish for a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Scheduled {
    /// It waits for its turn.
    Task(Box<Task>),
    /// As many wait as may, or as much.
    Full,
    /// Another process has seen that the time has come, or the call of the time before has not ended.
    NotNeeded,
}

pub(super) type Row = (
    String,
    String,
    i32,
    String,
    f64,
    String,
    i32,
    i32,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    i32,
    String,
);

macro_rules! columns {
    () => {
        "id, function, state, cause, progress, step, attempts, interruptions, created_at, due_at, started_at, ended_at, \
         expires_at, cancelled, webhook"
    };
}
pub(super) use columns;

impl TaskState {
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Scheduled => 1,
            Self::Running => 2,
            Self::Succeeded => 3,
            Self::Failed => 4,
            Self::Cancelled => 5,
        }
    }

    fn of(number: i32) -> Self {
        match number {
            1 => Self::Scheduled,
            2 => Self::Running,
            3 => Self::Succeeded,
            5 => Self::Cancelled,
            // Nothing else is ever written.
            _ => Self::Failed,
        }
    }

    /// Whether nothing more comes of it.
    #[must_use]
    pub fn has_ended(self) -> bool {
        self > Self::Running
    }

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl From<Row> for Task {
    fn from(row: Row) -> Self {
        let (id, function, state, cause, progress, step, attempts, interruptions, created_at, due_at, ..) =
            row;
        let (.., started_at, ended_at, expires_at, cancelled, webhook) = row;
        Self {
            id,
            function,
            state: TaskState::of(state),
            cause,
            progress: progress as f32,
            step,
            attempts: attempts.unsigned_abs(),
            interruptions: interruptions.unsigned_abs(),
            created_at,
            due_at,
            started_at,
            ended_at,
            expires_at,
            cancelled: cancelled != 0,
            webhook,
        }
    }
}

impl Store {
    /// Puts a call in line, unless `most` wait already, or so many bytes.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn schedule(&self, new: NewTask, most: u32, most_bytes: u64) -> Result<Scheduled, StoreError> {
        let operation = "schedule a task";
        let mut transaction = self.begin(operation).await?;
        let cause = match &new.schedule {
            Some((cron, time)) if !tick(&mut transaction, &new.function, cron, *time).await? => {
                transaction.rollback().await.map_err(failed(operation))?;
                return Ok(Scheduled::NotNeeded);
            }
            Some((cron, _)) => cron.as_str(),
            None => "",
        };
        let now = now();
        let id = unguessable();
        // Of callers at the very same moment some may pass the bounds together: they are there to bound the tables.
        let insert = "insert into tasks (id, function, state, cause, progress, step, attempts, interruptions, created_at,
                      due_at, owner, heartbeat, cancelled, webhook, bytes)
                      select $1, $2, 1, $3, 0, '', 0, 0, $4, $4, '', 0, 0, $5, $6
                      where (select count(*) from tasks where state = 1) < $7
                      and (select coalesce(sum(bytes), 0) from tasks where state = 1) + $6 <= $8";
        let input = "insert into task_inputs (id, method, target, headers, body) values ($1, $2, $3, $4, $5)";
        let Input { method, target, headers, body } = new.input;
        let bytes = i64::try_from(target.len() + headers.len() + body.len()).unwrap_or(i64::MAX);
        let most_bytes = i64::try_from(most_bytes).unwrap_or(i64::MAX);
        let taken = on_either!(Transaction, &mut transaction, transaction => async {
            let insert = sqlx::query(insert).bind(&id).bind(&new.function).bind(cause).bind(now);
            let insert = insert.bind(&new.webhook).bind(bytes).bind(i64::from(most)).bind(most_bytes);
            let taken = insert.execute(&mut **transaction).await?.rows_affected() > 0;
            if taken {
                let input = sqlx::query(input).bind(&id).bind(method).bind(target).bind(headers).bind(body);
                input.execute(&mut **transaction).await?;
            }
            Ok(taken)
        }.await)
        .map_err(failed(operation))?;
        if !taken {
            transaction.rollback().await.map_err(failed(operation))?;
            return Ok(Scheduled::Full);
        }
        transaction.commit().await.map_err(failed(operation))?;
        let cause = cause.to_owned();
        Ok(Scheduled::Task(Box::new(Task {
            id,
            function: new.function,
            state: TaskState::Scheduled,
            cause,
            progress: 0.0,
            step: String::new(),
            attempts: 0,
            interruptions: 0,
            created_at: now,
            due_at: now,
            started_at: None,
            ended_at: None,
            expires_at: None,
            cancelled: false,
            webhook: new.webhook,
        })))
    }

    /// One task, if there is one of this name that has not expired.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn task(&self, id: &str) -> Result<Option<Task>, StoreError> {
        let row: Option<Row> = on_either!(Pool, &self.0, pool => {
            sqlx::query_as(concat!("select ", columns!(), " from tasks where id = $1 and coalesce(expires_at, $2) >= $2"))
                .bind(id)
                .bind(now())
                .fetch_optional(pool)
                .await
        })
        .map_err(failed("read a task"))?;
        Ok(row.map(Task::from))
    }

    /// The latest `count` tasks, the newest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn latest_tasks(&self, count: u32) -> Result<Vec<Task>, StoreError> {
        let sql = concat!("select ", columns!(), " from tasks order by created_at desc, id limit $1");
        let rows: Vec<Row> = on_either!(Pool, &self.0, pool => {
            sqlx::query_as(sql).bind(i64::from(count)).fetch_all(pool).await
        })
        .map_err(failed("list tasks"))?;
        Ok(rows.into_iter().map(Task::from).collect())
    }

    /// What a task came to, or what its last attempt did; none before that, or if it was forgotten.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn output(&self, id: &str) -> Result<Option<Output>, StoreError> {
        let sql = "select status, headers, body from task_results where id = $1";
        let row: Option<(i32, String, Vec<u8>)> = on_either!(Pool, &self.0, pool => {
            sqlx::query_as(sql).bind(id).fetch_optional(pool).await
        })
        .map_err(failed("read what a task came to"))?;
        Ok(row.map(|(status, headers, body)| {
            let status = u16::try_from(status).unwrap_or(500);
            Output { status, headers, body }
        }))
    }

    /// Asks a task to stop: one that waits ends at once, as `end` says; one at work is ended by its owner.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn cancel(&self, id: &str, end: &TaskEnd) -> Result<Stopped, StoreError> {
        let operation = "cancel a task";
        // From here on the row is this transaction's: it neither begins nor goes back into line in between.
        let ask = "update tasks set cancelled = 1 where id = $1 and state in (1, 2) returning state";
        let stop = "update tasks set state = 5, ended_at = $2, expires_at = $3, bytes = 0 where id = $1";
        let mut transaction = self.begin(operation).await?;
        let asked: Option<i32> = on_either!(Transaction, &mut transaction, transaction => {
            sqlx::query_scalar(ask).bind(id).fetch_optional(&mut **transaction).await
        })
        .map_err(failed(operation))?;
        let stopped = match asked {
            None => Stopped::Late,
            Some(1) => {
                on_either!(Transaction, &mut transaction, transaction => {
                    let stop = sqlx::query(stop).bind(id).bind(end.at).bind(later(end.at, end.after));
                    stop.execute(&mut **transaction).await.map(drop)
                })
                .map_err(failed(operation))?;
                conclude(&mut transaction, id, end).await?;
                Stopped::Cancelled
            }
            Some(_) => Stopped::Asked,
        };
        transaction.commit().await.map_err(failed(operation))?;
        Ok(stopped)
    }

    /// Forgets up to `count` tasks whose time has come, and as many of those that have ended and are more than `kept`, or have
    /// more than so many bytes of answers, the oldest first. Whether there may be more.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn sweep_tasks(&self, kept: u32, kept_bytes: u64, count: u32) -> Result<bool, StoreError> {
        let operation = "forget tasks";
        let expired = "select id from tasks where expires_at <= $1 limit $2";
        let beyond = "select id from (select id, row_number() over (order by ended_at desc, id) as place,
                      sum(bytes) over (order by ended_at desc, id) as total from tasks where state > 2) as ended
                      where place > $1 or total > $2 limit $3";
        let kept_bytes = i64::try_from(kept_bytes).unwrap_or(i64::MAX);
        let count = i64::from(count);
        let ids: Vec<(String,)> = on_either!(Pool, &self.0, pool => async {
            let mut ids: Vec<(String,)> = sqlx::query_as(expired).bind(now()).bind(count).fetch_all(pool).await?;
            let beyond = sqlx::query_as(beyond).bind(i64::from(kept)).bind(kept_bytes).bind(count);
            ids.extend(beyond.fetch_all(pool).await?);
            Ok(ids)
        }.await)
        .map_err(failed(operation))?;
        for (id,) in &ids {
            let mut transaction = self.begin(operation).await?;
            on_either!(Transaction, &mut transaction, transaction => async {
                for sql in ["delete from task_results where id = $1", "delete from tasks where id = $1"] {
                    sqlx::query(sql).bind(id).execute(&mut **transaction).await?;
                }
                Ok(())
            }.await)
            .map_err(failed(operation))?;
            transaction.commit().await.map_err(failed(operation))?;
        }
        Ok(i64::try_from(ids.len()).is_ok_and(|found| found >= count))
    }
}

/// Notes that a schedule makes its task for this time, unless it has, or the one before is not done.
async fn tick(
    transaction: &mut Transaction,
    function: &str,
    cron: &str,
    tick: i64,
) -> Result<bool, StoreError> {
    let sql = "update task_schedules set tick = $3 where function = $1 and cron = $2 and tick < $3";
    let busy = "select count(*) from tasks where state < 3 and function = $1 and cause = $2";
    on_either!(Transaction, transaction, transaction => async {
        let moved = sqlx::query(sql).bind(function).bind(cron).bind(tick).execute(&mut **transaction).await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        let busy: i64 = sqlx::query_scalar(busy).bind(function).bind(cron).fetch_one(&mut **transaction).await?;
        Ok(busy == 0)
    }.await)
    .map_err(failed("see whether a schedule is due"))
}

pub(super) fn later(now: i64, after: Duration) -> i64 {
    now.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX))
}
