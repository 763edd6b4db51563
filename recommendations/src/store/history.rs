//! Readers' histories: what is known, and what has changed since when.
//!
//! Whoever writes locks the one row of `reader_counters` first. So transactions take turns over all processes, each has
//! a revision of its own, and revisions become visible in their order: who has seen one has seen all before it.

mod reading;
mod writing;

pub use self::{reading::HistoryReading, writing::HistoryWriting};
use super::{Pool, Store, StoreError, Transaction, failed, on_either, write::begin_to_write};
use crate::{
    ratings::{Entry, LAST_READER, Marks, Shelf, Stars},
    variants::RecommendationId,
};

/// How many revisions are caught up with at a time: so much is held in memory at once.
const REVISIONS: i64 = 64;
/// How long removals are kept for other processes, in seconds. Who has not looked for longer reads all anew.
const REMOVALS_KEPT: i64 = 3_600;
/// How many events are swept at a time, and those of the same second: some tens of milliseconds.
const EVENTS_SWEPT: i64 = 10_000;

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

impl ReaderEvent {
    /// Whose it is: the recommendation's name tells, too.
    #[must_use]
    pub fn whose(&self) -> Option<u32> {
        self.about().0
    }

    /// Whose it is, and by which variant the recommendation was made; each as far as is known.
    pub(super) fn about(&self) -> (Option<u32>, Option<String>) {
        let (named, variant) = match RecommendationId::parse(&self.recommendation) {
            Some(RecommendationId { reader, variant, .. }) => (Some(reader), variant),
            None => (None, None),
        };
        (self.reader.or(named).filter(|&reader| reader > 0), variant)
    }
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

    /// Removes what nobody needs any more: removals and erasures that were there an hour ago, which whoever has not seen them
    /// makes up for by reading all anew, and requests that were sent before `requests_before`, those of five seconds at a time.
    /// Both times in seconds since 1970. Returns whether there may be more requests.
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

    /// Removes what became of recommendations before this time, in seconds since 1970: the oldest, so many at a time as others
    /// can wait for. Returns whether there may be more.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn sweep_events(&self, before: i64) -> Result<bool, StoreError> {
        let mut transaction = begin_to_write(&self.histories).await?;
        // In turn with whoever erases readers, who removes the same rows in another order.
        let lock = "update reader_counters set one = 1 where one = 1";
        let sql = "delete from events where at < $1
                   and at <= (select max(at) from (select at from events order by at limit $2) as oldest)";
        let gone = on_either!(Transaction, &mut transaction, transaction => async {
            sqlx::query(lock).execute(&mut **transaction).await?;
            let done = sqlx::query(sql).bind(before).bind(EVENTS_SWEPT).execute(&mut **transaction).await;
            done.map(|done| done.rows_affected())
        }.await)
        .map_err(failed("sweep events"))?;
        transaction.commit().await.map_err(failed("commit the sweep"))?;
        Ok(gone >= EVENTS_SWEPT.unsigned_abs())
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
