//! For which time each schedule has made its task.

use storage::{Pool, on_either};

use super::{Store, StoreError, failed};

impl Store {
    /// The latest time for which a schedule has made a task, in milliseconds since 1970; `now` if it was not known yet.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn last_tick(&self, function: &str, cron: &str, now: i64) -> Result<i64, StoreError> {
        let operation = "see when a schedule was last due";
        let first =
            "insert into task_schedules (function, cron, tick) values ($1, $2, $3) on conflict do nothing";
        let last = "select tick from task_schedules where function = $1 and cron = $2";
        let known: Option<i64> = on_either!(Pool, &self.0, pool => {
            sqlx::query_scalar(last).bind(function).bind(cron).fetch_optional(pool).await
        })
        .map_err(failed(operation))?;
        if let Some(known) = known {
            return Ok(known);
        }
        on_either!(Pool, &self.0, pool => {
            sqlx::query(first).bind(function).bind(cron).bind(now).execute(pool).await.map(drop)
        })
        .map_err(failed(operation))?;
        Ok(now)
    }
}
