use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Call, CallError, Engine, Function, Grants, Kind, Limits, NoShop, Unfit, Usage,
    kinds::{Prepared, ranker::shelfwise::functions::ranking, trapped},
};

/// A shop's ranker: it puts candidates into the order in which they are shown. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Ranker(Function);

/// A book that may be recommended.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its number.
    pub book: i32,
    /// How well it fits, by the measure of the reason.
    pub score: f32,
    /// The numbers of its categories.
    pub categories: Vec<i32>,
    /// Why it is proposed.
    pub reason: Reason,
    /// The book behind the reason, if it is one.
    pub because: Option<i32>,
}

/// Why a book is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Each book has the same chance.
    Chance,
    /// Readers who liked another like it.
    Liked,
    /// It resembles another.
    Similar,
    /// The history as a whole points to it.
    Taste,
    /// Many readers like it.
    Popular,
    /// So that new books are seen.
    Exploration,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// 0 for a reader of whom nothing is known.
    pub reader: i32,
    /// How many books are shown at most.
    pub count: u32,
}

impl Ranker {
    /// Compiles a ranker. It is granted nothing.
    ///
    /// # Errors
    ///
    /// If the module is none, or of another kind.
    pub fn load(engine: &Engine, name: &str, wasm: &[u8], limits: Limits) -> Result<Self, Unfit> {
        let function = Function::compile(engine, name, wasm, limits, Grants::default())?;
        match function.kind() {
            Kind::Ranker => Ok(Self(function)),
            kind => Err(Unfit::Misfit(format!("it is of kind {kind}, not {}", Kind::Ranker))),
        }
    }

    /// The numbers of candidates in the order in which they are to be shown, the best first, with what it took. Each is one of
    /// the candidates, and none is there twice; some may be left out.
    ///
    /// # Errors
    ///
    /// If the guest fails, is late, or invents books.
    pub async fn rank(
        &self,
        question: Question,
        candidates: &[Candidate],
    ) -> (Result<Vec<i32>, CallError>, Usage, Bytes) {
        let call = Call {
            data: None,
            payload: Bytes::new(),
            request: None,
            id: "".into(),
            shop: Arc::new(NoShop),
            time: None,
        };
        let Prepared::Ranker(pre) = self.0.prepared() else {
            return (Err(CallError::Host("not a ranker".to_owned())), Usage::default(), Bytes::new());
        };
        let mut store = match self.0.store(&call) {
            Ok(store) => store,
            Err(error) => return (Err(error), Usage::default(), Bytes::new()),
        };
        let given: Vec<_> = candidates.iter().map(ranking::Candidate::from).collect();
        let question = ranking::Question { reader: question.reader, count: question.count };
        let ranked = self.0.bounded(&mut store, async |store| {
            let ranker = pre.instantiate_async(&mut *store).await.map_err(trapped)?;
            let ranked = ranker.call_rank(&mut *store, question, &given).await.map_err(trapped)?;
            ranked.map_err(|message| CallError::Refused { code: "ranker".to_owned(), message })
        });
        let ranked = ranked.await.and_then(|ranked| check(ranked, candidates));
        (ranked, store.data().budget.usage(), store.data().stderr_bytes())
    }
}

/// Books that were candidates, each once.
fn check(ranked: Vec<i32>, candidates: &[Candidate]) -> Result<Vec<i32>, CallError> {
    let mut left: Vec<i32> = candidates.iter().map(|candidate| candidate.book).collect();
    left.sort_unstable();
    let mut seen = vec![false; left.len()];
    for book in &ranked {
        match left.binary_search(book) {
            Err(_) => return Err(CallError::BadAnswer(format!("book {book} was no candidate"))),
            Ok(place) if seen[place] => {
                return Err(CallError::BadAnswer(format!("book {book} is there twice")));
            }
            Ok(place) => seen[place] = true,
        }
    }
    Ok(ranked)
}

impl From<&Candidate> for ranking::Candidate {
    fn from(candidate: &Candidate) -> Self {
        Self {
            book: candidate.book,
            score: candidate.score,
            categories: candidate.categories.clone(),
            reason: match candidate.reason {
                Reason::Chance => ranking::Reason::Chance,
                Reason::Liked => ranking::Reason::Liked,
                Reason::Similar => ranking::Reason::Similar,
                Reason::Taste => ranking::Reason::Taste,
                Reason::Popular => ranking::Reason::Popular,
                Reason::Exploration => ranking::Reason::Exploration,
            },
            because: candidate.because,
        }
    }
}
