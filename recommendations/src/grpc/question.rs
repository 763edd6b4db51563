//! A `RecommendationRequest` as a type that cannot be wrong.

use protobufs::recommendations::{RecommendationRequest, SessionRating, Strategy};

use super::{
    parse::{self, MaxResults, ReaderId},
    status::{CallError, Violation},
};
use crate::{
    ratings::{Entry, Marks, Shelf},
    readers::now,
    recommend::{Question, Shelves},
};

/// The longest lists that a question may bring along.
const MAX_CATEGORIES: usize = 100;
const MAX_EXCLUDED: usize = 10_000;
const MAX_SESSION: usize = 1_000;

/// What is asked for, and by whom.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) reader: ReaderId,
    pub(super) count: usize,
    /// `None`: all.
    categories: Option<Vec<i32>>,
    /// Books that are not wanted, by number.
    pub(super) exclude: Vec<i32>,
    language: String,
    years: (Option<i32>, Option<i32>),
    /// `None`: what is configured.
    pub(super) strategy: Option<Strategy>,
    pub(super) diversity: Option<f32>,
    pub(super) exploration: Option<f32>,
    pub(super) seed: Option<u64>,
    /// What the reader has just said, in the order of books, none twice.
    pub(super) session: Vec<Entry>,
    uncapped: bool,
}

impl Asked {
    pub(super) fn parse(request: RecommendationRequest, max_results: usize) -> Result<Self, CallError> {
        let mut wrong = Vec::new();
        let mut check = |holds: bool, field, description| {
            if !holds {
                wrong.push(Violation { field, description });
            }
        };
        let RecommendationRequest { categories, exclude_ids, session_ratings, language, .. } = request;
        check(categories.len() <= MAX_CATEGORIES, "categories", "must be at most 100");
        check(!request.all_categories || categories.is_empty(), "all_categories", "excludes categories");
        check(exclude_ids.len() <= MAX_EXCLUDED, "exclude_ids", "must be at most 10,000");
        check(session_ratings.len() <= MAX_SESSION, "session_ratings", "must be at most 1,000");
        check(language.len() <= 35, "language", "must be a BCP 47 tag");
        let share = |value: Option<f32>| value.is_none_or(|value| (0.0..=1.0).contains(&value));
        check(share(request.diversity), "diversity", "must be 0 to 1");
        check(share(request.exploration), "exploration", "must be 0 to 1");
        let strategy = Strategy::try_from(request.strategy);
        check(strategy.is_ok(), "strategy", "is not known");
        let reader = ReaderId::parse("user_id", request.user_id);
        let count = MaxResults::parse("max_results", request.max_results, max_results);
        let now = now();
        let mut session = Vec::with_capacity(session_ratings.len().min(MAX_SESSION));
        for rating in session_ratings.iter().take(MAX_SESSION) {
            match said(rating, now) {
                Ok(entry) => session.push(entry),
                Err(violation) => wrong.push(violation),
            }
        }
        let (reader, count) = match (reader, count) {
            (Ok(reader), Ok(count)) if wrong.is_empty() => (reader, count),
            (reader, count) => {
                wrong.extend(reader.err());
                wrong.extend(count.err());
                return Err(CallError::Invalid(wrong));
            }
        };
        // Of several about the same book the last counts.
        session.reverse();
        session.sort_by_key(|entry| entry.book);
        session.dedup_by_key(|entry| entry.book);
        let categories = match (request.all_categories, categories.is_empty()) {
            (true, _) => None,
            (false, true) => Some(vec![request.category]),
            (false, false) => Some(categories),
        };
        Ok(Self {
            reader,
            count: count.get(),
            categories,
            exclude: exclude_ids,
            language,
            years: (request.from_year, request.to_year),
            strategy: strategy.ok().filter(|&strategy| strategy != Strategy::Unspecified),
            diversity: request.diversity,
            exploration: request.exploration,
            seed: request.seed,
            session,
            uncapped: request.uncapped,
        })
    }

    /// The question, with `exclude` in place of its own.
    pub(super) fn question<'a>(
        &'a self,
        exclude: &'a [i32],
        diversity: f32,
        exploration: f32,
    ) -> Question<'a> {
        Question {
            shelves: self.categories.as_deref().map_or(Shelves::All, Shelves::Of),
            count: self.count,
            exclude,
            language: &self.language,
            years: self.years,
            diversity,
            exploration,
            capped: !self.uncapped,
        }
    }
}

/// What somebody says of one book, now.
fn said(rating: &SessionRating, now: u32) -> Result<Entry, Violation> {
    let book = parse::book_id("session_ratings.book_id", rating.book_id)?;
    let stars = match rating.stars {
        0.0 => None,
        stars => Some(parse::stars("session_ratings.stars", stars)?),
    };
    let shelf = u8::try_from(rating.shelf)
        .ok()
        .and_then(Shelf::from_number)
        .ok_or(Violation { field: "session_ratings.shelf", description: "must be 0 to 4" })?;
    let marks = Marks::NONE.with(Marks::DISMISSED, rating.dismissed).with(Marks::OWNED, rating.owned);
    let marks = marks.with(Marks::INTERACTED, rating.interacted);
    Ok(Entry { book, changed: now, stars, shelf, marks })
}

#[cfg(test)]
mod tests {
    use protobufs::recommendations::{RecommendationRequest, SessionRating};

    use super::Asked;
    use crate::grpc::status::CallError;

    fn wrong(request: RecommendationRequest) -> Vec<&'static str> {
        match Asked::parse(request, 10) {
            Err(CallError::Invalid(violations)) => violations.iter().map(|it| it.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let rating = |book_id, stars, shelf| SessionRating { book_id, stars, shelf, ..Default::default() };
        let request = RecommendationRequest {
            user_id: -1,
            max_results: -1,
            categories: vec![1; 101],
            all_categories: true,
            exclude_ids: vec![1; 10_001],
            language: "x".repeat(36),
            strategy: 99,
            diversity: Some(f32::NAN),
            exploration: Some(1.5),
            session_ratings: vec![rating(0, 1.0, 0), rating(1, 0.7, 0), rating(1, 1.0, 9)],
            ..Default::default()
        };
        let mut fields = wrong(request);
        fields.sort_unstable();
        let mut expected = vec![
            "user_id",
            "max_results",
            "categories",
            "all_categories",
            "exclude_ids",
            "language",
            "strategy",
            "diversity",
            "exploration",
            "session_ratings.book_id",
            "session_ratings.stars",
            "session_ratings.shelf",
        ];
        expected.sort_unstable();
        assert_eq!(fields, expected);
    }

    #[test]
    fn the_last_word_on_a_book_counts() {
        let rating = |book_id, stars| SessionRating { book_id, stars, ..Default::default() };
        let session_ratings = vec![rating(7, 1.0), rating(3, 2.0), rating(7, 5.0)];
        let request = RecommendationRequest { max_results: 3, session_ratings, ..Default::default() };
        let session = Asked::parse(request, 10).unwrap().session;
        let said: Vec<_> =
            session.iter().map(|entry| (entry.book, entry.stars.map(|stars| stars.value()))).collect();
        assert_eq!(said, [(3, Some(2.0)), (7, Some(5.0))]);
    }
}
