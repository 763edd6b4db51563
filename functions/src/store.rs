//! The only SQL of functions: tasks, what functions keep, and images that were worked on.
//!
//! Every statement has one text for both databases, and so have the migrations. The tables lie beside those of
//! recommendations; what was migrated is noted in a table of its own.

mod deliveries;
mod images;
mod kept;
mod queue;
mod schedules;
mod tasks;

use std::{fmt, sync::LazyLock};

use ring::rand::{SecureRandom as _, SystemRandom};
use storage::{Migrations, OpenError, Pool, Transaction};

pub use self::{
    deliveries::Delivery,
    images::ImageEvent,
    kept::{KeptError, MAX_KEYS, MAX_NAME_BYTES, MAX_VALUE_BYTES},
    queue::{Hold, Interrupted, Runs, Written},
    tasks::{Input, NewTask, Output, Scheduled, Stopped, Task, TaskEnd, TaskState, Told},
};

static MIGRATIONS: LazyLock<Migrations> = LazyLock::new(|| {
    let files = [
        (1, "tasks", include_str!("../migrations/0001_tasks.sql")),
        (2, "kept", include_str!("../migrations/0002_kept.sql")),
        (3, "deliveries", include_str!("../migrations/0003_deliveries.sql")),
    ];
    Migrations::new("functions_migrations", &files)
});

/// A connected database whose schema is up to date. Clones share its connections.
#[derive(Clone)]
pub struct Store(Pool);

/// Why the store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// A statement failed.
    #[error("cannot {operation}")]
    Statement {
        /// What was being done.
        operation: &'static str,
        /// The database's own words.
        source: sqlx::Error,
    },
}

impl Store {
    /// Opens the database that `url` names, as [`Pool::open`] says, and brings the tables of functions up to date. Several
    /// processes may do so at once.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, the database cannot be reached within ten seconds, or a migration fails. None of them
    /// shows the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Pool::open(url, &MIGRATIONS).await.map(Self).map_err(StoreError::Open)
    }

    /// Ends all connections, waiting for those in use.
    pub async fn close(&self) {
        self.0.close().await;
    }

    async fn begin(&self, operation: &'static str) -> Result<Transaction, StoreError> {
        self.0.begin_to_write().await.map_err(failed(operation))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Store({:?})", self.0)
    }
}

/// A wrong setting is told from a database that does not do its part.
impl From<StoreError> for service::Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Open(error) => error.into(),
            StoreError::Statement { .. } => Self::caused(&error),
        }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A name of 32 hexadecimal digits that nobody guesses: 128 bits of the system's.
pub(crate) fn unguessable() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Statement { operation, source }
}
