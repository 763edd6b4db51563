//! The services as callers see them. A handler parses the message into types that cannot be wrong, asks, and renders.

mod answer;
mod catalogue;
mod page;
mod parse;
mod recommendations;
mod status;

use protobufs::{
    catalogue::catalogue_service_server::CatalogueServiceServer,
    recommendations::recommendations_server::RecommendationsServer,
};
use tonic::{codec::CompressionEncoding, service::Routes};

use crate::{config::Config, loading::Current};

/// The longest answer in bytes: what clients accept by default.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;

/// Both services, answering from the snapshot of the moment. Requests may be compressed with gzip, and answers of more than
/// a kilobyte are, for callers who accept it.
#[must_use]
pub fn routes(current: Current, config: &Config) -> Routes {
    let max_message_bytes = config.max_message_bytes as usize;
    let recommendations = RecommendationsServer::new(recommendations::Service::new(
        current.clone(),
        config.max_results as usize,
    ))
    .max_decoding_message_size(max_message_bytes)
    .max_encoding_message_size(MAX_ANSWER_BYTES)
    .accept_compressed(CompressionEncoding::Gzip)
    .send_compressed(CompressionEncoding::Gzip);
    let catalogue = CatalogueServiceServer::new(catalogue::Service::new(current))
        .max_decoding_message_size(max_message_bytes)
        .max_encoding_message_size(MAX_ANSWER_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    Routes::new(recommendations).add_service(catalogue)
}
