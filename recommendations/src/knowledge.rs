//! What answers are made of, all of one moment: the catalogue, the model that is bound to it, and what is popular.
//!
//! It is made anew when one of them changes, and swapped whole; histories are read from [`Ratings`] by each call.

use std::{
    cell::RefCell,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};

use crate::{
    catalogue::{Catalogue, place_of},
    loading::{Current, Snapshot},
    models::{self, Event, Model, Opinion, Recommended, Says, Scratch},
    ratings::{Entry, FIRST_SIMULATED, Ratings, Shelf},
    readers::now,
    recommend::{Likeness, Pick, Popularity, Ranker, Reason, Resembling, Source},
};

/// How often it is looked whether something has changed.
const LOOK: Duration = Duration::from_millis(200);
/// Popularity is counted again for no more than this share of the time, though ratings may come without an end.
const SHARE: u32 = 20;

/// The model that answers, with what names it and its books.
#[derive(Debug)]
pub struct Served {
    /// Its name for ever.
    pub version: String,
    /// Whether it was trained on simulated readers.
    pub simulated: bool,
    /// The model, to which books are numbers from 0.
    pub model: Model,
    /// The catalogue's number of each of its books, ascending.
    pub books: Vec<i32>,
}

/// The model of the moment, if there is one. Clones see the same one.
pub type Active = Arc<ArcSwapOption<Served>>;

/// See the [module](self).
pub struct Knowledge {
    /// The books.
    pub snapshot: Arc<Snapshot>,
    /// What knows which books go together.
    pub model: Option<Bound>,
    /// What many readers like.
    pub popularity: Popularity,
    /// Which books resemble each other, whoever reads them.
    pub likeness: Arc<Likeness>,
    /// Whether simulated readers had a part in it.
    pub simulated: bool,
}

/// What is known at the moment. Clones see the same.
#[derive(Clone)]
pub struct Known(Arc<ArcSwap<Knowledge>>);

impl Known {
    /// What is known at the moment, which stays as it is while it is held.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Knowledge>> {
        self.0.load()
    }
}

/// Keeps [`Known`] up to date.
pub struct Keeper {
    current: Current,
    ratings: Ratings,
    active: Active,
    known: Known,
}

impl Keeper {
    /// Puts together what is known now. Takes some time where there are many ratings.
    #[must_use]
    pub fn start(current: Current, ratings: Ratings, active: Active) -> Self {
        let knowledge = Knowledge::new(&current, &ratings, &active, None);
        let known = Known(Arc::new(ArcSwap::from_pointee(knowledge)));
        Self { current, ratings, active, known }
    }

    /// Where what is known at the moment is found.
    #[must_use]
    pub fn known(&self) -> Known {
        self.known.clone()
    }

    /// Until `end`.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let keeper = Arc::new(self);
        let keeping = async {
            let mut counted = keeper.ratings.revision();
            let mut rested = Instant::now();
            loop {
                tokio::time::sleep(LOOK).await;
                let revision = keeper.ratings.revision();
                let recount = revision != counted && Instant::now() >= rested;
                if !recount && !keeper.is_stale() {
                    continue;
                }
                let start = Instant::now();
                let worker = Arc::clone(&keeper);
                let made = tokio::task::spawn_blocking(move || worker.renew(recount)).await;
                match made {
                    Ok(()) if recount => {
                        counted = revision;
                        rested = Instant::now() + start.elapsed() * SHARE;
                    }
                    Ok(()) => {}
                    Err(error) => tracing::error!(%error, "cannot put together what is known"),
                }
            }
        };
        tokio::select! {
            () = keeping => {}
            () = end => {}
        }
    }

    fn is_stale(&self) -> bool {
        let known = self.known.load();
        let model = self.active.load();
        let bound = known.model.as_ref().map(|bound| &bound.served);
        !Arc::ptr_eq(&known.snapshot, &self.current.load())
            || model.as_ref().map(Arc::as_ptr) != bound.map(Arc::as_ptr)
    }

    fn renew(&self, recount: bool) {
        let before = self.known.0.load_full();
        let known = Knowledge::new(&self.current, &self.ratings, &self.active, Some((&*before, recount)));
        self.known.0.store(Arc::new(known));
    }
}

