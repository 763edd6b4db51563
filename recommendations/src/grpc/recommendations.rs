use std::{fmt::Write as _, mem, sync::Arc};

use arc_swap::Guard;
use host::name::Name;
use prost::Message as _;
use protobufs::{
    MAX_ANSWER_BYTES,
    recommendations::{
        BookRecommendation, ReasonKind, RecommendationRequest, RecommendationResponse, Strategy,
        recommendations_server::Recommendations,
    },
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tonic::{Request, Response, Status};

use super::{answer::answer, question::Asked, status::CallError};
use crate::{
    catalogue::Catalogue,
    knowledge::{Asking, Bound, Knowledge, Known, opinion},
    models::Opinion,
    rankers::{CANDIDATES, Rankers},
    ratings::{Entry, Ratings, Shelf},
    recommend::{Pick, Popularity, Ranker, Reason, Resembling, recommend},
    variants::{Chooser, Order, RecommendationId, Variants},
};

/// How to choose where the question does not say.
#[derive(Clone, Debug)]
pub struct Choice {
    /// How many books an answer holds at most.
    pub max_results: usize,
    /// From 0, only relevance, to 1, as much variety as possible.
    pub diversity: f32,
    /// The share of random books for a reader who is not known to like or want anything.
    pub exploration: f32,
    /// What is compared.
    pub variants: Arc<Variants>,
    /// Whose order is shown, if it is not the model's.
    pub ranker: Option<Name>,
    /// All rankers.
    pub rankers: Rankers,
}

pub(super) struct Service {
    known: Known,
    ratings: Ratings,
    choice: Choice,
}

impl Service {
    pub(super) fn new(known: Known, ratings: Ratings, choice: Choice) -> Self {
        Self { known, ratings, choice }
    }

    /// The books, in the model's order.
    fn ask(&self, request: RecommendationRequest) -> Result<Listed, CallError> {
        let mut asked = Asked::parse(request, self.choice.max_results)?;
        let knowledge = self.known.load();
        let stored = asked.reader.get().map(|reader| self.ratings.history(reader)).unwrap_or_default();
        let merged = (!asked.session.is_empty()).then(|| merge(&stored, &asked.session));
        let history = merged.as_deref().unwrap_or(&stored);

        let mut exclude = mem::take(&mut asked.exclude);
        exclude.reserve_exact(history.len());
        exclude.extend(history.iter().filter(|entry| entry.excludes()).map(|entry| entry.book));
        // Who asks for a strategy has none of the variants.
        let reader = asked.reader.get();
        let variant = reader.filter(|_| asked.strategy.is_none());
        let variant = variant.and_then(|reader| self.choice.variants.of(reader));

        let nobody =
            !history.iter().any(|entry| matches!(opinion(entry), Opinion::Positive | Opinion::Wanted));
        let exploration = if nobody { self.choice.exploration } else { 0.0 };
        let exploration = variant.and_then(|variant| variant.exploration).unwrap_or(exploration);
        let exploration = asked.exploration.unwrap_or(exploration);
        let diversity = variant.and_then(|variant| variant.diversity).unwrap_or(self.choice.diversity);
        let diversity = asked.diversity.unwrap_or(diversity);
        let mut question = asked.question(&exclude, diversity, exploration);
        let order = variant.and_then(|variant| variant.order.as_ref());
        let shop = match order {
            Some(Order::Model) => None,
            Some(Order::Ranker(name)) => Some(name),
            None => self.choice.ranker.as_ref(),
        };
        // Who asks for a strategy wants to see just that.
        let shop = shop.filter(|_| asked.strategy.is_none() && asked.count > 0);
        if shop.is_some() {
            question.count = asked.count.max(CANDIDATES);
        }

        let nothing = Popularity::default();
        let chooser = match asked.strategy {
            None | Some(Strategy::Unspecified) => variant.and_then(|variant| variant.chooser),
            Some(Strategy::Model) => None,
            Some(Strategy::Popular) => Some(Chooser::Popular),
            Some(Strategy::Content) => Some(Chooser::Content),
            Some(Strategy::Random) => Some(Chooser::Random),
        };
        let chooser = chooser.unwrap_or(Chooser::Model);
        let model = knowledge.model.as_ref().filter(|_| chooser == Chooser::Model);
        let ranker = match chooser {
            Chooser::Model => model.map(|model| Chosen::Model(model.ask(history))),
            Chooser::Content => Some(Chosen::Content(knowledge.resembling(history))),
            Chooser::Popular | Chooser::Random => None,
        };
        let popularity = if chooser == Chooser::Random { &nothing } else { &knowledge.popularity };
        let catalogue = &knowledge.snapshot.catalogue;
        let picks = match asked.seed {
            Some(seed) => {
                recommend(catalogue, popularity, ranker, &question, &mut StdRng::seed_from_u64(seed))?
            }
            None => recommend(catalogue, popularity, ranker, &question, &mut rand::rng())?,
        };
        let id = RecommendationId {
            random: rand::rng().random(),
            reader: reader.unwrap_or(0),
            variant: variant.map(|variant| variant.name.clone()),
        };
        match shop {
            None => Ok(Listed::Whole(render(&knowledge, model, history, &picks, id))),
            Some(ranker) => Ok(Listed::Candidates(Candidates {
                ranker: ranker.clone(),
                reader: reader.map_or(0, |reader| i32::try_from(reader).unwrap_or(0)),
                count: asked.count,
                modelled: model.is_some(),
                history: history.to_vec(),
                picks,
                id,
                knowledge: Guard::into_inner(knowledge),
            })),
        }
    }

    /// The shop's order of the candidates, or the model's own if the shop has none.
    async fn order(&self, candidates: Candidates) -> RecommendationResponse {
        let Candidates { ranker, reader, count, modelled, history, mut picks, id, knowledge } = candidates;
        let catalogue = &knowledge.snapshot.catalogue;
        let given: Vec<_> = picks.iter().filter_map(|pick| candidate(catalogue, pick)).collect();
        let question = host::Question { reader, count: u32::try_from(count).unwrap_or(u32::MAX) };
        let order = self.choice.rankers.order(&ranker, question, &given).await;
        if let Some(order) = &order {
            let mut places: Vec<(i32, usize)> = order.iter().copied().zip(0..).collect();
            places.sort_unstable();
            // What the ranker leaves out comes last, in the model's order.
            picks.sort_by_cached_key(|pick| {
                let book = catalogue.at(pick.place as usize).map_or(0, |book| book.id());
                places
                    .binary_search_by_key(&book, |(book, _)| *book)
                    .map_or(usize::MAX, |found| places[found].1)
            });
        }
        picks.truncate(count);
        let model = knowledge.model.as_ref().filter(|_| modelled);
        let mut answer = render(&knowledge, model, &history, &picks, id);
        if order.is_some() {
            answer.ranker = ranker.to_string();
        }
        answer
    }
}

/// What there is to show.
#[allow(clippy::large_enum_variant)] // one a call, on the stack
enum Listed {
    /// In the model's own order.
    Whole(RecommendationResponse),
    /// To be put into the shop's order.
    Candidates(Candidates),
}

/// What a ranker of the shop's chooses from, all of one moment.
struct Candidates {
    ranker: Name,
    /// 0 for a reader of whom nothing is known.
    reader: i32,
    count: usize,
    /// Whether the model had a part in it.
    modelled: bool,
    history: Vec<Entry>,
    picks: Vec<Pick>,
    id: RecommendationId,
    knowledge: Arc<Knowledge>,
}

fn candidate(catalogue: &Catalogue, pick: &Pick) -> Option<host::Candidate> {
    let book = catalogue.at(pick.place as usize)?;
    let (reason, source) = match pick.reason {
        Reason::Chance => (host::Reason::Chance, None),
        Reason::Liked(source) => (host::Reason::Liked, Some(source)),
        Reason::Similar(source) => (host::Reason::Similar, Some(source)),
        Reason::Taste => (host::Reason::Taste, None),
        Reason::Popular => (host::Reason::Popular, None),
        Reason::Exploration => (host::Reason::Exploration, None),
    };
    Some(host::Candidate {
        book: book.id(),
        score: pick.score,
        categories: book.categories().collect(),
        reason,
        because: source.map(|source| source.book),
    })
}

/// What ranks for a reader of whom something is known.
#[allow(clippy::large_enum_variant)] // one a call, on the stack
enum Chosen<'a> {
    Model(Asking<'a>),
    Content(Resembling<'a>),
}

impl Ranker for Chosen<'_> {
    fn rank(&mut self, count: usize, allowed: &mut dyn FnMut(u32) -> bool) -> Vec<Pick> {
        match self {
            Self::Model(model) => model.rank(count, allowed),
            Self::Content(content) => content.rank(count, allowed),
        }
    }

    fn explain(&mut self, picks: &mut [Pick]) {
        match self {
            Self::Model(model) => model.explain(picks),
            Self::Content(content) => content.explain(picks),
        }
    }
}

#[tonic::async_trait]
impl Recommendations for Service {
    async fn recommend(
        &self,
        request: Request<RecommendationRequest>,
    ) -> Result<Response<RecommendationResponse>, Status> {
        match self.ask(request.into_inner())? {
            Listed::Whole(whole) => Ok(answer(whole)),
            Listed::Candidates(candidates) => Ok(answer(self.order(candidates).await)),
        }
    }
}

/// What is stored with what was said just now in its place; both in the order of books.
fn merge(stored: &[Entry], said: &[Entry]) -> Vec<Entry> {
    let mut merged = Vec::with_capacity(stored.len() + said.len());
    let mut stored = stored.iter().peekable();
    for entry in said {
        while let Some(earlier) = stored.next_if(|earlier| earlier.book < entry.book) {
            merged.push(*earlier);
        }
        stored.next_if(|earlier| earlier.book == entry.book);
        if !entry.is_nothing() {
            merged.push(*entry);
        }
    }
    merged.extend(stored);
    merged
}

/// `model` is the one that had a part in it, `history` the reader's, in the order of books.
fn render(
    knowledge: &Knowledge,
    model: Option<&Bound>,
    history: &[Entry],
    picks: &[Pick],
    id: RecommendationId,
) -> RecommendationResponse {
    let catalogue = &knowledge.snapshot.catalogue;
    let mut answer = RecommendationResponse {
        recommendations: Vec::with_capacity(picks.len()),
        model_version: model.map(|model| model.version().to_owned()).unwrap_or_default(),
        recommendation_id: id.to_string(),
        variant: id.variant.unwrap_or_default(),
        ranker: String::new(),
        simulated: knowledge.simulated || model.is_some_and(|model| model.simulated()),
    };
    let mut left = MAX_ANSWER_BYTES - answer.encoded_len();
    for book in picks.iter().filter_map(|pick| book(catalogue, history, pick)) {
        // With its tag and length; titles may be long, so the number of books alone does not bound the answer.
        left = match left.checked_sub(book.encoded_len() + 5) {
            Some(left) => left,
            None => break,
        };
        answer.recommendations.push(book);
    }
    answer
}

fn book(catalogue: &Catalogue, history: &[Entry], pick: &Pick) -> Option<BookRecommendation> {
    let book = catalogue.at(pick.place as usize)?;
    let (kind, source) = match pick.reason {
        Reason::Chance => (ReasonKind::Unspecified, None),
        Reason::Liked(source) => (ReasonKind::Liked, Some(source)),
        Reason::Similar(source) => (ReasonKind::Similar, Some(source)),
        Reason::Taste => (ReasonKind::Taste, None),
        Reason::Popular => (ReasonKind::Popular, None),
        Reason::Exploration => (ReasonKind::Exploration, None),
    };
    let title = source.and_then(|source| catalogue.book(source.book)).map(|source| source.title());
    let standing = source.and_then(|source| {
        history.binary_search_by_key(&source.book, |entry| entry.book).ok().map(|place| &history[place])
    });
    Some(BookRecommendation {
        id: book.id(),
        title: book.title().to_owned(),
        authors: book.authors().map(str::to_owned).collect(),
        title_language: book.title_language().to_owned(),
        categories: book.categories().collect(),
        score: pick.score,
        reason: sentence(kind, standing, title),
        reason_kind: kind.into(),
        source_book_id: source.map_or(0, |source| source.book),
        contribution: source.map_or(0.0, |source| source.contribution),
    })
}

/// The reason for people. `standing` is how the source stands with the reader, `title` its own.
fn sentence(kind: ReasonKind, standing: Option<&Entry>, title: Option<&str>) -> String {
    let about = |start: &str| {
        let mut sentence = String::from(start);
        // The catalogue may have lost the book since it was rated.
        _ = write!(sentence, " {}", title.unwrap_or("a book in your history"));
        sentence
    };
    match kind {
        ReasonKind::Unspecified => String::new(),
        ReasonKind::Liked => about(match standing {
            Some(Entry { stars: None, shelf: Shelf::WantToRead, .. }) => "Because you want to read",
            Some(Entry { stars: None, shelf: Shelf::Reading, .. }) => "Because you are reading",
            Some(Entry { stars: None, shelf: Shelf::Read, .. }) => "Because you read",
            _ => "Because you liked",
        }),
        ReasonKind::Similar => about("Similar to"),
        ReasonKind::Taste => "Fits what you like".to_owned(),
        ReasonKind::Popular => "Many readers like it".to_owned(),
        ReasonKind::Exploration => "Something different".to_owned(),
    }
}
