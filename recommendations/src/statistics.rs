//! What operators look at: how much is said by day, and how unevenly likes and recommendations are spread over the books.
//! No transport, no SQL.
//!
//! It costs one pass over all entries, a few nanoseconds each, and at most [`BUDGET`] for what the model recommends, on a
//! thread of its own, one count at a time. What was counted is given out again until it is older than [`KEPT`], and than
//! [`SHARE`] times what it took, so that no number of questions takes more than a small share of a processor.

mod spread;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use rand::seq::SliceRandom as _;
use tokio::{sync::Semaphore, task::JoinError};

pub use self::spread::{SHARES, Spread};

use crate::{
    knowledge::{Bound, Knowledge, Known, opinion},
    models::Opinion,
    ratings::{Entry, FIRST_SIMULATED, Ratings},
    readers::now,
    recommend::Ranker as _,
};

/// Seconds of a day.
pub const DAY: u32 = 24 * 3600;
/// How many days are counted.
pub const DAYS: usize = 366;
/// How long what was counted is good for.
pub const KEPT: Duration = Duration::from_secs(2);
/// How many times what counting took it is good for, if that is longer.
const SHARE: u32 = 20;
/// How many readers' recommendations are looked at, and how many of each.
const ASKED: usize = 1_000;
const FIRST: usize = 10;
/// How long may be spent on them.
const BUDGET: Duration = Duration::from_millis(300);

/// What was said on one day. Of each reader and book the last change counts alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// With stars.
    pub ratings: u32,
    /// Anything else.
    pub others: u32,
    /// By simulated readers, who are in neither.
    pub simulated: u32,
}

/// All of it, of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Of each of the last [`DAYS`] days (UTC), the last one being today.
    pub said: Vec<Said>,
    /// The number of today, from 0 on the first of January 1970.
    pub today: u32,
    /// Readers who have said anything, simulated ones left out.
    pub readers: usize,
    /// How much they have said.
    pub entries: usize,
    /// Simulated readers.
    pub simulated_readers: usize,
    /// Books of the catalogue.
    pub books: usize,
    /// How likes are spread, decayed as in [`crate::recommend::Popularity`].
    pub likes: Spread,
    /// How the first ten of each reader are spread, and whose they are: the model's version.
    pub recommendations: Option<(String, Spread)>,
}

/// Counts when it is asked. Clones share what was counted.
#[derive(Clone)]
pub struct Counted(Arc<Inner>);

struct Inner {
    known: Known,
    ratings: Ratings,
    last: ArcSwapOption<Count>,
    turn: Arc<Semaphore>,
}

struct Count {
    statistics: Arc<Statistics>,
    /// Until when it is good.
    until: Instant,
}

impl Counted {
    /// Counts what is known there. Nothing is counted yet.
    #[must_use]
    pub fn new(known: Known, ratings: Ratings) -> Self {
        let turn = Arc::new(Semaphore::new(1));
        Self(Arc::new(Inner { known, ratings, last: ArcSwapOption::empty(), turn }))
    }

    /// What was counted lately, or else counts anew. A count that nobody waits for any more goes on, and is kept.
    ///
    /// # Errors
    ///
    /// If the thread that counts panics, or the process ends.
    pub async fn count(&self) -> Result<Arc<Statistics>, JoinError> {
        if let Some(good) = self.good() {
            return Ok(good);
        }
        let turn = Arc::clone(&self.0.turn).acquire_owned().await.expect("it is never closed");
        let counted = self.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            // Whoever had the turn before may have counted it.
            if let Some(good) = counted.good() {
                return good;
            }
            let start = Instant::now();
            let statistics = Arc::new(counted.now());
            let until = Instant::now() + KEPT.max(start.elapsed() * SHARE);
            let count = Count { statistics: Arc::clone(&statistics), until };
            counted.0.last.store(Some(Arc::new(count)));
            statistics
        })
        .await
    }

    fn good(&self) -> Option<Arc<Statistics>> {
        let last = self.0.last.load();
        let good = last.as_ref().filter(|count| Instant::now() < count.until)?;
        Some(Arc::clone(&good.statistics))
    }

    fn now(&self) -> Statistics {
        let knowledge = self.0.known.load();
        let ratings = self.0.ratings.snapshot();
        let today = now() / DAY;
        let mut statistics = Statistics {
            said: vec![Said::default(); DAYS],
            today,
            readers: 0,
            entries: 0,
            simulated_readers: 0,
            books: knowledge.snapshot.catalogue.len(),
            likes: Spread::default(),
            recommendations: None,
        };
        let mut likers = 0;
        let step = ratings.readers().div_ceil(ASKED).max(1);
        let mut asked: Vec<&[Entry]> = Vec::with_capacity(ASKED);
        for (place, (reader, history)) in ratings.iter().enumerate() {
            if place.is_multiple_of(step) {
                asked.push(history);
            }
            likers += usize::from(history.iter().any(|entry| opinion(entry) == Opinion::Positive));
            let simulated = reader >= FIRST_SIMULATED;
            if simulated {
                statistics.simulated_readers += 1;
            } else {
                statistics.readers += 1;
                statistics.entries += history.len();
            }
            for entry in history {
                // What is said to be of tomorrow is of today.
                let age = today.saturating_sub(entry.changed / DAY) as usize;
                let Some(place) = DAYS.checked_sub(age + 1) else { continue };
                let said = &mut statistics.said[place];
                match (simulated, entry.stars) {
                    (true, _) => said.simulated += 1,
                    (false, Some(_)) => said.ratings += 1,
                    (false, None) => said.others += 1,
                }
            }
        }
        let places = 0..u32::try_from(statistics.books).unwrap_or(u32::MAX);
        let worth = places.map(|place| f64::from(knowledge.popularity.worth(place))).collect();
        statistics.likes = Spread::new(worth, likers);
        statistics.recommendations = knowledge
            .model
            .as_ref()
            .filter(|_| !asked.is_empty())
            .map(|model| (model.version().to_owned(), recommended(&knowledge, model, asked)));
        statistics
    }
}

/// How the model's first ten are spread over the books: of these readers, in no order, as many as there is time for.
fn recommended(knowledge: &Knowledge, model: &Bound, mut readers: Vec<&[Entry]>) -> Spread {
    readers.shuffle(&mut rand::rng());
    let catalogue = &knowledge.snapshot.catalogue;
    let mut shown = vec![0.0; catalogue.len()];
    let (start, mut asked) = (Instant::now(), 0);
    for history in readers {
        if asked > 0 && start.elapsed() >= BUDGET {
            break;
        }
        let known: Vec<u32> = history
            .iter()
            .filter(|entry| entry.excludes())
            .filter_map(|entry| catalogue.book(entry.book).map(|book| book.place()))
            .collect();
        let mut new = |place: u32| !known.contains(&place);
        for pick in model.ask(history).rank(FIRST, &mut new) {
            shown[pick.place as usize] += 1.0;
        }
        asked += 1;
    }
    Spread::new(shown, asked)
}
