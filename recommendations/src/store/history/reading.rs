use super::{Row, entry, number, revision};
use crate::{
    ratings::Entry,
    store::{Store, StoreError, Transaction, failed, on_either},
};

/// How many rows are read at a time.
const PAGE: i32 = 20_000;

/// All histories as they were at one moment, some thousand entries at a time.
pub struct HistoryReading {
    transaction: Transaction,
    revision: i64,
    last: (i32, i32),
}

impl Store {
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
