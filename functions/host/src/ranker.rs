use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Call, CallError, Engine, Function, Grants, Kind, Limits, NoShop, Unfit, Usage,
    kinds::{Prepared, trapped},
};

pub use crate::kinds::ranker::shelfwise::functions::ranking::{Candidate, Question, Reason};

/// A shop's ranker: it puts candidates into the order in which they are shown. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Ranker(Function);

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
            shop: Arc::new(NoShop),
            time: None,
            lines: None,
        };
        let Prepared::Ranker(pre) = self.0.prepared() else {
            return (Err(CallError::Host("not a ranker".to_owned())), Usage::default(), Bytes::new());
        };
        let mut store = match self.0.store(&call) {
            Ok(store) => store,
            Err(error) => return (Err(error), Usage::default(), Bytes::new()),
        };
        let ranked = self.0.bounded(&mut store, async |store| {
            let ranker = pre.instantiate_async(&mut *store).await.map_err(trapped)?;
            let ranked = ranker.call_rank(&mut *store, question, candidates).await.map_err(trapped)?;
            ranked.map_err(|message| CallError::Refused { code: "ranker".to_owned(), message })
        });
        let ranked = ranked.await.and_then(|ranked| check(ranked, candidates));
        (ranked, store.data().usage(), store.data().stderr_bytes())
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
