//! The first run: simulated readers, until there are real ones.

use protobufs::{
    models::ListModelsRequest,
    readers::EraseSimulatedReadersRequest,
    recommendations::{
        ReasonKind, RecommendationRequest, RecommendationResponse, SessionRating,
        recommendations_client::RecommendationsClient,
    },
};

use crate::{Place, Server, on_both};

const MODEL: [&str; 4] = ["--model", "knn-cosine", "--train-trials", "1"];

/// What somebody gets who has just said that The Maltese Falcon is good.
async fn newcomer(server: &Server) -> RecommendationResponse {
    let said = SessionRating { book_id: 1, stars: 5.0, ..SessionRating::default() };
    let request = RecommendationRequest {
        all_categories: true,
        max_results: 10,
        session_ratings: vec![said],
        ..RecommendationRequest::default()
    };
    let mut client = RecommendationsClient::new(server.channel().await);
    client.recommend(request).await.unwrap().into_inner()
}

async fn personal(server: &Server) -> RecommendationResponse {
    crate::within(60, "a personal list", async || {
        let answer = newcomer(server).await;
        let liked =
            answer.recommendations.first().is_some_and(|book| book.reason_kind() == ReasonKind::Liked);
        liked.then_some(answer)
    })
    .await
}

on_both! {
    async fn a_newcomer_gets_a_personal_list_that_says_whom_it_comes_from_and_one_command_ends_that(place: Place) {
        let server = Server::start(&place, &MODEL).await;
        let answer = personal(&server).await;
        assert!(answer.simulated && !answer.model_version.is_empty());
        assert_eq!(answer.recommendations[0].source_book_id, 1);
        let models = server.models().await.list_models(ListModelsRequest {}).await.unwrap().into_inner().models;
        assert!(models.iter().all(|model| model.simulated), "{models:?}");

        let request = EraseSimulatedReadersRequest {};
        let erased = server.readers().await.erase_simulated_readers(request).await.unwrap().into_inner();
        assert_eq!(erased.readers, 400);
        crate::within(10, "no trace", async || {
            let answer = newcomer(&server).await;
            (!answer.simulated && answer.model_version.is_empty()).then_some(())
        })
        .await;
        assert!(server.list().await.is_empty());
        server.stop().await;

        // They do not come back.
        let server = Server::start(&place, &MODEL).await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert!(!newcomer(&server).await.simulated);
        let erased = server.readers().await.erase_simulated_readers(request).await.unwrap().into_inner();
        assert_eq!(erased.readers, 0);
        server.stop().await;
    }

    async fn simulated_readers_make_room_for_real_ones_that_are_imported(place: Place) {
        let server = Server::start(&place, &MODEL).await;
        personal(&server).await;
        server.rate(1..60, 60, 8).await;
        crate::within(60, "a model of real readers", async || {
            let models = server.list().await;
            let real = models.iter().any(|model| model.active && !model.simulated);
            (real && models.iter().all(|model| !model.simulated)).then_some(())
        })
        .await;
        crate::within(5, "an answer of real readers", async || {
            (!personal(&server).await.simulated).then_some(())
        })
        .await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_simulate_once() {
    let Some(place) = Place::postgres() else { return };
    let (one, other) = tokio::join!(Server::start(&place, &MODEL), Server::start(&place, &MODEL));
    personal(&one).await;
    personal(&other).await;
    let request = EraseSimulatedReadersRequest {};
    let erased = other.readers().await.erase_simulated_readers(request).await.unwrap().into_inner();
    assert_eq!(erased.readers, 400);
    one.stop().await;
    other.stop().await;
}
