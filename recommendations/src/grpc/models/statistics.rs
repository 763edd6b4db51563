use prost_types::Timestamp;
use protobufs::models::{
    DayStatistics, GetStatisticsRequest, GetStatisticsResponse, Spread as SpreadMessage,
};

use super::super::{parse::Days, status::Violation};
use crate::statistics::{DAY, Said, Spread, Statistics};

/// How many days are wanted.
pub(super) fn days(request: &GetStatisticsRequest) -> Result<usize, Violation> {
    Days::parse("days", request.days).map(Days::get)
}

/// The last `days` days, and the rest.
pub(super) fn render(statistics: &Statistics, days: usize) -> GetStatisticsResponse {
    let Statistics { said, today, readers, entries, simulated_readers, books, likes, recommendations } =
        statistics;
    let kept = &said[said.len().saturating_sub(days)..];
    let first = today + 1 - kept.len() as u32;
    GetStatisticsResponse {
        days: (first..).zip(kept).map(|(day, said)| self::day(day, *said)).collect(),
        readers: count(*readers),
        entries: count(*entries),
        simulated_readers: count(*simulated_readers),
        books: count(*books),
        likes: Some(spread(likes)),
        recommendations: recommendations.as_ref().map(|(_, spread)| self::spread(spread)),
        model_version: recommendations.as_ref().map(|(version, _)| version.clone()).unwrap_or_default(),
    }
}

fn day(number: u32, said: Said) -> DayStatistics {
    let Said { ratings, others, simulated } = said;
    DayStatistics {
        began_at: Some(Timestamp { seconds: i64::from(number) * i64::from(DAY), nanos: 0 }),
        ratings: ratings.into(),
        others: others.into(),
        simulated: simulated.into(),
    }
}

fn spread(spread: &Spread) -> SpreadMessage {
    SpreadMessage {
        shares: spread.shares.clone(),
        gini: spread.gini,
        coverage: spread.coverage,
        readers: count(spread.readers),
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
