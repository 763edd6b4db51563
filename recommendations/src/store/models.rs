//! Models: which there are, and which one answers.

use super::{Pool, Store, StoreError, Transaction, failed, on_either};

/// A registered model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its name for ever.
    pub version: String,
    /// In the order in which they were registered.
    pub number: i64,
    /// The manifest as it lies beside the artefact.
    pub manifest: String,
    /// Why it does not answer; empty if it was not refused.
    pub refused: String,
}

/// Which model answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answering {
    /// The one that does; empty for none.
    pub active: String,
    /// The one that did before; empty for none.
    pub previous: String,
}

impl Store {
    /// The number that the next model gets.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn next_model(&self) -> Result<i64, StoreError> {
        let sql = "update training set next_model = next_model + 1 where one = 1 returning next_model - 1";
        on_either!(Pool, &self.pool, pool => sqlx::query_scalar(sql).fetch_one(pool).await)
            .map_err(failed("number a model"))
    }

    /// Registers a model, or replaces what is known of it.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn register(&self, model: &Registered) -> Result<(), StoreError> {
        let sql = "insert into models (version, number, manifest, refused) values ($1, $2, $3, $4)
                   on conflict (version) do update set manifest = excluded.manifest, refused = excluded.refused";
        on_either!(Pool, &self.pool, pool => {
            let query = sqlx::query(sql).bind(&model.version).bind(model.number);
            query.bind(&model.manifest).bind(&model.refused).execute(pool).await.map(drop)
        })
        .map_err(failed("register a model"))
    }

    /// All models, the latest first; at most 1,000.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn models(&self) -> Result<Vec<Registered>, StoreError> {
        let sql = "select version, number, manifest, refused from models order by number desc limit 1000";
        let rows: Vec<(String, i64, String, String)> =
            on_either!(Pool, &self.pool, pool => sqlx::query_as(sql).fetch_all(pool).await)
                .map_err(failed("list models"))?;
        Ok(rows
            .into_iter()
            .map(|(version, number, manifest, refused)| Registered { version, number, manifest, refused })
            .collect())
    }

    /// One model, if it is registered.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn model(&self, version: &str) -> Result<Option<Registered>, StoreError> {
        let sql = "select version, number, manifest, refused from models where version = $1";
        let row: Option<(String, i64, String, String)> = on_either!(Pool, &self.pool, pool => {
            sqlx::query_as(sql).bind(version).fetch_optional(pool).await
        })
        .map_err(failed("read a model"))?;
        Ok(row.map(|(version, number, manifest, refused)| Registered { version, number, manifest, refused }))
    }

    /// Forgets a model, unless it answers.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn forget_model(&self, version: &str) -> Result<bool, StoreError> {
        let sql = "delete from models where version = $1
                   and not exists (select 1 from training where active = $1 or previous = $1)";
        let rows = on_either!(Pool, &self.pool, pool => {
            sqlx::query(sql).bind(version).execute(pool).await.map(|done| done.rows_affected())
        })
        .map_err(failed("forget a model"))?;
        Ok(rows == 1)
    }

    /// Which model answers.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn answering(&self) -> Result<Answering, StoreError> {
        let sql = "select active, previous from training where one = 1";
        let (active, previous) =
            on_either!(Pool, &self.pool, pool => sqlx::query_as(sql).fetch_one(pool).await)
                .map_err(failed("see which model answers"))?;
        Ok(Answering { active, previous })
    }

    /// Lets a registered model answer, which is then refused no more. Whether it is registered.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn activate(&self, version: &str) -> Result<bool, StoreError> {
        let operation = "activate a model";
        let mut transaction = self.begin_to_write().await?;
        let clear = "update models set refused = '' where version = $1";
        let known = on_either!(Transaction, &mut transaction, transaction => {
            sqlx::query(clear).bind(version).execute(&mut **transaction).await.map(|done| done.rows_affected())
        })
        .map_err(failed(operation))?;
        if known == 0 {
            transaction.rollback("leave the models as they are").await?;
            return Ok(false);
        }
        let sql = "update training set previous = active, active = $1 where one = 1 and active <> $1";
        on_either!(Transaction, &mut transaction, transaction => {
            sqlx::query(sql).bind(version).execute(&mut **transaction).await.map(drop)
        })
        .map_err(failed(operation))?;
        transaction.commit(operation).await?;
        Ok(true)
    }

    /// Forgets a model, also if it answers: then none does.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn retire(&self, version: &str) -> Result<(), StoreError> {
        let operation = "retire a model";
        let mut transaction = self.begin_to_write().await?;
        let free = "update training set active = case active when $1 then '' else active end,
                    previous = case previous when $1 then '' else previous end where one = 1";
        for sql in [free, "delete from models where version = $1"] {
            on_either!(Transaction, &mut transaction, transaction => {
                sqlx::query(sql).bind(version).execute(&mut **transaction).await.map(drop)
            })
            .map_err(failed(operation))?;
        }
        transaction.commit(operation).await
    }

    /// Whether readers have never been simulated; from now on they have.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn claim_simulation(&self) -> Result<bool, StoreError> {
        let sql = "update training set simulated = 1 where one = 1 and simulated = 0";
        let rows = on_either!(Pool, &self.pool, pool => {
            sqlx::query(sql).execute(pool).await.map(|done| done.rows_affected())
        })
        .map_err(failed("claim the simulation of readers"))?;
        Ok(rows == 1)
    }
}
