//! The queue as those see it who work on it, in any number of processes.
//!
//! A task belongs to whoever changes its row from scheduled to running, which one statement does for one process only, on
//! both databases. The owner raises the row's heartbeat. Where one stands still for long, the owner is dead: whoever has
//! watched it takes the task from it, by a statement that does nothing if the heartbeat has moved after all. Nobody
//! compares clocks of two machines.

use storage::{Pool, Transaction, on_either};

use super::{
    Store, StoreError, deliveries, failed, now,
    tasks::{Input, Output, Row, Task, TaskEnd, TaskState, columns, later},
};

/// How many tasks are looked at when one is wanted, so that several processes do not all want the same.
const CANDIDATES: i64 = 16;

/// What an owner learns about its hold on a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Go on.
    Kept,
    /// Somebody wants it to stop.
    Cancelled,
    /// It belongs to somebody else, or has ended.
    Lost,
}

/// Whether it was written what became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was.
    Done,
    /// Nothing was: somebody wants the task to stop, so that it ends cancelled, whatever its attempt came to.
    Cancelled,
    /// Nothing was: the task belongs to somebody else, or has ended.
    Lost,
}

/// A task that is at work somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Its name.
    pub id: String,
    /// Its function.
    pub function: String,
    /// The process that runs it.
    pub owner: String,
    /// What that raises all the while.
    pub heartbeat: i64,
    /// How often a process died of it, or at it.
    pub interruptions: u32,
    /// Whether it is to stop.
    pub cancelled: bool,
}

/// What becomes of a task whose process is dead, or ends.
#[derive(Clone, Debug)]
pub enum Interrupted {
    /// It is begun again. It counts as an interruption if the process died.
    Again {
        /// Whether the process died, of which the task may be the cause.
        died: bool,
    },
    /// It has ended.
    Ends(TaskEnd),
}

