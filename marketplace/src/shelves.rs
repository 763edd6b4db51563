//! The home page but for its first list, and the catalogue's outline, kept rendered in memory.
//!
//! Stale while revalidating: whoever finds them old asks for new ones and takes the old ones. One task
//! fetches, however many ask, and none fetches while nobody looks.

pub(crate) mod front;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::future::try_join_all;
use service::trace::TraceContext;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};

use crate::{
    cards::Cards,
    catalogue::{Catalogue, Category},
    client::{CallError, Client},
    config::PublicUrl,
    fragment::Fragment,
    layout::Layout,
};

/// How old shelves may be before new ones are fetched.
const FRESH: Duration = Duration::from_secs(5);
/// How long to wait after a failure. Short, so that a server that is back is noticed within a second.
const PAUSE: Duration = Duration::from_millis(400);
/// How many shelves the home page has, and how many books each.
const SHELVES: usize = 4;
const BOOKS: i32 = 6;

/// The shelves as they are now, and who keeps them.
pub(crate) struct Shelves {
    now: watch::Receiver<Arc<Shown>>,
    wanted: Arc<Notify>,
    deadline: Duration,
}

/// What was fetched last.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) catalogue: Catalogue,
    /// The home page before and after the first list.
    pub(crate) home: front::Halves,
    /// When; `None` if nothing has been fetched yet.
    fetched: Option<Instant>,
    /// Whether the last fetch failed.
    failing: bool,
}

/// A shelf of one category.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) category: Category,
    /// The books' cards, rendered.
    pub(crate) cards: Vec<Arc<Fragment>>,
}

impl Shelves {
    /// Starts the task that fetches. It ends when the shelves are dropped.
    pub(crate) fn start(client: Client, public_url: Option<PublicUrl>, deadline: Duration) -> Self {
        let (keeper, now) =
            watch::channel(Arc::new(Shown::new(Catalogue::default(), &[], public_url.as_ref(), None)));
        let wanted = Arc::new(Notify::new());
        tokio::spawn(keep(keeper, Arc::clone(&wanted), client, public_url));
        Self { now, wanted, deadline }
    }

    /// What there is, at once.
    pub(crate) fn now(&self) -> Arc<Shown> {
        let now = Arc::clone(&self.now.borrow());
        if now.fetched.is_none_or(|fetched| fetched.elapsed() > FRESH) {
            self.wanted.notify_one();
        }
        now
    }

    /// What there is; if nothing has ever been fetched, waits for the fetch under way, at most for a call's
    /// deadline.
    pub(crate) async fn first(&self) -> Arc<Shown> {
        let mut receiver = self.now.clone();
        let now = Arc::clone(&receiver.borrow_and_update());
        if now.fetched.is_some() || now.failing {
            return self.now();
        }
        self.wanted.notify_one();
        _ = timeout(self.deadline, receiver.changed()).await;
        self.now()
    }
}

impl Shown {
    /// Whether anything has ever been fetched.
    pub(crate) fn known(&self) -> bool {
        self.fetched.is_some()
    }

    fn new(
        catalogue: Catalogue,
        shelves: &[Shelf],
        public_url: Option<&PublicUrl>,
        fetched: Option<Instant>,
    ) -> Self {
        let layout = Layout::new(front::TITLE.to_owned(), "/".to_owned(), public_url, &catalogue);
        let home = front::Halves::render(layout, &catalogue, shelves);
        Self { catalogue, home, fetched, failing: false }
    }
}

async fn keep(
    keeper: watch::Sender<Arc<Shown>>,
    wanted: Arc<Notify>,
    client: Client,
    public_url: Option<PublicUrl>,
) {
    let cards = Cards::default();
    loop {
        tokio::select! {
            () = wanted.notified() => {}
            () = keeper.closed() => return,
        }
        match fetch(&client, &cards).await {
            Ok((catalogue, shelves)) => {
                let shown = Shown::new(catalogue, &shelves, public_url.as_ref(), Some(Instant::now()));
                keeper.send_replace(Arc::new(shown));
            }
            Err(_) => {
                // The client has logged why. Those who wait learn that they wait in vain; the old shelves
                // stay.
                keeper.send_modify(|shown| Arc::make_mut(shown).failing = true);
                sleep(PAUSE).await;
                if keeper.borrow().fetched.is_none() {
                    // Nobody should meet a page without shelves just because nobody has asked since the
                    // server's return.
                    wanted.notify_one();
                }
            }
        }
    }
}

async fn fetch(client: &Client, cards: &Cards) -> Result<(Catalogue, Vec<Shelf>), CallError> {
    // Background work belongs to no request.
    let trace = TraceContext::root(0.0);
    let answer = client.categories(&trace).await?;
    let categories = answer.categories.into_iter().map(|category| Category {
        number: category.number,
        slug: category.slug,
        name: category.name,
        books: category.books,
    });
    let catalogue = Catalogue { categories: categories.collect(), books: answer.total_books };
    let chosen = choose(&catalogue, today());
    let answers = chosen.iter().map(|category| client.recommend(&trace, 0, category.number, BOOKS));
    let answers = try_join_all(answers).await?;
    let filled = chosen.into_iter().zip(answers).filter(|(_, books)| !books.is_empty());
    let shelves = filled.map(|(category, books)| Shelf {
        category: category.clone(),
        cards: books.iter().map(|book| cards.card(book, &catalogue)).collect(),
    });
    let shelves = shelves.collect();
    Ok((catalogue, shelves))
}

/// Other shelves every day, spread over the catalogue, and full ones if there are any. Mystery has its place at
/// the top.
fn choose(catalogue: &Catalogue, day: u64) -> Vec<&Category> {
    let rest: Vec<_> = catalogue.stocked().filter(|category| category.number != front::MYSTERY).collect();
    let full: Vec<_> = rest.iter().copied().filter(|category| category.books >= BOOKS).collect();
    let rest = if full.is_empty() { rest } else { full };
    let count = rest.len().min(SHELVES);
    (0..count).map(|shelf| rest[(day as usize + shelf * rest.len() / count) % rest.len()]).collect()
}

fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400)
}
