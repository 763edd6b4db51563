//! Ends of tasks that are yet to be told to a webhook.

use std::time::Duration;

use storage::{Pool, Transaction, on_either};

use super::{
    Store, StoreError, failed, now,
    tasks::{Told, later},
    unguessable,
};

/// How many of them wait, and how many for one host, so that one that is gone does not take the places of others.
const KEPT: i64 = 10_000;
const KEPT_OF_HOST: i64 = 1_000;
/// How many are looked at when one is wanted, so that several processes do not all want the same.
const CANDIDATES: i64 = 8;

/// An end of a task on its way to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its name: whoever is told twice knows it by this.
    pub id: String,
    /// The task.
    pub task: String,
    /// Where to tell it.
    pub url: String,
    /// Host and port of that.
    pub host: String,
    /// What to tell.
    pub body: String,
    /// How often it was tried, this time included.
    pub attempts: u32,
    /// When the task ended, in milliseconds since 1970.
    pub created_at: i64,
}

type Row = (String, String, String, String, String, i32, i64);

impl Store {
    /// Takes the next delivery that is due to a host that is not `busy`. Nobody else does for as long as `lease`; after that it is
    /// due again.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn take_delivery(
        &self,
        lease: Duration,
        busy: &[&str],
    ) -> Result<Option<Delivery>, StoreError> {
        let operation = "take a delivery";
        let hosts = "select host from task_deliveries where due_at <= $1 group by host
                     order by min(due_at), host limit $2";
        let due = "select id, due_at from task_deliveries where host = $1 and due_at <= $2
                   order by due_at, id limit $3";
        // A process of the release before does not write when a task ended: it was due then.
        let take = "update task_deliveries set attempts = attempts + 1, due_at = $3,
                    created_at = case created_at when 0 then due_at else created_at end
                    where id = $1 and due_at = $2
                    returning id, task, url, host, body, attempts, created_at";
        let now = now();
        // One of them at least is not busy, if there is any.
        let most = i64::try_from(busy.len()).unwrap_or(i64::MAX).saturating_add(CANDIDATES);
        let hosts: Vec<(String,)> = on_either!(Pool, &self.0, pool => {
            sqlx::query_as(hosts).bind(now).bind(most).fetch_all(pool).await
        })
        .map_err(failed(operation))?;
        for (host,) in hosts.into_iter().filter(|(host,)| !busy.contains(&host.as_str())) {
            let waiting: Vec<(String, i64)> = on_either!(Pool, &self.0, pool => {
                sqlx::query_as(due).bind(host).bind(now).bind(CANDIDATES).fetch_all(pool).await
            })
            .map_err(failed(operation))?;
            for (id, seen) in waiting {
                let row: Option<Row> = on_either!(Pool, &self.0, pool => {
                    sqlx::query_as(take).bind(id).bind(seen).bind(later(now, lease)).fetch_optional(pool).await
                })
                .map_err(failed(operation))?;
                // Somebody else was quicker: the next one.
                if let Some((id, task, url, host, body, attempts, created_at)) = row {
                    let attempts = attempts.unsigned_abs();
                    return Ok(Some(Delivery { id, task, url, host, body, attempts, created_at }));
                }
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

    /// Forgets deliveries from before that long ago, but for those that nobody has tried yet. How many that are.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn sweep_deliveries(&self, age: Duration) -> Result<u64, StoreError> {
        let before = now().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let sql = "delete from task_deliveries where created_at > 0 and created_at < $1 and attempts > 0";
        on_either!(Pool, &self.0, pool => {
            sqlx::query(sql).bind(before).execute(pool).await.map(|done| done.rows_affected())
        })
        .map_err(failed("forget deliveries"))
    }
}

/// Writes down that the end of a task is to be told, unless as many wait as may: then the log says so.
pub(super) async fn add(transaction: &mut Transaction, task: &str, told: &Told) -> Result<(), StoreError> {
    // Of ends at the very same moment some may pass the bounds together: they are there to bound the table.
    let sql = "insert into task_deliveries (id, task, url, host, body, attempts, created_at, due_at)
               select $1, id, webhook, $3, $4, 0, $5, $5 from tasks where id = $2 and webhook <> ''
               and (select count(*) from task_deliveries) < $6
               and (select count(*) from task_deliveries where host = $3) < $7";
    let Told { host, body } = told;
    let rows = on_either!(Transaction, transaction, transaction => {
        let query = sqlx::query(sql).bind(unguessable()).bind(task).bind(host).bind(body).bind(now());
        let query = query.bind(KEPT).bind(KEPT_OF_HOST);
        query.execute(&mut **transaction).await.map(|done| done.rows_affected())
    })
    .map_err(failed("write what is to be told"))?;
    if rows == 0 {
        tracing::warn!(task, host, "the end of this task is not told: too many wait to be told");
    }
    Ok(())
}
