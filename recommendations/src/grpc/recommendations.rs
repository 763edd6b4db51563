use prost::Message as _;
use protobufs::{
    MAX_ANSWER_BYTES,
    recommendations::{
        BookRecommendation, RecommendationRequest, RecommendationResponse,
        recommendations_server::Recommendations,
    },
};
use tonic::{Request, Response, Status};

use super::{
    answer::answer,
    parse::{self, MaxResults, ReaderId},
    status::CallError,
};
use crate::{
    catalogue::BookRef,
    loading::Current,
    recommend::{Popularity, Question, Shelves, recommend},
};

pub(super) struct Service {
    current: Current,
    max_results: usize,
}

impl Service {
    pub(super) fn new(current: Current, max_results: usize) -> Self {
        Self { current, max_results }
    }

    fn ask(&self, request: &RecommendationRequest) -> Result<RecommendationResponse, CallError> {
        let (_reader, count, ()) = parse::all(
            ReaderId::parse("user_id", request.user_id),
            MaxResults::parse("max_results", request.max_results, self.max_results),
            Ok(()),
        )?;
        let snapshot = self.current.load();
        let question = Question {
            shelves: Shelves::Of(&[request.category]),
            count: count.get(),
            exclude: &[],
            language: "",
            years: (None, None),
            diversity: 0.0,
            exploration: 0.0,
            capped: true,
        };
        let catalogue = &snapshot.catalogue;
        let popularity = Popularity::default();
        let chosen = recommend(catalogue, &popularity, Vec::new(), &question, &mut rand::rng())?;
        let mut left = MAX_ANSWER_BYTES;
        let mut recommendations = Vec::with_capacity(chosen.len());
        for book in chosen.iter().filter_map(|pick| catalogue.at(pick.place as usize)).map(render) {
            // With its tag and length; titles may be long, so the number of books alone does not bound the answer.
            left = match left.checked_sub(book.encoded_len() + 4) {
                Some(left) => left,
                None => break,
            };
            recommendations.push(book);
        }
        Ok(RecommendationResponse { recommendations, ..Default::default() })
    }
}

#[tonic::async_trait]
impl Recommendations for Service {
    async fn recommend(
        &self,
        request: Request<RecommendationRequest>,
    ) -> Result<Response<RecommendationResponse>, Status> {
        Ok(answer(self.ask(request.get_ref())?))
    }
}

fn render(book: BookRef<'_>) -> BookRecommendation {
    BookRecommendation {
        id: book.id(),
        title: book.title().to_owned(),
        authors: book.authors().map(str::to_owned).collect(),
        title_language: book.title_language().to_owned(),
        categories: book.categories().collect(),
        ..Default::default()
    }
}
