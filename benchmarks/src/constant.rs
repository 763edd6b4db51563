//! The limits: what the frameworks themselves can do when there is nothing to do.

use std::{fs, net::SocketAddr, path::Path};

use axum::{Router, response::Html, routing::get};
use bytes::Bytes;
use prost::Message as _;
use protobufs::recommendations::{
    RecommendationRequest, RecommendationResponse,
    recommendations_server::{Recommendations, RecommendationsServer},
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, async_trait, transport::Server};

use crate::failure::Failure;

struct Constant(RecommendationResponse);

#[async_trait]
impl Recommendations for Constant {
    async fn recommend(
        &self,
        _: Request<RecommendationRequest>,
    ) -> Result<Response<RecommendationResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }
}

/// A tonic server as its own examples start one. Every answer is the message in `file`.
pub(crate) async fn answer(address: SocketAddr, file: &Path) -> Result<(), Failure> {
    let message = read(file)?;
    let answer = RecommendationResponse::decode(&*message)
        .map_err(|error| Failure::Answer { address, why: error.to_string() })?;
    Server::builder()
        .add_service(RecommendationsServer::new(Constant(answer)))
        .serve(address)
        .await
        .map_err(|error| Failure::Call { address, doing: "serve", why: error.to_string() })
}

/// An axum server as its own examples start one. Its only page is `file`.
pub(crate) async fn page(address: SocketAddr, file: &Path) -> Result<(), Failure> {
    let page = Bytes::from(read(file)?);
    let app = Router::new().route("/", get(async move || Html(page)));
    let listener = TcpListener::bind(address).await.map_err(Failure::file(format!("listen on {address}")))?;
    axum::serve(listener, app).await.map_err(Failure::file("serve a constant page"))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(Failure::file(format!("read {}", file.display())))
}
