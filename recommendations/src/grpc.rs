//! The services as callers see them. A handler parses the message into types that cannot be wrong, asks, and renders.

mod answer;
mod catalogue;
mod models;
mod page;
mod parse;
mod question;
mod readers;
mod recommendations;
mod status;

use protobufs::{
    MAX_ANSWER_BYTES,
    catalogue::catalogue_service_server::CatalogueServiceServer,
    models::models_service_server::ModelsServiceServer,
    readers::readers_service_server::ReadersServiceServer,
    recommendations::recommendations_server::{Recommendations, RecommendationsServer},
};
use service::{Shutdown, token::Guard};
use tonic::{
    codec::CompressionEncoding,
    service::{Routes, interceptor::InterceptedService},
};

pub use self::{models::Comparing, recommendations::Choice};
use crate::{
    knowledge::Known, loading::Current, ratings::Ratings, readers::Readers, statistics::Counted,
    training::Training,
};

/// How much a call may send.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The longest request in bytes.
    pub max_message_bytes: usize,
    /// The longest library that is uploaded, in bytes.
    pub max_library_bytes: u64,
}

/// The services that need no token, answering from what is known at the moment. Requests may be compressed with gzip, and answers of more than
/// a kilobyte are, for callers who accept it.
#[must_use]
pub fn routes(known: Known, ratings: Ratings, choice: Choice, bounds: Bounds) -> Routes {
    let Bounds { max_message_bytes, .. } = bounds;
    let recommendations =
        RecommendationsServer::new(recommendations::Service::new(known.clone(), ratings, choice))
            .max_decoding_message_size(max_message_bytes)
            .max_encoding_message_size(MAX_ANSWER_BYTES)
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip);
    let catalogue = CatalogueServiceServer::new(catalogue::Service::new(known))
        .max_decoding_message_size(max_message_bytes)
        .max_encoding_message_size(MAX_ANSWER_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    Routes::new(recommendations).add_service(catalogue)
}

/// What answers `Recommend`, without a server around it: from the decoded request to the answer's message.
#[must_use]
pub fn recommender(known: Known, ratings: Ratings, choice: Choice) -> impl Recommendations {
    recommendations::Service::new(known, ratings, choice)
}

/// What readers say and do, for callers whom `guard` lets through.
#[must_use]
pub fn readers(
    current: Current,
    readers: Readers,
    training: Training,
    guard: Guard,
    bounds: Bounds,
) -> InterceptedService<
    ReadersServiceServer<impl protobufs::readers::readers_service_server::ReadersService>,
    Guard,
> {
    let Bounds { max_message_bytes, max_library_bytes, .. } = bounds;
    let service = readers::Service::new(current, readers, training, max_library_bytes);
    let readers = ReadersServiceServer::new(service)
        .max_decoding_message_size(max_message_bytes.max(readers::UPLOAD_MESSAGE))
        .max_encoding_message_size(MAX_ANSWER_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    InterceptedService::new(readers, guard)
}

/// Models and the jobs that make them, for callers whom `guard` lets through.
#[must_use]
pub fn models(
    current: Current,
    training: Training,
    comparing: Comparing,
    counted: Counted,
    shutdown: Shutdown,
    guard: Guard,
    max_message_bytes: usize,
) -> InterceptedService<
    ModelsServiceServer<impl protobufs::models::models_service_server::ModelsService>,
    Guard,
> {
    let models =
        ModelsServiceServer::new(models::Service::new(current, training, comparing, counted, shutdown))
            .max_decoding_message_size(max_message_bytes)
            .max_encoding_message_size(MAX_ANSWER_BYTES)
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip);
    InterceptedService::new(models, guard)
}
