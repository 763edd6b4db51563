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
    /// Whether it may answer by itself.
    pub standing: Standing,
}

/// Whether a model may answer without that somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does, or did, or was at least as good as the one that did.
    Accepted,
    /// It was worse than the one that answered; says by how much.
    Refused(String),
    /// Something else than a training of this store has made it: nobody here has measured it.
    Candidate,
}

/// Which model answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answering {
    /// The one that does; empty for none.
    pub active: String,
    /// The one that did before; empty for none.
    pub previous: String,
}

/// What became of the wish that a model which was just made answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activated {
    /// It does.
    Answers,
    /// Somebody is erased whose ratings it has learnt from, or the model is forgotten with them.
    Erased,
    /// Its job is to stop, or is another process's by now.
    Unwanted,
}

/// The job that has made a model, and the process that runs it.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    /// Its number.
    pub job: i64,
    /// As the process was named when it began the job.
    pub owner: &'a str,
}

/// Whose ratings a model has learnt from.
#[derive(Clone, Copy)]
pub struct Learnt<'a> {
    /// The histories' revision when they were read.
    pub revision: i64,
    /// Whether any reader with these numbers, both included, is among them.
    pub has: &'a (dyn Fn(u32, u32) -> bool + Sync),
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
        let mut transaction = self.begin_to_write().await?;
        register(&mut transaction, model).await?;
        transaction.commit().await.map_err(failed("register a model"))
    }

    /// Replaces the manifest of a model. Whether it is still registered.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn describe(&self, version: &str, manifest: &str) -> Result<bool, StoreError> {
        let sql = "update models set manifest = $2 where version = $1";
        let rows = on_either!(Pool, &self.pool, pool => {
            let done = sqlx::query(sql).bind(version).bind(manifest).execute(pool).await;
            done.map(|done| done.rows_affected())
        })
        .map_err(failed("describe a model"))?;
        Ok(rows == 1)
    }

    /// Registers a model that was just made, unless somebody whose ratings it has learnt from has been erased since they
    /// were read. Whether it is registered.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn register_new(&self, model: &Registered, learnt: Learnt<'_>) -> Result<bool, StoreError> {
        let Some(mut transaction) = self.begin_unless_erased(learnt).await? else { return Ok(false) };
        register(&mut transaction, model).await?;
        transaction.commit().await.map_err(failed("register a model"))?;
        Ok(true)
    }

    /// As [`Store::activate`], for a model that was just made, which its job then has to show: not if somebody whose ratings
    /// it has learnt from has been erased since they were read, nor once the job is to stop or is another process's.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn activate_new(
        &self,
        version: &str,
        maker: Maker<'_>,
        learnt: Learnt<'_>,
    ) -> Result<Activated, StoreError> {
        let Some(mut transaction) = self.begin_unless_erased(learnt).await? else {
            return Ok(Activated::Erased);
        };
        // The heartbeat, too: whoever has seen the job without a model does not bury it as such.
        let sql = "update jobs set model_version = $3, heartbeat = heartbeat + 1
                   where id = $1 and owner = $2 and state = 2 and cancelled = 0";
        let wanted = on_either!(Transaction, &mut transaction, transaction => {
            let query = sqlx::query(sql).bind(maker.job).bind(maker.owner).bind(version);
            query.execute(&mut **transaction).await.map(|done| done.rows_affected())
        })
        .map_err(failed("see whether a model is still wanted"))?;
        if wanted == 0 {
            transaction.rollback().await.map_err(failed("leave the models as they are"))?;
            return Ok(Activated::Unwanted);
        }
        let known = activate(transaction, version).await?;
        Ok(if known { Activated::Answers } else { Activated::Erased })
    }

    /// A transaction before whose end nobody is erased, unless somebody was already.
    async fn begin_unless_erased(&self, learnt: Learnt<'_>) -> Result<Option<Transaction>, StoreError> {
        let operation = "see who was erased";
        let mut transaction = self.begin_to_write().await?;
        if let Transaction::Postgres(transaction) = &mut transaction {
            // Whoever erases locks it first. On SQLite nobody else writes anyway.
            let sql = "select one from reader_counters for update";
            sqlx::query(sql).execute(&mut **transaction).await.map_err(failed(operation))?;
        }
        let sql = "select first_reader, last_reader from erased_readers where revision > $1";
        let erased: Vec<(i32, i32)> = on_either!(Transaction, &mut transaction, transaction => {
            sqlx::query_as(sql).bind(learnt.revision).fetch_all(&mut **transaction).await
        })
        .map_err(failed(operation))?;
        if erased.iter().any(|(first, last)| (learnt.has)(first.unsigned_abs(), last.unsigned_abs())) {
            transaction.rollback().await.map_err(failed(operation))?;
            return Ok(None);
        }
        Ok(Some(transaction))
    }

    /// All models, the latest first; at most 1,000.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn models(&self) -> Result<Vec<Registered>, StoreError> {
        let sql = "select version, number, manifest, refused, candidate from models order by number desc limit 1000";
        let rows: Vec<Row> = on_either!(Pool, &self.pool, pool => sqlx::query_as(sql).fetch_all(pool).await)
            .map_err(failed("list models"))?;
        Ok(rows.into_iter().map(Registered::from).collect())
    }

    /// One model, if it is registered.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn model(&self, version: &str) -> Result<Option<Registered>, StoreError> {
        let sql = "select version, number, manifest, refused, candidate from models where version = $1";
        let row: Option<Row> = on_either!(Pool, &self.pool, pool => {
            sqlx::query_as(sql).bind(version).fetch_optional(pool).await
        })
        .map_err(failed("read a model"))?;
        Ok(row.map(Registered::from))
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

    /// Lets a registered model answer, which is then accepted. Whether it is registered.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn activate(&self, version: &str) -> Result<bool, StoreError> {
        activate(self.begin_to_write().await?, version).await
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
        transaction.commit().await.map_err(failed(operation))
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

