use std::time::Duration;

use protobufs::models::WatchJobResponse;
use service::Shutdown;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{super::status::CallError, render};
use crate::{
    store::Job,
    training::{Training, TrainingError},
};

/// The shortest time between two messages.
const PACE: Duration = Duration::from_millis(100);

/// Sends a job now, and whenever it has changed, until it has ended, nobody listens, or the server drains.
pub(super) fn start(
    training: Training,
    job: Job,
    shutdown: Shutdown,
    watching: OwnedSemaphorePermit,
) -> ReceiverStream<Result<WatchJobResponse, Status>> {
    // One message ahead: who is slow skips what has changed meanwhile.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let _watching = watching;
        tokio::select! {
            () = send(&training, job, &sender) => {}
            () = sender.closed() => {}
            () = shutdown.draining() => {}
        }
    });
    ReceiverStream::new(receiver)
}

async fn send(training: &Training, mut job: Job, sender: &mpsc::Sender<Result<WatchJobResponse, Status>>) {
    loop {
        let message = WatchJobResponse { job: Some(render::job(job.clone())) };
        if sender.send(Ok(message)).await.is_err() || job.state.has_ended() {
            return;
        }
        job = loop {
            tokio::time::sleep(PACE).await;
            let seen = training.store().job(job.id).await;
            match seen {
                Ok(Some(seen)) => {
                    // What its owner raises to show that it lives is no news.
                    let seen = Job { heartbeat: job.heartbeat, ..training.freshened(seen) };
                    if seen != job {
                        break seen;
                    }
                }
                // So old that it was forgotten.
                Ok(None) => return,
                Err(error) => {
                    let _ = sender.send(Err(CallError::from(TrainingError::Store(error)).into())).await;
                    return;
                }
            }
        };
    }
}