impl Knowledge {
    /// With what was known before, as far as it holds for the same catalogue; ratings may have to be counted again.
    fn new(current: &Current, ratings: &Ratings, active: &Active, before: Option<(&Self, bool)>) -> Self {
        let snapshot = current.load_full();
        let same = before.filter(|(before, _)| Arc::ptr_eq(&before.snapshot, &snapshot));
        let (popularity, simulated) = match same {
            Some((before, false)) => (before.popularity.clone(), before.simulated),
            _ => count(&snapshot.catalogue, ratings),
        };
        let likeness = match same {
            Some((before, _)) => Arc::clone(&before.likeness),
            None => Arc::new(Likeness::of(&snapshot.catalogue)),
        };
        let model = active.load_full().map(|served| Bound::new(served, &snapshot.catalogue));
        Self { snapshot, model, popularity, likeness, simulated }
    }

    /// Asks what resembles the books of a history.
    pub fn resembling(&self, history: &[Entry]) -> Resembling<'_> {
        let says = Says::default();
        let liked = history.iter().filter_map(|entry| match opinion(entry) {
            Opinion::Positive => Some((entry.book, says.positive)),
            Opinion::Wanted => Some((entry.book, says.wanted)),
            Opinion::Neutral | Opinion::Negative => None,
        });
        self.likeness.ask(&self.snapshot.catalogue, liked)
    }
}

/// What is popular, and whether simulated readers had a part in it.
fn count(catalogue: &Catalogue, ratings: &Ratings) -> (Popularity, bool) {
    let now = now();
    let ratings = ratings.snapshot();
    let mut simulated = false;
    let likes = ratings.iter().inspect(|(reader, _)| simulated |= *reader >= FIRST_SIMULATED).flat_map(
        |(_, history)| {
            history
                .iter()
                .filter(|entry| opinion(entry) == Opinion::Positive)
                .map(|entry| (entry.book, 1.0, now.saturating_sub(entry.changed)))
        },
    );
    let popularity = Popularity::new(catalogue, likes);
    (popularity, simulated)
}

/// What an entry says of a reader's taste. What was chosen without being rated was liked enough to be chosen; what was given
/// up unrated, or only is owned, says nothing.
#[must_use]
pub fn opinion(entry: &Entry) -> Opinion {
    if entry.dismissed() {
        return Opinion::Negative;
    }
    if let Some(stars) = entry.stars {
        return Opinion::of(Some(stars.value()));
    }
    match entry.shelf {
        Shelf::Read | Shelf::Reading => Opinion::Positive,
        Shelf::DidNotFinish => Opinion::Neutral,
        Shelf::None | Shelf::WantToRead if entry.interacted() => Opinion::Positive,
        Shelf::WantToRead => Opinion::Wanted,
        Shelf::None => Opinion::Neutral,
    }
}

/// A model whose books are found in one catalogue: 4 bytes for each book of either.
pub struct Bound {
    served: Arc<Served>,
    /// Of each of the model's books the place in the catalogue, or [`GONE`].
    places: Vec<u32>,
    /// The other way round.
    numbers: Vec<u32>,
}

/// A book that the catalogue does not have any more, or that the model does not have yet.
const GONE: u32 = u32::MAX;

/// What a question needs besides the model, kept by the thread from one to the next.
#[derive(Default)]
struct Bench {
    scratch: Scratch,
    events: Vec<Event>,
    explained: Vec<Recommended>,
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::default();
}