/// Version, number, manifest, why it was refused, whether it is a candidate.
type Row = (String, i64, String, String, i32);

impl From<Row> for Registered {
    fn from((version, number, manifest, refused, candidate): Row) -> Self {
        let standing = match (candidate, refused.is_empty()) {
            (0, true) => Standing::Accepted,
            (0, false) => Standing::Refused(refused),
            _ => Standing::Candidate,
        };
        Self { version, number, manifest, standing }
    }
}

async fn register(transaction: &mut Transaction, model: &Registered) -> Result<(), StoreError> {
    let (refused, candidate) = match &model.standing {
        Standing::Accepted => ("", 0),
        Standing::Refused(why) => (why.as_str(), 0),
        Standing::Candidate => ("", 1),
    };
    let sql = "insert into models (version, number, manifest, refused, candidate) values ($1, $2, $3, $4, $5)
               on conflict (version) do update set manifest = excluded.manifest, refused = excluded.refused,
               candidate = excluded.candidate";
    on_either!(Transaction, transaction, transaction => {
        let query = sqlx::query(sql).bind(&model.version).bind(model.number).bind(&model.manifest);
        query.bind(refused).bind(candidate).execute(&mut **transaction).await.map(drop)
    })
    .map_err(failed("register a model"))
}

async fn activate(mut transaction: Transaction, version: &str) -> Result<bool, StoreError> {
    let operation = "activate a model";
    let clear = "update models set refused = '', candidate = 0 where version = $1";
    let known = on_either!(Transaction, &mut transaction, transaction => {
        sqlx::query(clear).bind(version).execute(&mut **transaction).await.map(|done| done.rows_affected())
    })
    .map_err(failed(operation))?;
    if known == 0 {
        transaction.rollback().await.map_err(failed("leave the models as they are"))?;
        return Ok(false);
    }
    let sql = "update training set previous = active, active = $1 where one = 1 and active <> $1";
    on_either!(Transaction, &mut transaction, transaction => {
        sqlx::query(sql).bind(version).execute(&mut **transaction).await.map(drop)
    })
    .map_err(failed(operation))?;
    transaction.commit().await.map_err(failed(operation))?;
    Ok(true)
}
