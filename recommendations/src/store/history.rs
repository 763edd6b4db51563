//! Readers' histories: what is known, and what has changed since when.
//!
//! Whoever writes locks the one row of `reader_counters` first. So transactions take turns over all processes, each has
//! a revision of its own, and revisions become visible in their order: who has seen one has seen all before it.

use std::{collections::HashSet, sync::LazyLock};

use sqlx::AssertSqlSafe;

use super::{
    Pool, Store, StoreError, Transaction, failed, on_either,
    write::{begin_to_write, pieces, tuples},
};
use crate::{
    ratings::{Entry, LAST_READER, Marks, Shelf, Stars},
    variants::RecommendationId,
};

/// How many rows are read at a time.
const PAGE: i32 = 20_000;
/// How many rows a statement writes, the most that is worth it first. Fixed, so that few statements are prepared and kept;
/// and not more, because SQLite looks for each placeholder among all.
const PIECES: [usize; 3] = [64, 8, 1];
/// How many revisions are caught up with at a time: so much is held in memory at once.
const REVISIONS: i64 = 64;
/// How long removals are kept for other processes, in seconds. Who has not looked for longer reads all anew.
const REMOVALS_KEPT: i64 = 3_600;

/// What happened to a recommendation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderEvent {
    /// The recommendation's own name.
    pub recommendation: String,
    /// What happened.
    pub kind: EventKind,
    /// Which book; 0 for the whole list.
    pub book: i32,
    /// When, in seconds since 1970.
    pub at: u32,
    /// Of a rating.
    pub stars: Option<Stars>,
    /// Whose, where that is known.
    pub reader: Option<u32>,
}

/// What kind of thing happened to a recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was shown.
    Impression = 1,
    /// A book in it was clicked.
    Click = 2,
    /// It led to a rating.
    Rating = 3,
    /// It led to a dismissal.
    Dismissal = 4,
}

/// How far the store's histories are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryVersion {
    /// Raised by every transaction that changes a history.
    pub revision: i64,
    /// How many entries were ever written, erased ones included.
    pub changes: i64,
}

/// All histories as they were at one moment, some thousand entries at a time.
pub struct HistoryReading {
    transaction: Transaction,
    revision: i64,
    last: (i32, i32),
}

/// What has changed since a revision.
#[derive(Clone, Debug, Default)]
pub struct HistoryChanges {
    /// The revision that it leads to; there may be more after it.
    pub revision: i64,
    /// Whether there were removals that are forgotten already: all must be read anew.
    pub missed: bool,
    /// The first and last numbers of readers who were erased. To be done before the entries.
    pub erased: Vec<(u32, u32)>,
    /// Entries as they are now, in no order, none twice; one that says nothing was removed.
    pub entries: Vec<(u32, Entry)>,
}

/// A transaction that changes histories; dropped, it has changed nothing.
pub struct HistoryWriting {
    transaction: Transaction,
    revision: i64,
    next_reader: i32,
    written: i64,
}

impl Store {
    /// How far the histories are.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn history_version(&self) -> Result<HistoryVersion, StoreError> {
        let (revision, changes) = on_either!(Pool, &self.pool, pool => {
            sqlx::query_as("select revision, changes from reader_counters").fetch_one(pool).await
        })
        .map_err(failed("read the histories' revision"))?;
        Ok(HistoryVersion { revision, changes })
    }

    /// Starts to read all histories as they are now, whatever is written meanwhile.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn read_history(&self) -> Result<HistoryReading, StoreError> {
        let mut transaction =
            self.pool.begin_to_read().await.map_err(failed("start to read the histories"))?;
        let revision = revision(&mut transaction).await?;
        Ok(HistoryReading { transaction, revision, last: (0, 0) })
    }

    /// What has changed after the revision `since`: all of it, or the first part.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn history_since(&self, since: i64) -> Result<HistoryChanges, StoreError> {
        let mut transaction =
            self.histories.begin_to_read().await.map_err(failed("start to read what has changed"))?;
        let revision = revision(&mut transaction).await?;
        changes(&mut transaction, since, revision).await
    }

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

    /// Removes what nobody needs any more: removals that all processes have seen, and requests that were sent before
    /// `requests_before`. Both times in seconds since 1970. Some ten thousand rows at most; returns whether there may be
    /// more.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn sweep_history(&self, now: i64, requests_before: i64) -> Result<bool, StoreError> {
        let mut transaction = begin_to_write(&self.histories).await?;
        let sql =
            "update reader_counters set one = 1 where one = 1 returning revision, swept_revision, swept_at";
        let (revision, known, since): (i64, i64, i64) =
            on_either!(Transaction, &mut transaction, transaction => {
                sqlx::query_as(sql).fetch_one(&mut **transaction).await
            })
            .map_err(failed("lock the histories"))?;
        if now - since >= REMOVALS_KEPT {
            for sql in [
                "delete from history where stars = 0 and shelf = 0 and flags = 0 and revision <= $1",
                // A training that is under way looks who was erased when it ends.
                "delete from erased_readers where revision <= $1
                 and not exists (select 1 from jobs where state = 2)",
            ] {
                on_either!(Transaction, &mut transaction, transaction => {
                    sqlx::query(sql).bind(known).execute(&mut **transaction).await.map(drop)
                })
                .map_err(failed("sweep removals"))?;
            }
            let sql = "update reader_counters set gone_revision = $1, swept_revision = $2, swept_at = $3 where one = 1";
            on_either!(Transaction, &mut transaction, transaction => {
                sqlx::query(sql).bind(known).bind(revision).bind(now).execute(&mut **transaction).await.map(drop)
            })
            .map_err(failed("note what may be swept"))?;
        }
        let sql = "delete from reader_requests
                   where at < $1 and at <= (select min(at) from reader_requests) + 5";
        let gone = on_either!(Transaction, &mut transaction, transaction => {
            sqlx::query(sql).bind(requests_before).execute(&mut **transaction).await.map(|it| it.rows_affected())
        })
        .map_err(failed("sweep requests"))?;
        transaction.commit().await.map_err(failed("commit the sweep"))?;
        Ok(gone > 0)
    }
}

