//! Images that functions were called with.

use std::time::Duration;

use storage::{Pool, Transaction, on_either};

use super::{Store, StoreError, failed, now, unguessable};

/// How many of them are remembered.
const KEPT: i64 = 100_000;

/// An image that a function was called with, and answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageEvent {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Which function.
    pub function: String,
    /// The request's id.
    pub request: String,
    /// The image's type, such as `image/png`.
    pub kind: String,
    /// The image's bytes.
    pub bytes: u64,
    /// The answer's type.
    pub answer_kind: String,
    /// The answer's bytes.
    pub answer_bytes: u64,
    /// How long it took.
    pub time: Duration,
}

type Row = (i64, String, String, String, i64, String, i64, i64);

impl Store {
    /// Writes events, all or none.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn record_images(&self, events: &[ImageEvent]) -> Result<(), StoreError> {
        let operation = "record images";
        let sql =
            "insert into image_events (id, at, function, request, type, bytes, answer_type, answer_bytes,
                   milliseconds) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut transaction = self.begin(operation).await?;
        on_either!(Transaction, &mut transaction, transaction => async {
            for event in events {
                let query = sqlx::query(sql).bind(unguessable()).bind(event.at).bind(&event.function);
                let query = query.bind(&event.request).bind(&event.kind).bind(number(event.bytes));
                let query = query.bind(&event.answer_kind).bind(number(event.answer_bytes));
                let query = query.bind(i64::try_from(event.time.as_millis()).unwrap_or(i64::MAX));
                query.execute(&mut **transaction).await?;
            }
            Ok(())
        }.await)
        .map_err(failed(operation))?;
        transaction.commit().await.map_err(failed(operation))
    }

    /// The latest `count` events, the newest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn latest_images(&self, count: u32) -> Result<Vec<ImageEvent>, StoreError> {
        let sql = "select at, function, request, type, bytes, answer_type, answer_bytes, milliseconds
                   from image_events order by at desc, id limit $1";
        let rows: Vec<Row> = on_either!(Pool, &self.0, pool => {
            sqlx::query_as(sql).bind(i64::from(count)).fetch_all(pool).await
        })
        .map_err(failed("list images"))?;
        let event = |(at, function, request, kind, bytes, answer_kind, answer_bytes, time): Row| ImageEvent {
            at,
            function,
            request,
            kind,
            bytes: bytes.unsigned_abs(),
            answer_kind,
            answer_bytes: answer_bytes.unsigned_abs(),
            time: Duration::from_millis(time.unsigned_abs()),
        };
        Ok(rows.into_iter().map(event).collect())
    }

    /// Forgets events from before that long ago, and what is more than a hundred thousand of them.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn sweep_images(&self, age: Duration) -> Result<(), StoreError> {
        let before = now().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let sql = "delete from image_events where at < $1
                   or at < (select at from image_events order by at desc limit 1 offset $2)";
        on_either!(Pool, &self.0, pool => sqlx::query(sql).bind(before).bind(KEPT).execute(pool).await.map(drop))
            .map_err(failed("forget images"))
    }
}
