use std::{collections::HashSet, sync::LazyLock};

use sqlx::AssertSqlSafe;

use super::{HistoryChanges, ReaderEvent, changes, number};
use crate::{
    ratings::Entry,
    store::{
        Store, StoreError, Transaction, failed, on_either,
        write::{begin_to_write, pieces, tuples},
    },
};

/// How many rows a statement writes, the most that is worth it first. Fixed, so that few statements are prepared and kept;
/// and not more, because SQLite looks for each placeholder among all.
const PIECES: [usize; 3] = [64, 8, 1];

/// A transaction that changes histories; dropped, it has changed nothing.
pub struct HistoryWriting {
    transaction: Transaction,
    revision: i64,
    next_reader: i32,
    written: i64,
}

impl Store {
    /// Waits for other writers, and starts to change histories.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn write_history(&self) -> Result<HistoryWriting, StoreError> {
        let mut transaction = begin_to_write(&self.histories).await?;
        let sql = "update reader_counters set revision = revision + 1 where one = 1 returning revision, next_reader";
        let (revision, next_reader) = on_either!(Transaction, &mut transaction, transaction => {
            sqlx::query_as(sql).fetch_one(&mut **transaction).await
        })
        .map_err(failed("lock the histories"))?;
        Ok(HistoryWriting { transaction, revision, next_reader, written: 0 })
    }

    /// Stores what happened to recommendations.
    ///
    /// # Errors
    ///
    /// If the database fails; then none of it was stored.
    pub async fn write_events(&self, events: &[ReaderEvent]) -> Result<(), StoreError> {
        let mut transaction = begin_to_write(&self.histories).await?;
        write_events(&mut transaction, events).await?;
        transaction.commit().await.map_err(failed("commit events"))
    }
}

