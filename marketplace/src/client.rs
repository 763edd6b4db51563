//! How the storefront asks recommendations: the only module that knows the gRPC client.
//!
//! One HTTP/2 connection is held open to each address of each host, and reconnected by itself; nothing is opened before
//! the first call. A call passes through the modules in the order in which they are declared: [`together`] lets
//! visitors share one, [`call`] gives it a deadline and a second chance, [`rotation`] says whose turn it is, [`line`] carries it.

mod together;
mod call;
mod budget;
mod rotation;
mod line;
mod grpc;
mod backend;
mod addresses;
mod measure;
mod readers;
mod library;
mod models;

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::HeaderValue;
use protobufs::{
    catalogue::{
        Book, GetBookRequest, GetBookResponse, ListBooksRequest, ListBooksResponse, ListCategoriesRequest,
        ListCategoriesResponse, ListSimilarBooksRequest, ListSimilarBooksResponse, SearchBooksRequest,
        SearchBooksResponse,
    },
    recommendations::{BookRecommendation, RecommendationRequest, RecommendationResponse},
};
use service::{telemetry::Metrics, tls::ClientTls, token::Token, trace::TraceContext};
use thiserror::Error;
use tokio::{sync::watch, task::AbortHandle, time::timeout};

pub use addresses::{Lookup, Resolver};
pub use library::{ImportError, Imported};
pub use models::OperatorError;
pub use protobufs::hosts::{Host, Hosts, HostsError};
pub use readers::Word;

use self::{
    addresses::Upkeep,
    budget::Budget,
    grpc::Method,
    measure::Measures,
    rotation::Rotation,
    together::{Asked, PATIENCE, Together},
};

/// Why there is no answer. What exactly went wrong is in the log.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CallError {
    /// The catalogue does not have what was asked for.
    #[error("not found")]
    NotFound,
    /// What was asked for makes no sense to recommendations.
    #[error("not a valid question")]
    Invalid,
    /// Recommendations is down, late, overloaded, or gave a wrong answer.
    #[error("recommendations is unavailable")]
    Unavailable,
}

/// Asks recommendations. Cheap to clone; all clones share connections, which close when the last clone is dropped.
///
/// A call for a page ends within the deadline that was given to [`Client::new`]. More time have what changes something (four
/// deadlines, but at most two seconds or one deadline), what operators ask for (two seconds to look, four to act), and
/// [`Client::import_library`], which ends when nothing is heard of it for a while.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    hosts: Hosts,
    tls: Option<ClientTls>,
    resolver: Resolver,
    /// How often the hosts are resolved.
    every: Duration,
    /// What guarded calls show: `Bearer …`.
    token: Option<HeaderValue>,
    /// What a sidecar between us and recommendations is told.
    app_id: Option<HeaderValue>,
    deadline: Duration,
    /// The deadline as a header, for calls that need not wait for a connection: nearly all.
    timeout: HeaderValue,
    rotation: Arc<Rotation>,
    turn: AtomicUsize,
    together: Arc<Together>,
    /// Whether ratings of simulated readers had a part in the last list for nobody in particular.
    simulated: AtomicBool,
    budget: Budget,
    measures: Measures,
    /// Asks for the hosts to be resolved again at once.
    stale: watch::Sender<()>,
    upkeep: OnceLock<AbortHandle>,
}

impl Client {
    /// A client of `hosts`. Opens nothing yet: the first call does, on the runtime that it runs on.
    ///
    /// # Panics
    ///
    /// If `metrics` already has a client.
    #[must_use]
    pub fn new(hosts: &Hosts, tls: Option<ClientTls>, deadline: Duration, metrics: &Metrics) -> Self {
        Self::with_resolver(hosts, tls, deadline, metrics, addresses::system())
    }

    /// As [`Client::new`], with addresses from elsewhere than the system's resolver.
    ///
    /// # Panics
    ///
    /// If `metrics` already has a client.
    #[must_use]
    pub fn with_resolver(
        hosts: &Hosts,
        tls: Option<ClientTls>,
        deadline: Duration,
        metrics: &Metrics,
        resolver: Resolver,
    ) -> Self {
        let measures = Measures::new(metrics);
        Self(Arc::new(Inner {
            hosts: hosts.clone(),
            tls,
            resolver,
            every: addresses::EVERY,
            deadline,
            timeout: grpc::timeout(deadline),
            rotation: Arc::new(Rotation::new(hosts.len(), measures.backends())),
            turn: AtomicUsize::new(0),
            token: None,
            app_id: None,
            together: Arc::default(),
            simulated: AtomicBool::new(false),
            budget: Budget::new(),
            measures,
            stale: watch::Sender::new(()),
            upkeep: OnceLock::new(),
        }))
    }

    /// The same client, which shows this token to servers that ask for it. To be called before the client is cloned.
    ///
    /// # Panics
    ///
    /// If it has been cloned.
    #[must_use]
    pub fn with_token(mut self, token: Option<&Token>) -> Self {
        let shown = token.map(|token| {
            let mut shown =
                HeaderValue::try_from(format!("Bearer {}", token.secret())).expect("tokens are ASCII");
            shown.set_sensitive(true);
            shown
        });
        Arc::get_mut(&mut self.0).expect("it is not cloned yet").token = shown;
        self
    }

