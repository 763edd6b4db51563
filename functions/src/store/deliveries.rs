//! Ends of tasks that are yet to be told to a webhook.

use std::time::Duration;

use storage::{Pool, on_either};

use super::{Store, StoreError, failed, now, tasks::later};

/// An end of a task on its way to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its name: whoever is told twice knows it by this.
    pub id: String,
    /// The task.
    pub task: String,
    /// Where to tell it.
    pub url: String,
    /// What to tell.
    pub body: String,
    /// How often it was tried, this time included.
    pub attempts: u32,
}

impl Store {
    /// Takes the next delivery that is due. Nobody else does for as long as `lease`; after that it is due again.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn take_delivery(&self, lease: Duration) -> Result<Option<Delivery>, StoreError> {
        let operation = "take a delivery";
        let due = "select id, due_at from task_deliveries where due_at <= $1 order by due_at, id limit 8";
        let take =
            "update task_deliveries set attempts = attempts + 1, due_at = $3 where id = $1 and due_at = $2
                    returning id, task, url, body, attempts";
        let now = now();
        let waiting: Vec<(String, i64)> =
            on_either!(Pool, &self.0, pool => sqlx::query_as(due).bind(now).fetch_all(pool).await)
                .map_err(failed(operation))?;
        for (id, seen) in waiting {
            let row: Option<(String, String, String, String, i32)> = on_either!(Pool, &self.0, pool => {
                sqlx::query_as(take).bind(id).bind(seen).bind(later(now, lease)).fetch_optional(pool).await
            })
            .map_err(failed(operation))?;
            // Somebody else was quicker: the next one.
            if let Some((id, task, url, body, attempts)) = row {
                return Ok(Some(Delivery { id, task, url, body, attempts: attempts.unsigned_abs() }));
            }
        }
        Ok(None)
    }

    /// Puts a delivery off, or, without a time, away for good.
    ///
    /// # Errors
    ///
    /// If the database fails; then it is due again when its lease has ended.
    pub async fn end_delivery(&self, id: &str, again: Option<Duration>) -> Result<(), StoreError> {
        let operation = "end a delivery";
        let Some(after) = again else {
            let sql = "delete from task_deliveries where id = $1";
            return on_either!(Pool, &self.0, pool => sqlx::query(sql).bind(id).execute(pool).await.map(drop))
                .map_err(failed(operation));
        };
        let sql = "update task_deliveries set due_at = $2 where id = $1";
        on_either!(Pool, &self.0, pool => {
            sqlx::query(sql).bind(id).bind(later(now(), after)).execute(pool).await.map(drop)
        })
        .map_err(failed(operation))
    }
}
