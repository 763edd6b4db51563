//! What happened to the recommendations of each variant.

use super::{Pool, Store, StoreError, failed, on_either};
use crate::variants::Counts;

impl Store {
    /// How the variants did since this time, in seconds since 1970; in the order of their names. Those to which nothing
    /// happened are absent.
    ///
    /// The cost grows with the events since then.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn variants(&self, since: u32) -> Result<Vec<Counts>, StoreError> {
        // What became of a recommendation counts only if it was shown in this time, too.
        let sql = "select variant, count(distinct reader), count(*), sum(clicked), sum(rated) from
                   (select variant, max(case when kind = 1 then reader end) as reader,
                    max(case when kind = 1 then 1 else 0 end) as shown,
                    max(case when kind = 2 then 1 else 0 end) as clicked,
                    max(case when kind = 3 then 1 else 0 end) as rated
                    from events where at >= $1 and variant is not null group by variant, recommendation) as told
                   where shown = 1 group by variant order by variant";
        let rows: Vec<(String, i64, i64, i64, i64)> = on_either!(Pool, &self.pool, pool => {
            sqlx::query_as(sql).bind(i64::from(since)).fetch_all(pool).await
        })
        .map_err(failed("count what happened to recommendations"))?;
        let counts = rows.into_iter().map(|(variant, readers, impressions, clicks, ratings)| Counts {
            variant,
            readers: readers.unsigned_abs(),
            impressions: impressions.unsigned_abs(),
            clicks: clicks.unsigned_abs(),
            ratings: ratings.unsigned_abs(),
        });
        Ok(counts.collect())
    }
}
