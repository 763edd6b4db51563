use std::time::Duration;

use protobufs::readers::{EventKind as Kind, RecordEventsRequest, RecordEventsResponse};
use tokio::time::timeout;
use tonic::Streaming;

use crate::{
    grpc::{parse, status::CallError},
    readers::{Readers, now},
    store::{EventKind, ReaderEvent},
};

/// How long a stream may be silent: whoever shows pages may have no reader for a while.
const SILENCE: Duration = Duration::from_secs(600);

/// Takes a stream of events. One that makes no sense is dropped and counted, too.
pub(super) async fn all(
    readers: &Readers,
    mut stream: Streaming<RecordEventsRequest>,
) -> Result<RecordEventsResponse, CallError> {
    let mut answer = RecordEventsResponse::default();
    loop {
        let message = timeout(SILENCE, stream.message()).await.map_err(|_| CallError::Silent)?;
        let Some(request) = message.map_err(CallError::Broken)? else { return Ok(answer) };
        if event(request).is_some_and(|event| readers.record(event)) {
            answer.recorded += 1;
        } else {
            answer.dropped += 1;
        }
    }
}

fn event(request: RecordEventsRequest) -> Option<ReaderEvent> {
    let kind = match Kind::try_from(request.kind).ok()? {
        Kind::Unspecified => return None,
        Kind::Impression if request.book_id >= 0 => EventKind::Impression,
        Kind::Click if request.book_id > 0 => EventKind::Click,
        Kind::Impression | Kind::Click => return None,
    };
    let recommendation = parse::name("recommendation_id", request.recommendation_id).ok()??;
    Some(ReaderEvent {
        recommendation: recommendation.into(),
        kind,
        book: request.book_id,
        at: now(),
        stars: None,
        reader: None,
    })
}
