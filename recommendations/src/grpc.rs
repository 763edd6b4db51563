//! The services as callers see them. A handler parses the message into types that cannot be wrong, asks, and renders.

mod answer;
mod catalogue;
mod page;
mod parse;
mod question;
mod recommendations;
mod status;

use std::time::Duration;

use protobufs::{
    MAX_ANSWER_BYTES, catalogue::catalogue_service_server::CatalogueServiceServer,
    recommendations::recommendations_server::RecommendationsServer,
};
use tonic::{codec::CompressionEncoding, service::Routes};

pub use self::recommendations::Choice;
use crate::{knowledge::Known, loading::Current, ratings::Ratings};

/// What a call may ask for and wait for.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How books are chosen where a request does not say.
    pub choice: Choice,
    /// The longest request in bytes.
    pub max_message_bytes: usize,
    /// How long a search waits for its turn.
    pub queue_time: Duration,
}

/// The services that need no token, answering from what is known at the moment. Requests may be compressed with gzip, and answers of more than
/// a kilobyte are, for callers who accept it.
#[must_use]
pub fn routes(current: Current, known: Known, ratings: Ratings, bounds: Bounds) -> Routes {
    let Bounds { choice, max_message_bytes, queue_time } = bounds;
    let recommendations = RecommendationsServer::new(recommendations::Service::new(known, ratings, choice))
        .max_decoding_message_size(max_message_bytes)
        .max_encoding_message_size(MAX_ANSWER_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let catalogue = CatalogueServiceServer::new(catalogue::Service::new(current, queue_time))
        .max_decoding_message_size(max_message_bytes)
        .max_encoding_message_size(MAX_ANSWER_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    Routes::new(recommendations).add_service(catalogue)
}
