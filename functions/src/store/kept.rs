//! What functions keep between their calls: small values under names, each function its own.

use storage::{Pool, on_either};

use super::{Store, StoreError, failed};

/// The bytes of a name, from 1.
pub const MAX_NAME_BYTES: usize = 255;
/// The bytes of a value.
pub const MAX_VALUE_BYTES: usize = 64 << 10;
/// How many values a function keeps.
pub const MAX_KEYS: i64 = 1_000;

/// Why a value is not kept. The text is for whoever wrote the function.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The name is empty or long.
    #[error("a key has 1 to {MAX_NAME_BYTES} bytes, and none of them is zero")]
    Name,
    /// The value is long.
    #[error("a value has up to {MAX_VALUE_BYTES} bytes")]
    Value,
    /// As many are kept as may be.
    #[error("a function keeps up to {MAX_KEYS} keys")]
    Full,
    /// The database failed.
    #[error("the value was neither read nor kept")]
    Store(#[source] StoreError),
}

impl Store {
    /// What `function` keeps under `name`.
    ///
    /// # Errors
    ///
    /// If the name is none, or the database fails.
    pub async fn kept(&self, function: &str, name: &str) -> Result<Option<Vec<u8>>, KeptError> {
        check(name)?;
        let sql = "select value from function_state where function = $1 and name = $2";
        on_either!(Pool, &self.0, pool => {
            sqlx::query_scalar(sql).bind(function).bind(name).fetch_optional(pool).await
        })
        .map_err(|source| KeptError::Store(failed("read what a function keeps")(source)))
    }

    /// Keeps a value for `function` under `name`.
    ///
    /// # Errors
    ///
    /// If the name or the value is too long, or there are too many, or the database fails.
    pub async fn keep(&self, function: &str, name: &str, value: &[u8]) -> Result<(), KeptError> {
        check(name)?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(KeptError::Value);
        }
        // Of calls at the very same moment some may pass the bound together: it is there to bound the table.
        let sql = "insert into function_state (function, name, value) select $1, $2, $3
                   where exists (select 1 from function_state where function = $1 and name = $2)
                   or (select count(*) from function_state where function = $1) < $4
                   on conflict (function, name) do update set value = excluded.value";
        let rows = on_either!(Pool, &self.0, pool => {
            let query = sqlx::query(sql).bind(function).bind(name).bind(value).bind(MAX_KEYS);
            query.execute(pool).await.map(|done| done.rows_affected())
        })
        .map_err(|source| KeptError::Store(failed("keep a value of a function")(source)))?;
        if rows == 0 { Err(KeptError::Full) } else { Ok(()) }
    }

    /// Forgets what `function` keeps under `name`, if it does.
    ///
    /// # Errors
    ///
    /// If the name is none, or the database fails.
    pub async fn forget(&self, function: &str, name: &str) -> Result<(), KeptError> {
        check(name)?;
        let sql = "delete from function_state where function = $1 and name = $2";
        on_either!(Pool, &self.0, pool => {
            sqlx::query(sql).bind(function).bind(name).execute(pool).await.map(drop)
        })
        .map_err(|source| KeptError::Store(failed("forget a value of a function")(source)))
    }
}

/// PostgreSQL's texts hold no zero byte.
fn check(name: &str) -> Result<(), KeptError> {
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.contains('\0') {
        Ok(())
    } else {
        Err(KeptError::Name)
    }
}