impl Store {
    /// Takes the next task that is due, if there is one: it is this owner's from then on. Its input is read before that lasts, so
    /// that no task is at work that nobody works on.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn claim(&self, owner: &str) -> Result<Option<(Task, Input)>, StoreError> {
        let operation = "take a task";
        let due = "select id from tasks where state = 1 and due_at <= $1 order by due_at, id limit $2";
        let take = concat!(
            "update tasks set state = 2, owner = $2, heartbeat = heartbeat + 1, attempts = attempts + 1,
             started_at = coalesce(started_at, $3), progress = 0, step = ''
             where id = $1 and state = 1 returning ",
            columns!()
        );
        let now = now();
        let waiting: Vec<(String,)> = on_either!(Pool, &self.0, pool => {
            sqlx::query_as(due).bind(now).bind(CANDIDATES).fetch_all(pool).await
        })
        .map_err(failed(operation))?;
        for (id,) in waiting {
            let mut transaction = self.begin(operation).await?;
            let taken: Option<Row> = on_either!(Transaction, &mut transaction, transaction => {
                sqlx::query_as(take).bind(&id).bind(owner).bind(now).fetch_optional(&mut **transaction).await
            })
            .map_err(failed(operation))?;
            let Some(task) = taken.map(Task::from) else {
                // Somebody else was quicker: the next one.
                transaction.rollback().await.map_err(failed(operation))?;
                continue;
            };
            let input = input(&mut transaction, &id).await?;
            transaction.commit().await.map_err(failed(operation))?;
            return Ok(Some((task, input)));
        }
        Ok(None)
    }

    /// When the next task is due, in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn next_due(&self) -> Result<Option<i64>, StoreError> {
        let sql = "select due_at from tasks where state = 1 order by due_at limit 1";
        on_either!(Pool, &self.0, pool => sqlx::query_scalar(sql).fetch_optional(pool).await)
            .map_err(failed("see when a task is due"))
    }

    /// Says that the owner lives, and how far the task is.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn renew(&self, id: &str, owner: &str, progress: f32, step: &str) -> Result<Hold, StoreError> {
        let sql = "update tasks set heartbeat = heartbeat + 1, progress = $3, step = $4
                   where id = $1 and owner = $2 and state = 2 returning cancelled";
        let cancelled: Option<i32> = on_either!(Pool, &self.0, pool => {
            let query = sqlx::query_scalar(sql).bind(id).bind(owner).bind(f64::from(progress)).bind(step);
            query.fetch_optional(pool).await
        })
        .map_err(failed("keep hold of a task"))?;
        Ok(match cancelled {
            None => Hold::Lost,
            Some(0) => Hold::Kept,
            Some(_) => Hold::Cancelled,
        })
    }

    /// Everything that is at work, here and elsewhere.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn running(&self) -> Result<Vec<Runs>, StoreError> {
        let sql =
            "select id, function, owner, heartbeat, interruptions, cancelled from tasks where state = 2";
        let rows: Vec<(String, String, String, i64, i32, i32)> =
            on_either!(Pool, &self.0, pool => sqlx::query_as(sql).fetch_all(pool).await)
                .map_err(failed("see which tasks are at work"))?;
        let runs =
            |(id, function, owner, heartbeat, interruptions, cancelled): (_, _, _, _, i32, i32)| Runs {
                id,
                function,
                owner,
                heartbeat,
                interruptions: interruptions.unsigned_abs(),
                cancelled: cancelled != 0,
            };
        Ok(rows.into_iter().map(runs).collect())
    }

    /// Ends a task that `owner` runs, or puts it back in line to be tried again; with what it came to and what is to be told,
    /// all or nothing.
    ///
    /// # Errors
    ///
    /// If the database fails; then it is not known whether the task has ended.
    pub async fn end(&self, id: &str, owner: &str, end: &TaskEnd) -> Result<Written, StoreError> {
        let mut transaction = self.begin("end a task").await?;
        let (retried, ended, expires) = times(end);
        let sql = "update tasks set state = $3, owner = '', ended_at = $4, expires_at = $5, due_at = coalesce($6, due_at),
                   progress = case $3 when 3 then 1 else progress end, step = '',
                   bytes = case $3 when 1 then bytes else $7 end
                   where id = $1 and owner = $2 and state = 2 and (cancelled = 0 or $3 = 5)";
        let rows = on_either!(Transaction, &mut transaction, transaction => {
            let query = sqlx::query(sql).bind(id).bind(owner).bind(end.state.number());
            let query = query.bind(ended).bind(expires).bind(retried).bind(bytes(end));
            query.execute(&mut **transaction).await.map(|done| done.rows_affected())
        })
        .map_err(failed("end a task"))?;
        if rows == 0 {
            return not_written(transaction, id, owner).await;
        }
        conclude(&mut transaction, id, end).await?;
        transaction.commit().await.map_err(failed("end a task"))?;
        Ok(Written::Done)
    }

    /// Takes a task from an owner that has not raised its heartbeat since `seen` was read, or that gives it back.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn interrupt(&self, seen: &Runs, then: &Interrupted) -> Result<Written, StoreError> {
        let operation = "take a task from a process that ended";
        let mut transaction = self.begin(operation).await?;
        let (state, ended, expires, died, kept) = match then {
            Interrupted::Again { died } => (TaskState::Scheduled, None, None, *died, 0),
            Interrupted::Ends(end) => {
                let (_, ended, expires) = times(end);
                (end.state, ended, expires, true, bytes(end))
            }
        };
        let sql = "update tasks set state = $4, owner = '', ended_at = $5, expires_at = $6, progress = 0, step = '',
                   interruptions = interruptions + $7, attempts = attempts - case $4 when 1 then 1 - $7 else 0 end,
                   bytes = case $4 when 1 then bytes else $8 end
                   where id = $1 and owner = $2 and heartbeat = $3 and state = 2 and (cancelled = 0 or $4 = 5)";
        let rows = on_either!(Transaction, &mut transaction, transaction => {
            let query = sqlx::query(sql).bind(&seen.id).bind(&seen.owner).bind(seen.heartbeat);
            let query = query.bind(state.number()).bind(ended).bind(expires).bind(i32::from(died)).bind(kept);
            query.execute(&mut **transaction).await.map(|done| done.rows_affected())
        })
        .map_err(failed(operation))?;
        if rows == 0 {
            return not_written(transaction, &seen.id, &seen.owner).await;
        }
        if let Interrupted::Ends(end) = then {
            conclude(&mut transaction, &seen.id, end).await?;
        }
        transaction.commit().await.map_err(failed(operation))?;
        Ok(Written::Done)
    }

    /// The row of a task that this owner runs, for [`Store::interrupt`].
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn mine(&self, id: &str, owner: &str) -> Result<Option<Runs>, StoreError> {
        let mut all = self.running().await?;
        let place = all.iter().position(|runs| runs.id == id && runs.owner == owner);
        Ok(place.map(|place| all.swap_remove(place)))
    }

    /// Puts a task back for which there was no room just now; the attempt does not count.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn put_back(
        &self,
        id: &str,
        owner: &str,
        after: std::time::Duration,
    ) -> Result<Written, StoreError> {
        let operation = "put a task back";
        let sql = "update tasks set state = 1, owner = '', attempts = attempts - 1, due_at = $3
                   where id = $1 and owner = $2 and state = 2 and cancelled = 0";
        let mut transaction = self.begin(operation).await?;
        let rows = on_either!(Transaction, &mut transaction, transaction => {
            let query = sqlx::query(sql).bind(id).bind(owner).bind(later(now(), after));
            query.execute(&mut **transaction).await.map(|done| done.rows_affected())
        })
        .map_err(failed(operation))?;
        if rows == 0 {
            return not_written(transaction, id, owner).await;
        }
        transaction.commit().await.map_err(failed(operation))?;
        Ok(Written::Done)
    }
}

