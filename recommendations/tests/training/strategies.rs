//! Strategies answer each in its own way.

use std::collections::BTreeSet;

use protobufs::{
    catalogue::{Book, GetBookRequest, catalogue_service_client::CatalogueServiceClient},
    recommendations::{
        BookRecommendation, ReasonKind, RecommendationRequest, RecommendationResponse, SessionRating,
        Strategy, recommendations_client::RecommendationsClient,
    },
};

use crate::{Server, on_both};

/// Books of several sorts that the sample catalogue has.
const LIKED: [i32; 3] = [1, 4, 7];

async fn ask(server: &Server, strategy: Strategy) -> RecommendationResponse {
    let said = |book_id| SessionRating { book_id, stars: 5.0, ..SessionRating::default() };
    let request = RecommendationRequest {
        all_categories: true,
        max_results: 10,
        session_ratings: LIKED.map(said).into(),
        strategy: strategy.into(),
        seed: Some(1),
        ..RecommendationRequest::default()
    };
    let mut client = RecommendationsClient::new(server.channel().await);
    client.recommend(request).await.unwrap().into_inner()
}

fn ids(answer: &RecommendationResponse) -> BTreeSet<i32> {
    answer.recommendations.iter().map(|book| book.id).collect()
}

on_both! {
    async fn content_answers_from_the_catalogue_and_names_a_liked_book_that_shares_something(place: Place) {
        let server = Server::start(&place, &["--model", "knn-cosine", "--train-trials", "1"]).await;
        let model = crate::within(60, "a personal list", async || {
            let answer = ask(&server, Strategy::Model).await;
            let first: Option<&BookRecommendation> = answer.recommendations.first();
            first.is_some_and(|book| book.reason_kind() == ReasonKind::Liked).then_some(answer)
        })
        .await;
        let content = ask(&server, Strategy::Content).await;
        assert!(!model.model_version.is_empty() && content.model_version.is_empty());
        assert_ne!(ids(&model), ids(&content));
        let channel = server.channel().await;
        let book = async |id| -> Book {
            let mut catalogue = CatalogueServiceClient::new(channel.clone());
            catalogue.get_book(GetBookRequest { id }).await.unwrap().into_inner().book.unwrap()
        };
        assert_eq!(content.recommendations.len(), 10);
        for recommended in &content.recommendations {
            assert_eq!(recommended.reason_kind(), ReasonKind::Similar, "{recommended:?}");
            assert!(LIKED.contains(&recommended.source_book_id) && recommended.contribution > 0.0);
            let (one, other) = (book(recommended.id).await, book(recommended.source_book_id).await);
            assert!(recommended.reason.ends_with(&other.title), "{recommended:?}");
            let series = |book: &Book| book.series.as_ref().map(|series| series.name.clone());
            let shared = one.authors.iter().any(|author| other.authors.contains(author))
                || one.subjects.iter().any(|subject| other.subjects.contains(subject))
                || series(&one).is_some_and(|name| series(&other) == Some(name));
            assert!(shared, "{one:?} {other:?}");
        }
        server.stop().await;
    }
}
