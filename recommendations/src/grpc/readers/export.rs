use protobufs::readers::ExportHistoryResponse;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::render;
use crate::ratings::Ratings;

/// How many entries a message holds.
const ENTRIES: usize = 1_000;
/// How many messages are made before the caller has taken them.
const AHEAD: usize = 4;

/// Sends the history of one reader or all, in the order of readers and books. Each history is as it is when its turn comes:
/// whoever is erased while it goes on is not sent any more.
pub(super) fn start(
    ratings: Ratings,
    reader: Option<u32>,
    exporting: OwnedSemaphorePermit,
) -> ReceiverStream<Result<ExportHistoryResponse, Status>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let _exporting = exporting;
        let readers = match reader {
            Some(reader) => vec![reader],
            None => ratings.snapshot().iter().map(|(reader, _)| reader).collect(),
        };
        let mut entries = Vec::with_capacity(ENTRIES);
        for reader in readers {
            let history = ratings.history(reader);
            for entry in history.iter() {
                entries.push(render::entry(reader, entry));
                if entries.len() == ENTRIES {
                    let entries = std::mem::replace(&mut entries, Vec::with_capacity(ENTRIES));
                    // Nobody listens any more.
                    if sender.send(Ok(ExportHistoryResponse { entries })).await.is_err() {
                        return;
                    }
                }
            }
        }
        if !entries.is_empty() {
            let _ = sender.send(Ok(ExportHistoryResponse { entries })).await;
        }
    });
    ReceiverStream::new(receiver)
}
