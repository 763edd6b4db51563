//! Jobs: what waits to be trained, what is, and what was.
//!
//! apalis 1.0 was looked at and is not used: its two backends bring schemas and migrations of their own, and neither has
//! what a training needs most: one at a time over all replicas, cancelling from any of them, and progress.

mod job;

use self::job::Row;
pub use self::job::{Cause, Hold, Job, JobState, NewJob, Scheduled};
use super::{Pool, Store, StoreError, Transaction, failed, on_either};

/// Jobs that may wait at a time.
pub const MAX_WAITING: i64 = 100;
/// How many jobs are remembered.
const KEPT: i64 = 1_000;
/// How often a job is begun: once more after the process that ran it died.
const ATTEMPTS: i32 = 2;

macro_rules! columns {
    () => {
        "id, state, model, step, progress, message, model_version, cause, forced, created_at, started_at, ended_at, \
         owner, heartbeat, attempts, cancelled"
    };
}

impl Store {
    /// Puts a training in line. What comes of itself ([`Cause`] other than a call) comes once, whatever the number of
    /// replicas that think of it.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn schedule(&self, new: NewJob<'_>) -> Result<Scheduled, StoreError> {
        let operation = "schedule a training";
        let mut transaction = self.begin_to_write().await?;
        let sql =
            "update training set next_job = next_job + 1 where one = 1 returning next_job - 1, tick, changes";
        let (id, tick, changes): (i64, i64, i64) = on_either!(Transaction, &mut transaction, transaction => {
            sqlx::query_as(sql).fetch_one(&mut **transaction).await
        })
        .map_err(failed(operation))?;
        let sql = "select coalesce(sum(case state when 1 then 1 else 0 end), 0),
                   coalesce(sum(case state when 2 then 1 else 0 end), 0) from jobs where state < 3";
        let (waiting, running): (i64, i64) = on_either!(Transaction, &mut transaction, transaction => {
            sqlx::query_as(sql).fetch_one(&mut **transaction).await
        })
        .map_err(failed(operation))?;
        let refused = match new.cause {
            Cause::Schedule(now) if now <= tick => Some(Scheduled::NotNeeded),
            Cause::Ratings { least, most }
                if waiting > 0 || new.changes - changes < changes.clamp(least, most.max(least)) =>
            {
                Some(Scheduled::NotNeeded)
            }
            Cause::Start if waiting + running > 0 => Some(Scheduled::NotNeeded),
            _ if waiting >= MAX_WAITING => Some(Scheduled::Full),
            _ => None,
        };
        if let Some(refused) = refused {
            transaction.rollback().await.map_err(failed("leave the jobs as they are"))?;
            return Ok(refused);
        }
        let tick = if let Cause::Schedule(now) = new.cause { now } else { tick };
        let marks = "update training set tick = $1, changes = $2 where one = 1";
        let forget = "delete from jobs where state > 2 and id <= $1";
        let insert =
            "insert into jobs (id, state, model, step, progress, message, model_version, cause, forced,
                      created_at, owner, heartbeat, attempts, cancelled)
                      values ($1, 1, $2, '', 0, '', '', $3, $4, $5, '', 0, 0, 0)";
        on_either!(Transaction, &mut transaction, transaction => async {
            sqlx::query(marks).bind(tick).bind(new.changes).execute(&mut **transaction).await?;
            sqlx::query(forget).bind(id - KEPT).execute(&mut **transaction).await?;
            let insert = sqlx::query(insert).bind(id).bind(new.model).bind(new.cause.word());
            insert.bind(i32::from(new.force)).bind(now()).execute(&mut **transaction).await.map(drop)
        }.await)
        .map_err(failed(operation))?;
        transaction.commit().await.map_err(failed(operation))?;
        Ok(self.job(id).await?.map_or(Scheduled::NotNeeded, |job| Scheduled::Job(Box::new(job))))
    }

    /// One job, if there is one with this number.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn job(&self, id: i64) -> Result<Option<Job>, StoreError> {
        let row: Option<Row> = on_either!(Pool, &self.pool, pool => {
            sqlx::query_as(concat!("select ", columns!(), " from jobs where id = $1"))
                .bind(id)
                .fetch_optional(pool)
                .await
        })
        .map_err(failed("read a job"))?;
        Ok(row.map(Job::from))
    }

    /// Up to `count` jobs with numbers under `before`, the latest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn jobs(&self, before: i64, count: i64) -> Result<Vec<Job>, StoreError> {
        let rows: Vec<Row> = on_either!(Pool, &self.pool, pool => {
            sqlx::query_as(concat!("select ", columns!(), " from jobs where id < $1 order by id desc limit $2"))
                .bind(before)
                .bind(count)
                .fetch_all(pool)
                .await
        })
        .map_err(failed("list jobs"))?;
        Ok(rows.into_iter().map(Job::from).collect())
    }

    /// All jobs that have not ended, and up to `count` of those that have with numbers under `before`; the latest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn open_and_ended_jobs(&self, before: i64, count: i64) -> Result<Vec<Job>, StoreError> {
        let sql = concat!(
            "select ",
            columns!(),
            " from jobs where state < 3 or id in (select id from jobs where state > 2 and id < $1 \
             order by id desc limit $2) order by id desc"
        );
        let rows: Vec<Row> = on_either!(Pool, &self.pool, pool => {
            sqlx::query_as(sql).bind(before).bind(count).fetch_all(pool).await
        })
        .map_err(failed("list jobs"))?;
        Ok(rows.into_iter().map(Job::from).collect())
    }

    /// The job at work and the one that is next.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn line(&self) -> Result<(Option<Job>, Option<Job>), StoreError> {
        let sql =
            concat!("select ", columns!(), " from jobs where state < 3 order by state desc, id limit 2");
        let rows: Vec<Row> = on_either!(Pool, &self.pool, pool => sqlx::query_as(sql).fetch_all(pool).await)
            .map_err(failed("look for jobs"))?;
        let mut jobs = rows.into_iter().map(Job::from).peekable();
        let running = jobs.next_if(|job| job.state == JobState::Running);
        Ok((running, jobs.next()))
    }

    /// Begins a job that waits, unless another process was quicker or runs one.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn claim(&self, id: i64, owner: &str) -> Result<bool, StoreError> {
        let sql = "update jobs set state = 2, owner = $2, heartbeat = heartbeat + 1, attempts = attempts + 1,
                   model_version = '', started_at = coalesce(started_at, $3)
                   where id = $1 and state = 1 and not exists (select 1 from jobs where state = 2)";
        let begun = on_either!(Pool, &self.pool, pool => {
            let query = sqlx::query(sql).bind(id).bind(owner).bind(now()).execute(pool).await;
            query.map(|done| done.rows_affected())
        });
        match begun {
            Ok(rows) => Ok(rows == 1),
            // The index over running jobs: another one began at the same moment.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(failed("begin a job")(error)),
        }
    }

    /// Says that the owner lives and how far it is.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn renew(&self, id: i64, owner: &str, step: &str, progress: f32) -> Result<Hold, StoreError> {
        let sql = "update jobs set heartbeat = heartbeat + 1, step = $3, progress = $4
                   where id = $1 and owner = $2 and state = 2 returning cancelled";
        let cancelled: Option<i32> = on_either!(Pool, &self.pool, pool => {
            let query = sqlx::query_scalar(sql).bind(id).bind(owner).bind(step).bind(f64::from(progress));
            query.fetch_optional(pool).await
        })
        .map_err(failed("keep hold of a job"))?;
        Ok(hold(cancelled))
    }

    /// Whether the owner may go on.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn hold(&self, id: i64, owner: &str) -> Result<Hold, StoreError> {
        let sql = "select cancelled from jobs where id = $1 and owner = $2 and state = 2";
        let cancelled: Option<i32> = on_either!(Pool, &self.pool, pool => {
            sqlx::query_scalar(sql).bind(id).bind(owner).fetch_optional(pool).await
        })
        .map_err(failed("look after a job"))?;
        Ok(hold(cancelled))
    }

    /// Ends a job that `owner` runs, and says what it came to. Nothing happens if it is the owner no more. One whose model
    /// answers has succeeded, whatever came after that.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn end_job(
        &self,
        id: i64,
        owner: &str,
        state: JobState,
        message: &str,
        model_version: &str,
    ) -> Result<Option<Job>, StoreError> {
        let sql = concat!(
            "update jobs set state = case when model_version <> '' then 3 else $3 end, \
             message = case when model_version <> '' and $3 > 3 then 'it answers; what came after that: ' || $4 \
                       else $4 end, \
             model_version = case when model_version <> '' then model_version else $5 end, \
             progress = case when model_version <> '' or $3 = 3 then 1 else progress end, \
             ended_at = $6, step = '' \
             where id = $1 and owner = $2 and state = 2 returning ",
            columns!()
        );
        let row: Option<Row> = on_either!(Pool, &self.pool, pool => {
            let query = sqlx::query_as(sql).bind(id).bind(owner).bind(state.number()).bind(message);
            query.bind(model_version).bind(now()).fetch_optional(pool).await
        })
        .map_err(failed("end a job"))?;
        Ok(row.map(Job::from))
    }

    /// Asks a job to stop: one that waits is cancelled at once, one at work by its owner. Whether it was neither.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn cancel_job(&self, id: i64) -> Result<bool, StoreError> {
        let sql = "update jobs set cancelled = 1, ended_at = case state when 1 then $2 else ended_at end,
                   message = case state when 1 then 'cancelled before it began' else message end,
                   state = case state when 1 then 5 else state end
                   where id = $1 and state < 3";
        let rows = on_either!(Pool, &self.pool, pool => {
            let done = sqlx::query(sql).bind(id).bind(now()).execute(pool).await;
            done.map(|done| done.rows_affected())
        })
        .map_err(failed("cancel a job"))?;
        Ok(rows == 0)
    }

    /// Takes a job from an owner that has not raised its heartbeat since `seen` was read: it is begun anew, or, at the
    /// second time, has failed. One whose model answers already has succeeded.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn bury(&self, seen: &Job) -> Result<bool, StoreError> {
        let (state, message) = if !seen.model_version.is_empty() {
            (JobState::Succeeded, "it answers; the process that ran it ended before it could tell more")
        } else if seen.cancelled {
            (JobState::Cancelled, "cancelled; the process that ran it had ended")
        } else if seen.attempts < ATTEMPTS {
            (JobState::Scheduled, "the process that ran it ended in the middle: it begins again")
        } else {
            (JobState::Failed, "the process that ran it ended in the middle, twice")
        };
        let sql = "update jobs set state = $4, message = $5, owner = '', step = '',
                   progress = case $4 when 3 then 1 else 0 end,
                   ended_at = case when $4 > 2 then $6 else ended_at end
                   where id = $1 and owner = $2 and heartbeat = $3 and state = 2";
        let rows = on_either!(Pool, &self.pool, pool => {
            let query = sqlx::query(sql).bind(seen.id).bind(&seen.owner).bind(seen.heartbeat);
            let query = query.bind(state.number()).bind(message).bind(now());
            query.execute(pool).await.map(|done| done.rows_affected())
        })
        .map_err(failed("take a job from a process that ended"))?;
        Ok(rows == 1)
    }

    /// Gives a job back that `owner` cannot go on with because it ends, so that another begins it at once. One whose model
    /// answers already has succeeded, and one that was cancelled is.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn give_back(&self, id: i64, owner: &str) -> Result<(), StoreError> {
        let sql = "update jobs set owner = '', step = '',
                   state = case when model_version <> '' then 3 when cancelled = 1 then 5 else 1 end,
                   message = case when model_version <> '' then 'it answers; the process that ran it was stopped after that'
                             when cancelled = 1 then 'cancelled'
                             else 'the process that ran it was stopped: it begins again' end,
                   progress = case when model_version <> '' then 1 else 0 end,
                   ended_at = case when model_version <> '' or cancelled = 1 then $3 else ended_at end,
                   attempts = case when model_version <> '' or cancelled = 1 then attempts else attempts - 1 end
                   where id = $1 and owner = $2 and state = 2";
        on_either!(Pool, &self.pool, pool => {
            sqlx::query(sql).bind(id).bind(owner).bind(now()).execute(pool).await.map(drop)
        })
        .map_err(failed("give a job back"))
    }
}

fn hold(cancelled: Option<i32>) -> Hold {
    match cancelled {
        None => Hold::Lost,
        Some(0) => Hold::Kept,
        Some(_) => Hold::Cancelled,
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
