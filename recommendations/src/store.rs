//! The only SQL: SQLite for one machine, PostgreSQL for replicas, chosen by URL.
//!
//! Every statement has one text for both databases.

mod connect;
mod find;
mod jobs;
mod models;
mod history;
mod read;
mod variants;
mod write;

use std::fmt;

use storage::{OpenError, Pool, Transaction, on_either};

pub use self::{
    history::{EventKind, HistoryChanges, HistoryReading, HistoryVersion, HistoryWriting, ReaderEvent},
    jobs::{Cause, Hold, Job, JobState, MAX_WAITING, NewJob, Scheduled},
    models::{Activated, Answering, Learnt, Maker, Registered, Standing},
    read::Reading,
    write::{Entry, Outcome, Refusal, Writer},
};

/// The first number that is given to a book whose file names none. Smaller ones are left to files that name theirs.
pub const FIRST_OWN_BOOK: i32 = 1_000_000;
/// How many categories of its own a shop may have, so that a list of all fits into one answer.
pub const MAX_OWN_CATEGORIES: i32 = 2_000;

/// A connected database whose schema is up to date. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    /// One connection of its own for whoever writes histories: what it has in its cache stays right, since nobody else
    /// writes much meanwhile. The same as `pool` where the database is in memory.
    histories: Pool,
}

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
    /// A row holds what no import writes.
    #[error("book {book} in the database is damaged: {reason}")]
    Damaged {
        /// Which book.
        book: i32,
        /// What is wrong with it.
        reason: String,
    },
    /// A row of a history holds what nobody writes.
    #[error("what the database knows of reader {reader} and book {book} is damaged: {reason}")]
    DamagedHistory {
        /// Whose history.
        reader: i32,
        /// Which book.
        book: i32,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The numbers for new books are used up.
    #[error("there is no number left for a new book")]
    Full,
}

pub(crate) use jobs::now;

impl Store {
    /// Ends all connections, waiting for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
        self.histories.close().await;
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.pool {
            Pool::Sqlite(_) => "Store(SQLite)",
            Pool::Postgres(_) => "Store(PostgreSQL)",
        })
    }
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Statement { operation, source }
}
