use prost::Message;
use tonic::{Response, codec::SingleMessageCompressionOverride};

/// Shorter answers cost more to compress than to send.
const WORTH_COMPRESSING: usize = 1024;

/// The answer, to be compressed only if that is worth it.
pub(super) fn answer<M: Message>(message: M) -> Response<M> {
    let small = message.encoded_len() < WORTH_COMPRESSING;
    let mut response = Response::new(message);
    if small {
        response.extensions_mut().insert(SingleMessageCompressionOverride::Disable);
    }
    response
}
