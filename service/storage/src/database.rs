//! Databases by URL: SQLite for one machine, PostgreSQL for replicas.
//!
//! SQLite runs in WAL mode with `synchronous=NORMAL`: what was committed survives the end of the process, however sudden;
//! a loss of power may take back the last commits, never half of one.

mod open;
mod url;

use std::{fmt, time::Duration};

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool};

pub use self::{open::Migrations, url::in_memory};

/// How long a start waits for the database, and a call for a free connection.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The connections to a database. Clones share them.
#[derive(Clone)]
pub enum Pool {
    /// One file, or memory.
    Sqlite(SqlitePool),
    /// A server.
    Postgres(PgPool),
}

/// A transaction on either database. One that is dropped is rolled back.
pub enum Transaction {
    /// On SQLite.
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names neither kind of database, or is malformed.
    #[error("DATABASE_URL {url}: {reason}")]
    Url {
        /// The URL without what is or may be secret.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database cannot be opened or reached.
    #[error("cannot open the database {url}")]
    Connect {
        /// The URL without what is or may be secret.
        url: String,
        /// The database's own words.
        source: sqlx::Error,
    },
    /// The database did not answer in time when it was opened.
    #[error("cannot open the database {url}: no answer within {seconds} s")]
    NoAnswer {
        /// The URL without what is or may be secret.
        url: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The schema cannot be brought up to date.
    #[error("cannot bring the schema of {url} up to date")]
    Migrate {
        /// The URL without what is or may be secret.
        url: String,
        /// The database's own words.
        source: sqlx::migrate::MigrateError,
    },
}

/// Runs the same expression on whichever database a [`Pool`] or [`Transaction`] is of: statements have one text for both.
#[macro_export]
macro_rules! on_either {
    ($kind:ident, $value:expr, $database:ident => $run:expr) => {
        match $value {
            $kind::Sqlite($database) => $run,
            $kind::Postgres($database) => $run,
        }
    };
}

impl Pool {
    /// A transaction that sees one moment, whatever is written meanwhile.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn begin_to_read(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => Transaction::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => Transaction::Postgres(
                pool.begin_with("begin isolation level repeatable read read only").await?,
            ),
        })
    }

    /// A transaction that may write. On SQLite such transactions take turns from here on; on PostgreSQL they do from the
    /// first row that two of them lock.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn begin_to_write(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            // A transaction that reads first could not be sure of the right to write later.
            Self::Sqlite(pool) => Transaction::Sqlite(pool.begin_with("begin immediate").await?),
            Self::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// Ends all connections, waiting for those in use.
    pub async fn close(&self) {
        on_either!(Self, self, pool => pool.close().await);
    }
}

impl Transaction {
    /// Makes it last.
    ///
    /// # Errors
    ///
    /// If the database fails; then whether it lasts is not known.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        on_either!(Self, self, transaction => transaction.commit().await)
    }

    /// Takes it back.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        on_either!(Self, self, transaction => transaction.rollback().await)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite(_) => "Pool(SQLite)",
            Self::Postgres(_) => "Pool(PostgreSQL)",
        })
    }
}