    /// The same client, which tells a Dapr sidecar by this name whom it means. To be called before the client is cloned.
    ///
    /// # Panics
    ///
    /// If it has been cloned.
    #[must_use]
    pub fn with_app_id(mut self, app_id: Option<HeaderValue>) -> Self {
        Arc::get_mut(&mut self.0).expect("it is not cloned yet").app_id = app_id;
        self
    }

    /// The same client, which resolves its hosts so often, instead of every two seconds, where nothing makes it look at once. To be
    /// called before the client is cloned.
    ///
    /// # Panics
    ///
    /// If it has been cloned.
    #[must_use]
    pub fn resolving_every(mut self, every: Duration) -> Self {
        Arc::get_mut(&mut self.0).expect("it is not cloned yet").every = every;
        self
    }

    /// At most `max_results` books of a category for a reader; 0 is a reader of whom nothing is known.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn recommend(
        &self,
        trace: &TraceContext,
        user: i32,
        category: i32,
        max_results: i32,
    ) -> Result<Vec<BookRecommendation>, CallError> {
        let question = RecommendationRequest { user_id: user, category, max_results, ..Default::default() };
        let answer: RecommendationResponse = self.0.call(trace, Method::Recommend, &question).await?;
        if user == 0 {
            self.0.simulated.store(answer.simulated, Ordering::Relaxed);
        }
        Ok(answer.recommendations)
    }

    /// Whether ratings of simulated readers had a part in the last list for a reader of whom nothing is known.
    #[must_use]
    pub fn has_simulated(&self) -> bool {
        self.0.simulated.load(Ordering::Relaxed)
    }

    /// At most `max_results` books of a category for visitors of whom nothing is known. Those who ask the same at the same
    /// moment share a call, and so its answer.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn recommend_to_anybody(
        &self,
        trace: &TraceContext,
        category: i32,
        max_results: i32,
    ) -> Result<Arc<[BookRecommendation]>, CallError> {
        let ask = async { self.recommend(trace, 0, category, max_results).await.map(Arc::from) };
        let asked = self.0.together.ask((category, max_results), ask);
        // If those whose question others share go away, one after the other, nobody waits longer for it.
        let (books, asked) = timeout(self.0.deadline + PATIENCE, asked)
            .await
            .unwrap_or((Err(CallError::Unavailable), Asked::Alone));
        if asked == Asked::Shared {
            self.0.measures.shared();
        }
        books
    }

    /// Books for a reader, as the whole question says.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn ask(
        &self,
        trace: &TraceContext,
        question: &RecommendationRequest,
    ) -> Result<RecommendationResponse, CallError> {
        self.0.call(trace, Method::Recommend, question).await
    }

    /// Books that are similar to one.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn similar(
        &self,
        trace: &TraceContext,
        book_id: i32,
        max_results: i32,
    ) -> Result<ListSimilarBooksResponse, CallError> {
        let question = ListSimilarBooksRequest { book_id, max_results };
        self.0.call(trace, Method::ListSimilarBooks, &question).await
    }

    /// One book.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn book(&self, trace: &TraceContext, id: i32) -> Result<Book, CallError> {
        let answer: GetBookResponse = self.0.call(trace, Method::GetBook, &GetBookRequest { id }).await?;
        // The contract says that it is always set; a server that leaves it out is wrong.
        answer.book.ok_or(CallError::Unavailable)
    }

    /// A page of the books of one category, or of all.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn books(
        &self,
        trace: &TraceContext,
        category: Option<i32>,
        page_size: i32,
        page_token: &str,
    ) -> Result<ListBooksResponse, CallError> {
        let question = ListBooksRequest { category, page_size, page_token: page_token.to_owned() };
        self.0.call(trace, Method::ListBooks, &question).await
    }

    /// A page of the books that match `query`, the best first.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn search(
        &self,
        trace: &TraceContext,
        query: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<SearchBooksResponse, CallError> {
        let question =
            SearchBooksRequest { query: query.to_owned(), page_size, page_token: page_token.to_owned() };
        self.0.call(trace, Method::SearchBooks, &question).await
    }

    /// All categories, with how many books each holds.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn categories(&self, trace: &TraceContext) -> Result<ListCategoriesResponse, CallError> {
        self.0.call(trace, Method::ListCategories, &ListCategoriesRequest {}).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("hosts", &self.0.hosts).field("deadline", &self.0.deadline).finish()
    }
}

impl Inner {
    /// Starts to look after connections, unless that has been done.
    fn open(&self) {
        self.upkeep.get_or_init(|| {
            let upkeep = Upkeep {
                hosts: self.hosts.clone(),
                tls: self.tls.clone(),
                app_id: self.app_id.clone(),
                resolver: Arc::clone(&self.resolver),
                every: self.every,
                rotation: Arc::clone(&self.rotation),
                stale: self.stale.clone(),
            };
            tokio::spawn(addresses::keep(upkeep)).abort_handle()
        });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(upkeep) = self.upkeep.get() {
            upkeep.abort();
        }
    }
}