impl HistoryWriting {
    /// The revision that the histories will have.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// What others have changed after the revision `since`, and before this transaction: all of it, or the first part.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn since(&mut self, since: i64) -> Result<HistoryChanges, StoreError> {
        changes(&mut self.transaction, since, self.revision - 1).await
    }

    /// The next number for a new reader; `None` when they are used up, which is before `end`.
    pub fn new_reader(&mut self, end: u32) -> Option<u32> {
        let reader = u32::try_from(self.next_reader).ok().filter(|&reader| reader < end)?;
        self.next_reader += 1;
        Some(reader)
    }

    /// Notes that these requests are carried out now, and returns those that already were, after `forgotten`. Times in
    /// seconds since 1970. None may be there twice.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn claim(
        &mut self,
        requests: &[(u32, &str)],
        now: i64,
        forgotten: i64,
    ) -> Result<HashSet<(u32, String)>, StoreError> {
        let mut repeated: HashSet<(u32, String)> =
            requests.iter().map(|&(reader, request)| (reader, request.to_owned())).collect();
        for piece in pieces(requests, &PIECES) {
            let places = tuples(piece.len(), 3);
            // Placeholders are counted from 1, three a request; the last one is the time.
            let sql = AssertSqlSafe(format!(
                "insert into reader_requests (reader, request, at) values {places}
                 on conflict (reader, request) do update set at = excluded.at
                 where reader_requests.at < ${} returning reader, request",
                piece.len() * 3 + 1
            ));
            let new: Vec<(i32, String)> = on_either!(Transaction, &mut self.transaction, transaction => {
                let mut query = sqlx::query_as(sql);
                for &(reader, request) in piece {
                    query = query.bind(number(reader)).bind(request).bind(now);
                }
                query.bind(forgotten).fetch_all(&mut **transaction).await
            })
            .map_err(failed("note requests"))?;
            for (reader, request) in new {
                repeated.remove(&(reader.unsigned_abs(), request));
            }
        }
        Ok(repeated)
    }

    /// Takes a claim back: the request was refused after all, and may be tried again.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn disclaim(&mut self, reader: u32, request: &str) -> Result<(), StoreError> {
        let sql = "delete from reader_requests where reader = $1 and request = $2";
        on_either!(Transaction, &mut self.transaction, transaction => {
            sqlx::query(sql).bind(number(reader)).bind(request).execute(&mut **transaction).await.map(drop)
        })
        .map_err(failed("take a request back"))
    }

    /// Writes entries in place of what is stored of their readers and books; none may be there twice. One that says nothing
    /// is a removal.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn write(&mut self, entries: &[(u32, Entry)]) -> Result<(), StoreError> {
        self.written += i64::try_from(entries.len()).unwrap_or(i64::MAX);
        for piece in pieces(entries, &PIECES) {
            on_either!(Transaction, &mut self.transaction, transaction => {
                let mut query = sqlx::query(write_statement(piece.len()));
                for &(reader, entry) in piece {
                    query = query
                        .bind(number(reader))
                        .bind(entry.book)
                        .bind(entry.stars.map_or(0, |stars| i16::from(stars.halves())))
                        .bind(i16::from(entry.shelf.number()))
                        .bind(i16::from(entry.marks.bits()))
                        .bind(i64::from(entry.changed))
                        .bind(self.revision);
                }
                query.execute(&mut **transaction).await.map(drop)
            })
            .map_err(failed("write histories"))?;
        }
        Ok(())
    }

    /// Removes all that is known of the readers with these numbers: entries and removals, requests and events.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn erase(&mut self, first: u32, last: u32) -> Result<(), StoreError> {
        for sql in [
            "delete from history where reader between $1 and $2",
            "delete from reader_requests where reader between $1 and $2",
            "delete from events where reader between $1 and $2",
        ] {
            on_either!(Transaction, &mut self.transaction, transaction => {
                sqlx::query(sql).bind(number(first)).bind(number(last)).execute(&mut **transaction).await.map(drop)
            })
            .map_err(failed("erase readers"))?;
        }
        let sql = "insert into erased_readers (revision, first_reader, last_reader) values ($1, $2, $3)";
        on_either!(Transaction, &mut self.transaction, transaction => {
            sqlx::query(sql)
                .bind(self.revision)
                .bind(number(first))
                .bind(number(last))
                .execute(&mut **transaction)
                .await
                .map(drop)
        })
        .map_err(failed("note who was erased"))
    }

    /// Stores what happened to recommendations.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn events(&mut self, events: &[ReaderEvent]) -> Result<(), StoreError> {
        write_events(&mut self.transaction, events).await
    }

    /// Makes all of it last.
    ///
    /// # Errors
    ///
    /// If the database fails. Whether it lasts is then not known: it may have failed to say so.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let sql = "update reader_counters set next_reader = $1, changes = changes + $2 where one = 1";
        on_either!(Transaction, &mut self.transaction, transaction => {
            sqlx::query(sql).bind(self.next_reader).bind(self.written).execute(&mut **transaction).await.map(drop)
        })
        .map_err(failed("note the histories' counters"))?;
        self.transaction.commit().await.map_err(failed("commit histories"))
    }

    /// Leaves all as it was.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn leave(self) -> Result<(), StoreError> {
        self.transaction.rollback().await.map_err(failed("leave the histories as they are"))
    }
}

async fn write_events(transaction: &mut Transaction, events: &[ReaderEvent]) -> Result<(), StoreError> {
    for piece in pieces(events, &PIECES) {
        let sql = AssertSqlSafe(format!(
            "insert into events (recommendation, kind, book, at, stars, reader, variant) values {}",
            tuples(piece.len(), 7)
        ));
        on_either!(Transaction, &mut *transaction, transaction => {
            let mut query = sqlx::query(sql);
            for event in piece {
                let (reader, variant) = event.about();
                query = query
                    .bind(&event.recommendation)
                    .bind(event.kind as i16)
                    .bind(event.book)
                    .bind(i64::from(event.at))
                    .bind(event.stars.map(|stars| i16::from(stars.halves())))
                    .bind(reader.map(number))
                    .bind(variant);
            }
            query.execute(&mut **transaction).await.map(drop)
        })
        .map_err(failed("write events"))?;
    }
    Ok(())
}

/// Made once: hundreds of placeholders take longer to write down than to fill in.
fn write_statement(rows: usize) -> &'static str {
    static STATEMENTS: LazyLock<Vec<(usize, String)>> = LazyLock::new(|| {
        let statement = |rows| {
            format!(
                "insert into history (reader, book, stars, shelf, flags, changed_at, revision) values {}
                 on conflict (reader, book) do update set stars = excluded.stars, shelf = excluded.shelf,
                 flags = excluded.flags, changed_at = excluded.changed_at, revision = excluded.revision",
                tuples(rows, 7)
            )
        };
        PIECES.iter().map(|&rows| (rows, statement(rows))).collect()
    });
    let statement = STATEMENTS.iter().find(|(length, _)| *length == rows);
    &statement.expect("pieces have one of these lengths").1
}
