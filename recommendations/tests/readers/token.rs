//! Who may call.

use protobufs::{
    catalogue::{ListCategoriesRequest, catalogue_service_client::CatalogueServiceClient},
    readers::{ListHistoryRequest, readers_service_client::ReadersServiceClient},
    recommendations::{RecommendationRequest, recommendations_client::RecommendationsClient},
};
use tonic::{Code, Request, Status, metadata::MetadataValue};

use crate::{Server, rating};

const TOKEN: &str = "a-token-of-the-test";

fn showing(token: &'static str) -> impl FnMut(Request<()>) -> Result<Request<()>, Status> + Clone {
    move |mut request| {
        request.metadata_mut().insert("authorization", MetadataValue::from_static(token));
        Ok(request)
    }
}

#[tokio::test]
async fn with_a_token_only_who_shows_it() {
    let server = Server::over("sqlite::memory:", &["--token", TOKEN]).await;
    let channel = server.channel().await;
    let list = ListHistoryRequest { reader_id: 1, ..ListHistoryRequest::default() };
    let status = server.readers().await.list_history(list.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("SHELFWISE_TOKEN") && !status.message().contains(TOKEN), "{status}");
    for wrong in ["Bearer a-token-of-the-tesT", "a-token-of-the-test", "Bearer "] {
        let mut client = ReadersServiceClient::with_interceptor(channel.clone(), showing(wrong));
        assert_eq!(client.list_history(list.clone()).await.unwrap_err().code(), Code::Unauthenticated);
        assert_eq!(client.rate(rating(1, 1, 5.0)).await.unwrap_err().code(), Code::Unauthenticated);
    }
    let mut client =
        ReadersServiceClient::with_interceptor(channel.clone(), showing("Bearer a-token-of-the-test"));
    client.rate(rating(1, 1, 5.0)).await.unwrap();
    assert_eq!(client.list_history(list).await.unwrap().into_inner().total_size, 1);
    // What reveals nothing needs none.
    let question = RecommendationRequest { max_results: 3, ..Default::default() };
    RecommendationsClient::new(channel.clone()).recommend(question).await.unwrap();
    CatalogueServiceClient::new(channel).list_categories(ListCategoriesRequest {}).await.unwrap();
}