/// What a task is called with. There is nothing only where somebody has meddled with the tables: what is empty fails as damaged.
async fn input(transaction: &mut Transaction, id: &str) -> Result<Input, StoreError> {
    let sql = "select method, target, headers, body from task_inputs where id = $1";
    let row: Option<(String, String, String, Vec<u8>)> =
        on_either!(Transaction, transaction, transaction => {
            sqlx::query_as(sql).bind(id).fetch_optional(&mut **transaction).await
        })
        .map_err(failed("read what a task is called with"))?;
    let (method, target, headers, body) = row.unwrap_or_default();
    Ok(Input { method, target, headers, body })
}

/// Why nothing was written, after which the transaction is over.
async fn not_written(mut transaction: Transaction, id: &str, owner: &str) -> Result<Written, StoreError> {
    let operation = "see why a task did not end";
    let sql = "select count(*) from tasks where id = $1 and owner = $2 and state = 2 and cancelled <> 0";
    let cancelled: i64 = on_either!(Transaction, &mut transaction, transaction => {
        sqlx::query_scalar(sql).bind(id).bind(owner).fetch_one(&mut **transaction).await
    })
    .map_err(failed(operation))?;
    transaction.rollback().await.map_err(failed(operation))?;
    Ok(if cancelled > 0 { Written::Cancelled } else { Written::Lost })
}

/// When it is due again, when it ended, and when it is forgotten, each if at all.
fn times(end: &TaskEnd) -> (Option<i64>, Option<i64>, Option<i64>) {
    let after = later(end.at, end.after);
    if end.state.has_ended() { (None, Some(end.at), Some(after)) } else { (Some(after), None, None) }
}

/// How much is kept of what it came to.
fn bytes(end: &TaskEnd) -> i64 {
    let length = end.output.as_ref().map_or(0, |output| output.headers.len() + output.body.len());
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// What belongs to an end, beside the row.
pub(super) async fn conclude(
    transaction: &mut Transaction,
    id: &str,
    end: &TaskEnd,
) -> Result<(), StoreError> {
    let forget = "delete from task_inputs where id = $1";
    let output = "insert into task_results (id, status, headers, body) values ($1, $2, $3, $4)
                  on conflict (id) do update set status = excluded.status, headers = excluded.headers,
                  body = excluded.body";
    on_either!(Transaction, transaction, transaction => async {
        if end.state.has_ended() {
            sqlx::query(forget).bind(id).execute(&mut **transaction).await?;
        }
        if let Some(Output { status, headers, body }) = &end.output {
            let output = sqlx::query(output).bind(id).bind(i32::from(*status)).bind(headers).bind(body);
            output.execute(&mut **transaction).await?;
        }
        Ok(())
    }.await)
    .map_err(failed("write what a task came to"))?;
    match &end.told {
        Some(told) => deliveries::add(transaction, id, told).await,
        None => Ok(()),
    }
}