impl HistoryReading {
    /// The revision that is being read.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Goes on with the entries of this reader.
    pub fn skip_to(&mut self, reader: u32) {
        self.last = (number(reader) - 1, i32::MAX);
    }

    /// The next entries in the order of readers and books, removals left out; none at the end.
    ///
    /// # Errors
    ///
    /// If the database does not answer, or a row is damaged.
    pub async fn next(&mut self) -> Result<Vec<(u32, Entry)>, StoreError> {
        let sql = "select reader, book, stars, shelf, flags, changed_at from history
                   where (reader, book) > ($1, $2) order by reader, book limit $3";
        loop {
            let rows: Vec<Row> = on_either!(Transaction, &mut self.transaction, transaction => {
                sqlx::query_as(sql)
                    .bind(self.last.0)
                    .bind(self.last.1)
                    .bind(PAGE)
                    .fetch_all(&mut **transaction)
                    .await
            })
            .map_err(failed("read histories"))?;
            let Some(last) = rows.last() else { return Ok(Vec::new()) };
            self.last = (last.0, last.1);
            let mut entries = rows.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
            entries.retain(|(_, entry)| !entry.is_nothing());
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
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

/// Reader, book, stars, shelf, flags, time of change.
type Row = (i32, i32, i16, i16, i16, i64);

async fn revision(transaction: &mut Transaction) -> Result<i64, StoreError> {
    on_either!(Transaction, transaction, transaction => {
        sqlx::query_scalar("select revision from reader_counters").fetch_one(&mut **transaction).await
    })
    .map_err(failed("read the histories' revision"))
}

/// The first part of what was changed after `since`, up to `revision`, the last one that the transaction sees but its own.
async fn changes(
    transaction: &mut Transaction,
    since: i64,
    revision: i64,
) -> Result<HistoryChanges, StoreError> {
    if since >= revision {
        return Ok(HistoryChanges { revision, ..HistoryChanges::default() });
    }
    let gone: i64 = on_either!(Transaction, &mut *transaction, transaction => {
        sqlx::query_scalar("select gone_revision from reader_counters").fetch_one(&mut **transaction).await
    })
    .map_err(failed("read which removals are forgotten"))?;
    let revision = revision.min(since + REVISIONS);
    let mut changes = HistoryChanges { revision, missed: since < gone, ..HistoryChanges::default() };
    let sql = "select first_reader, last_reader from erased_readers where revision > $1 and revision <= $2";
    let erased: Vec<(i32, i32)> = on_either!(Transaction, &mut *transaction, transaction => {
        sqlx::query_as(sql).bind(since).bind(revision).fetch_all(&mut **transaction).await
    })
    .map_err(failed("read who was erased"))?;
    changes.erased =
        erased.into_iter().map(|(first, last)| (first.unsigned_abs(), last.unsigned_abs())).collect();
    let sql = "select reader, book, stars, shelf, flags, changed_at from history
               where revision > $1 and revision <= $2";
    let rows: Vec<Row> = on_either!(Transaction, &mut *transaction, transaction => {
        sqlx::query_as(sql).bind(since).bind(revision).fetch_all(&mut **transaction).await
    })
    .map_err(failed("read what has changed"))?;
    changes.entries = rows.into_iter().map(entry).collect::<Result<_, _>>()?;
    Ok(changes)
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
                let about = RecommendationId::parse(&event.recommendation);
                let reader = event.reader.or(about.as_ref().map(|about| about.reader).filter(|&reader| reader > 0));
                query = query
                    .bind(&event.recommendation)
                    .bind(event.kind as i16)
                    .bind(event.book)
                    .bind(i64::from(event.at))
                    .bind(event.stars.map(|stars| i16::from(stars.halves())))
                    .bind(reader.map(number))
                    .bind(about.and_then(|about| about.variant));
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

fn entry((reader, book, stars, shelf, flags, changed): Row) -> Result<(u32, Entry), StoreError> {
    let damaged = |reason| StoreError::DamagedHistory { reader, book, reason };
    let small = |number: i16| u8::try_from(number).ok();
    let stars = match small(stars) {
        Some(0) => None,
        halves => Some(halves.and_then(Stars::from_halves).ok_or(damaged("its stars are none"))?),
    };
    let entry = Entry {
        book,
        changed: u32::try_from(changed).map_err(|_| damaged("its time is none"))?,
        stars,
        shelf: small(shelf).and_then(Shelf::from_number).ok_or(damaged("its shelf is none"))?,
        marks: small(flags).map(Marks::from_bits).ok_or(damaged("its flags are none"))?,
    };
    let reader = u32::try_from(reader).ok().filter(|&reader| reader > 0);
    reader.map(|reader| (reader, entry)).ok_or(damaged("its reader is none"))
}

/// As the database has it.
fn number(reader: u32) -> i32 {
    i32::try_from(reader.min(LAST_READER)).expect("the last reader fits")
}
