//! Models change while readers ask: each answer is of one of them, wholly.

use std::sync::atomic::{AtomicBool, Ordering};

use protobufs::{
    catalogue::{ListSimilarBooksRequest, SimilarityKind, catalogue_service_client::CatalogueServiceClient},
    models::RollBackModelRequest,
    recommendations::{
        ReasonKind, RecommendationRequest, SessionRating, recommendations_client::RecommendationsClient,
    },
};
use tonic::transport::Channel;

use crate::{Place, by_hand};

const KNOWN: usize = 60;
/// How often another model is swapped in.
const SWAPS: usize = 12;

/// Two models that agree about nothing: what each recommends to who likes book 1, and how strongly.
const MODELS: [(&str, std::ops::Range<i32>, f32); 2] = [("one", 10..20, 0.25), ("other", 30..40, 0.75)];

fn of(version: &str) -> (std::ops::Range<i32>, f32) {
    let found = MODELS.into_iter().find(|(name, ..)| *name == version);
    let (_, books, weight) = found.unwrap_or_else(|| panic!("no model is called {version:?}"));
    (books, weight)
}

async fn recommend(client: &mut RecommendationsClient<Channel>) {
    let request = RecommendationRequest {
        all_categories: true,
        max_results: 10,
        uncapped: true,
        exploration: Some(0.0),
        session_ratings: vec![SessionRating { book_id: 1, stars: 5.0, ..SessionRating::default() }],
        ..RecommendationRequest::default()
    };
    let answer = client.recommend(request).await.unwrap().into_inner();
    let (books, weight) = of(&answer.model_version);
    assert_eq!(answer.recommendations.len(), 10);
    for book in &answer.recommendations {
        assert_eq!((book.reason_kind(), book.score), (ReasonKind::Liked, weight), "{book:?}");
        assert!(books.contains(&book.id), "{} does not say so: {book:?}", answer.model_version);
    }
}

async fn similar(client: &mut CatalogueServiceClient<Channel>) {
    let request = ListSimilarBooksRequest { book_id: 1, max_results: 10 };
    let answer = client.list_similar_books(request).await.unwrap().into_inner();
    let (books, weight) = of(&answer.model_version);
    let told: Vec<_> = answer.books.iter().filter(|it| it.kind() == SimilarityKind::Readers).collect();
    assert!(told.len() >= 5, "{answer:?}");
    for it in told {
        assert_eq!(it.score, weight, "{it:?}");
        assert!(
            books.contains(&it.book.as_ref().unwrap().id),
            "{} does not say so: {it:?}",
            answer.model_version
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_of_one_model_while_models_are_activated_and_rolled_back() {
    let place = Place::sqlite().unwrap();
    for (version, books, weight) in MODELS {
        let row = |place: usize| {
            let known = books.contains(&(place as i32 + 1));
            if known { vec![(0, weight)] } else { Vec::new() }
        };
        by_hand::write(&place, version, by_hand::parts(vec![1.0; KNOWN], 0.0, row));
    }
    let server = place.serve(&[]).await;
    for (version, ..) in MODELS {
        by_hand::activate(&server, version).await;
    }
    static OVER: AtomicBool = AtomicBool::new(false);
    let mut asking = Vec::new();
    for number in 0..4 {
        let channel = server.channel().await;
        asking.push(tokio::spawn(async move {
            let mut recommendations = RecommendationsClient::new(channel.clone());
            let mut catalogue = CatalogueServiceClient::new(channel);
            let mut asked = 0;
            while !OVER.load(Ordering::Relaxed) {
                if number % 2 == 0 {
                    recommend(&mut recommendations).await;
                } else {
                    similar(&mut catalogue).await;
                }
                asked += 1;
            }
            asked
        }));
    }
    for swap in 0..SWAPS {
        let expected = MODELS[swap % 2].0;
        if swap % 3 == 2 {
            by_hand::activate(&server, expected).await;
        } else {
            let request = RollBackModelRequest {};
            let model =
                server.models().await.roll_back_model(request).await.unwrap().into_inner().model.unwrap();
            assert_eq!((model.version.as_str(), model.active), (expected, true));
        }
        crate::within(10, "it answers", async || {
            (server.recommend(1).await.model_version == expected).then_some(())
        })
        .await;
    }
    OVER.store(true, Ordering::Relaxed);
    for asking in asking {
        let asked = asking.await.expect("no call fails, and none mixes two models");
        assert!(asked > 2 * SWAPS, "{asked} are too few to see anything");
    }
    server.stop().await;
}
