//! What readers say by day, and how likes and recommendations are spread over the books.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::State, http::HeaderMap, response::Response};
use protobufs::models::{DayStatistics, GetStatisticsResponse, Spread};
use service::trace::TraceContext;

use super::{Desk, Figure, Place};
use crate::{
    figures::{count, day, percent, three},
    operators::Operator,
    plots::{Bar, Curve, bars, spreads},
    shop::Shop,
};

/// How far back it goes.
const DAYS: i32 = 30;

#[derive(Template)]
#[template(path = "operators/ratings.html")]
struct Page {
    desk: Desk,
    readers: String,
    entries: String,
    books: String,
    simulated: Option<String>,
    /// Given in the days that are shown.
    lately: String,
    days: Figure,
    rows: Vec<DayRow>,
    likes: Option<Words>,
    recommendations: Option<Words>,
    version: String,
    spread: Option<Figure>,
    shares: Vec<ShareRow>,
}

struct DayRow {
    day: String,
    ratings: String,
    others: String,
    simulated: String,
}

/// A spread in words.
struct Words {
    /// What the first tenth of the books has.
    tenth: String,
    gini: String,
    coverage: String,
    readers: String,
}

struct ShareRow {
    books: String,
    likes: String,
    recommendations: String,
}

/// `GET /operators/ratings`
pub(super) async fn page(
    State(shop): State<Arc<Shop>>,
    operator: Operator,
    Extension(trace): Extension<TraceContext>,
    request: HeaderMap,
) -> Response {
    let desk = Desk::new(&shop, operator, &request, "Ratings", Place::Ratings);
    match shop.client.statistics(&trace, DAYS).await {
        Ok(statistics) => desk.show(&Page::new(desk.clone(), &statistics)),
        Err(error) => desk.trouble(&error),
    }
}

impl Page {
    fn new(desk: Desk, statistics: &GetStatisticsResponse) -> Self {
        let simulated = statistics.simulated_readers > 0;
        let some = |spread: &Option<Spread>| spread.clone().filter(|spread| !spread.shares.is_empty());
        let (likes, recommended) = (some(&statistics.likes), some(&statistics.recommendations));
        let ratings = |day: &DayStatistics| day.ratings;
        Self {
            desk,
            readers: count(statistics.readers),
            entries: count(statistics.entries),
            books: count(statistics.books),
            simulated: simulated.then(|| count(statistics.simulated_readers)),
            lately: count(statistics.days.iter().map(ratings).sum()),
            days: by_day(&statistics.days),
            rows: statistics.days.iter().rev().map(DayRow::new).collect(),
            spread: spread(likes.as_ref(), recommended.as_ref()),
            shares: shares(likes.as_ref(), recommended.as_ref()),
            likes: likes.as_ref().map(Words::new),
            recommendations: recommended.as_ref().map(Words::new),
            version: statistics.model_version.clone(),
        }
    }
}

fn by_day(days: &[DayStatistics]) -> Figure {
    let bar = |it: &DayStatistics| {
        let mut words =
            format!("{}: {} with stars, {} without", began(it), count(it.ratings), count(it.others));
        if it.simulated > 0 {
            words += &format!(", {} simulated", count(it.simulated));
        }
        let parts = vec![
            ("rated", it.ratings as f64),
            ("others", it.others as f64),
            ("made-up", it.simulated as f64),
        ];
        Bar { words, parts }
    };
    let all: Vec<Bar> = days.iter().map(bar).collect();
    // The first, the last, and those that stand at even distances between them.
    let last = days.len().saturating_sub(1);
    let below = (0..4).filter_map(|part| days.get(last * part / 3)).map(began).collect();
    let total: i64 = days.iter().map(|it| it.ratings + it.others).sum();
    let most = days.iter().max_by_key(|it| it.ratings + it.others).filter(|_| total > 0);
    let most = most
        .map_or(String::new(), |it| format!(", most on {}: {}", began(it), count(it.ratings + it.others)));
    let words =
        format!("What readers said in each of the last {} days: {} in all{most}", days.len(), count(total));
    Figure { name: "By day", about: "", plot: bars(&all, below, &words) }
}

fn spread(likes: Option<&Spread>, recommended: Option<&Spread>) -> Option<Figure> {
    let curve = |class, spread: Option<&'_ Spread>| Some((class, spread?.shares.clone()));
    let curves: Vec<_> =
        [curve("recommended", recommended), curve("likes", likes)].into_iter().flatten().collect();
    if curves.is_empty() {
        return None;
    }
    let told = |what: &str, spread: Option<&Spread>| {
        spread.map_or(String::new(), |spread| {
            format!(" The first tenth of the books has {} of {what}.", percent(tenth(spread)))
        })
    };
    let words = format!(
        "Shares by books, the most frequent first.{}{}",
        told("all likes", likes),
        told("all recommendations", recommended)
    );
    let curves: Vec<Curve<'_>> = curves.iter().map(|(class, shares)| Curve { class, shares }).collect();
    Some(Figure { name: "Shares by books", about: "", plot: spreads(&curves, &words) })
}

/// Every tenth of the books.
fn shares(likes: Option<&Spread>, recommended: Option<&Spread>) -> Vec<ShareRow> {
    let at = |spread: Option<&Spread>, place: usize| {
        spread.and_then(|spread| spread.shares.get(place)).map_or("–".to_owned(), |share| percent(*share))
    };
    [1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
        .map(|place| ShareRow {
            books: format!("{place} %"),
            likes: at(likes, place),
            recommendations: at(recommended, place),
        })
        .into()
}

fn tenth(spread: &Spread) -> f64 {
    spread.shares.get(10).copied().unwrap_or_default()
}

fn began(it: &DayStatistics) -> String {
    day(it.began_at.as_ref().map_or(0, |at| at.seconds))
}

impl DayRow {
    fn new(it: &DayStatistics) -> Self {
        Self {
            day: began(it),
            ratings: count(it.ratings),
            others: count(it.others),
            simulated: count(it.simulated),
        }
    }
}

impl Words {
    fn new(spread: &Spread) -> Self {
        Self {
            tenth: percent(tenth(spread)),
            gini: three(spread.gini),
            coverage: percent(spread.coverage),
            readers: count(spread.readers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_ranks_nothing_is_not_missing() {
        let some = Spread { shares: vec![0.0, 1.0], gini: 0.5, coverage: 0.5, readers: 3 };
        let shown = |recommendations, version: &str| {
            let statistics = GetStatisticsResponse {
                likes: Some(some.clone()),
                recommendations,
                model_version: version.to_owned(),
                ..Default::default()
            };
            Page::new(Desk::bare("Ratings"), &statistics).render().unwrap()
        };
        assert!(shown(None, "").contains("no model answers"));
        let idle = shown(Some(Spread { readers: 3, ..Spread::default() }), "7-slim-ab");
        assert!(
            !idle.contains("no model answers") && idle.contains("7-slim-ab answers, but ranks no book"),
            "{idle}"
        );
        let all = shown(Some(some.clone()), "7-slim-ab");
        assert!(!all.contains("There are no recommendations") && all.contains("the first ten of 7-slim-ab"));
    }
}