impl Bound {
    fn new(served: Arc<Served>, catalogue: &Catalogue) -> Self {
        let place = |&id: &i32| catalogue.book(id).map_or(GONE, |book| book.place());
        let places: Vec<u32> = served.books.iter().map(place).collect();
        let mut numbers = vec![GONE; catalogue.len()];
        for (&place, number) in places.iter().zip(0..) {
            if let Some(known) = numbers.get_mut(place as usize) {
                *known = number;
            }
        }
        Self { served, places, numbers }
    }

    /// Its name.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.served.version
    }

    /// Whether it was trained on simulated readers.
    #[must_use]
    pub fn simulated(&self) -> bool {
        self.served.simulated
    }

    /// Asks with a reader's history.
    pub fn ask(&self, history: &[Entry]) -> Asking<'_> {
        let events = history.iter().filter_map(|entry| {
            let book = self.number(entry.book)?;
            Some(Event { book, opinion: opinion(entry) })
        });
        self.asked(About::Reader, events)
    }

    /// Asks what goes together with one book.
    pub fn similar(&self, book: i32) -> Asking<'_> {
        let book = self.number(book).map(|book| Event { book, opinion: Opinion::Positive });
        self.asked(About::Book, book.into_iter())
    }

    fn asked(&self, about: About, events: impl Iterator<Item = Event>) -> Asking<'_> {
        let mut bench = BENCH.take();
        bench.events.clear();
        bench.events.extend(events);
        Asking { bound: self, about, bench }
    }

    fn number(&self, book: i32) -> Option<u32> {
        place_of(&self.served.books, book).and_then(|number| u32::try_from(number).ok())
    }
}

/// What a question to a model is about.
#[derive(Clone, Copy)]
enum About {
    /// What a reader likes: popular books may be among it where the model says so.
    Reader,
    /// What goes together with a book: another one is no more so for being popular.
    Book,
}

/// A question to a model.
pub struct Asking<'a> {
    bound: &'a Bound,
    about: About,
    bench: Bench,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        BENCH.set(std::mem::take(&mut self.bench));
    }
}

impl Ranker for Asking<'_> {
    fn rank(&mut self, count: usize, allowed: &mut dyn FnMut(u32) -> bool) -> Vec<Pick> {
        let Self { bound, about, bench: Bench { scratch, events, .. } } = self;
        if events.is_empty() {
            return Vec::new();
        }
        let may = |book: u32| {
            let place = bound.places[book as usize];
            place != GONE && allowed(place)
        };
        let model = &bound.served.model;
        let ranked = match about {
            About::Reader => model.fitting(events, count, may, scratch),
            About::Book => model.together(events, count, may, scratch),
        };
        let pick = |it: &Recommended| Pick {
            place: bound.places[it.book as usize],
            score: it.score,
            reason: Reason::Taste,
        };
        ranked.iter().map(pick).collect()
    }

    fn explain(&mut self, picks: &mut [Pick]) {
        let Self { bound, bench: Bench { scratch, explained, .. }, .. } = self;
        let served = &bound.served;
        let ranked = |pick: &Pick| {
            let number = bound.numbers.get(pick.place as usize).filter(|&&number| number != GONE);
            number.copied().filter(|_| pick.reason == Reason::Taste)
        };
        explained.clear();
        explained.extend(picks.iter().filter_map(|pick| {
            let (book, score) = (ranked(pick)?, pick.score);
            Some(Recommended { book, score, reason: models::Reason::Taste })
        }));
        served.model.explain(explained, scratch);
        let source = |book: u32, contribution| Source { book: served.books[book as usize], contribution };
        for (pick, explained) in picks.iter_mut().filter(|pick| ranked(pick).is_some()).zip(&*explained) {
            pick.reason = match explained.reason {
                models::Reason::Liked { book, contribution } => Reason::Liked(source(book, contribution)),
                models::Reason::Alike { book, contribution } => Reason::Similar(source(book, contribution)),
                models::Reason::Taste => Reason::Taste,
                models::Reason::Popular => Reason::Popular,
            };
        }
    }
}
