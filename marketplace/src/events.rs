//! What readers saw and clicked, told to recommendations in the background. No page waits for it: what does not fit, or
//! cannot be told, is dropped and counted.

use std::time::Duration;

use prometheus::{IntCounter, IntCounterVec, Opts};
use protobufs::readers::{EventKind, RecordEventsRequest};
use service::{telemetry::Metrics, trace::TraceContext};
use tokio::{sync::mpsc, time::sleep};

use crate::client::Client;

/// Events that wait to be told.
const WAITING: usize = 4096;
/// Events told at once.
const TOGETHER: usize = 256;
/// How long events are gathered, so that few calls tell many.
const GATHER: Duration = Duration::from_millis(500);

/// Takes events. They are told until it is dropped.
pub(crate) struct Events {
    sender: mpsc::Sender<RecordEventsRequest>,
    dropped: IntCounter,
}

impl Events {
    /// Starts the task that tells them, on the current runtime.
    ///
    /// # Panics
    ///
    /// If `metrics` already counts events.
    pub(crate) fn start(client: Client, metrics: &Metrics) -> Self {
        let counts =
            Opts::new("reader_events_total", "What readers saw and clicked, by what became of the event.");
        let counts = IntCounterVec::new(counts, &["outcome"]).expect("valid names");
        metrics.registry().register(Box::new(counts.clone())).expect("one a process");
        let dropped = counts.with_label_values(&["dropped"]);
        let recorded = counts.with_label_values(&["recorded"]);
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(tell(receiver, client, recorded, dropped.clone()));
        Self { sender, dropped }
    }

    /// A list was shown.
    pub(crate) fn shown(&self, recommendation: &str) {
        self.record(recommendation, EventKind::Impression, 0);
    }

    /// A book in it was opened.
    pub(crate) fn clicked(&self, recommendation: &str, book: i32) {
        self.record(recommendation, EventKind::Click, book);
    }

    fn record(&self, recommendation: &str, kind: EventKind, book_id: i32) {
        let event =
            RecordEventsRequest { recommendation_id: recommendation.to_owned(), kind: kind.into(), book_id };
        if self.sender.try_send(event).is_err() {
            self.dropped.inc();
        }
    }
}

async fn tell(
    mut receiver: mpsc::Receiver<RecordEventsRequest>,
    client: Client,
    recorded: IntCounter,
    dropped: IntCounter,
) {
    let mut events = Vec::with_capacity(TOGETHER);
    while receiver.recv_many(&mut events, TOGETHER).await > 0 {
        if events.len() < TOGETHER {
            sleep(GATHER).await;
            while events.len() < TOGETHER
                && let Ok(event) = receiver.try_recv()
            {
                events.push(event);
            }
        }
        // The client logs why; a click that nobody hears of is not worth asking twice for.
        let taken = client.record(&TraceContext::root(0.0), &events).await.unwrap_or_default();
        let taken = u64::try_from(taken).unwrap_or_default().min(events.len() as u64);
        recorded.inc_by(taken);
        dropped.inc_by(events.len() as u64 - taken);
        events.clear();
    }
}
