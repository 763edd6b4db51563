//! Images that functions were called with and answered, written down in the background.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use prometheus::{IntCounterVec, Opts};
use service::telemetry::Metrics;
use tokio::sync::mpsc;

use crate::store::{ImageEvent, Store, now};

/// Events that wait to be written; what is more is not remembered, and counted.
const WAITING: usize = 10_000;
/// How many are written at once.
const AT_ONCE: usize = 500;
/// How long a failed write waits for the next.
const AGAIN: Duration = Duration::from_secs(2);
/// What the bytes of an image begin with, where nobody says what they are.
const SIGNATURES: [(&[u8], &str); 5] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"RIFF", "image/webp"),
];

/// Where events go. Clones are the same.
#[derive(Clone, Debug)]
pub struct Events {
    queue: mpsc::Sender<ImageEvent>,
    outcomes: IntCounterVec,
}

/// What writes them.
pub struct Writer {
    queue: mpsc::Receiver<ImageEvent>,
    outcomes: IntCounterVec,
    store: Store,
}

/// The body of a request, as far as an event tells of it.
#[derive(Clone, Debug)]
pub struct Image {
    kind: String,
    bytes: u64,
}

impl Image {
    /// The image that a request brings, if it does.
    #[must_use]
    pub fn of(headers: &HeaderMap, body: &Bytes) -> Option<Self> {
        let seen = || SIGNATURES.iter().find(|(signature, _)| body.starts_with(signature));
        let kind = match kind(headers) {
            Some(kind) if kind.starts_with("image/") => kind,
            Some(kind)
                if kind != "application/octet-stream" && kind != "application/x-www-form-urlencoded" =>
            {
                return None;
            }
            Some(_) | None => seen()?.1.to_owned(),
        };
        (!body.is_empty()).then_some(Self { kind, bytes: body.len() as u64 })
    }
}

impl Events {
    /// An empty queue, and what writes down what comes.
    ///
    /// # Panics
    ///
    /// If `metrics` already counts image events.
    #[must_use]
    pub fn new(store: Store, metrics: &Metrics) -> (Self, Writer) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let outcomes = Opts::new(
            "image_events_total",
            "Images that functions answered, by whether that is written down.",
        );
        let outcomes = IntCounterVec::new(outcomes, &["outcome"]).expect("valid names");
        metrics.registry().register(Box::new(outcomes.clone())).expect("registered once");
        let events = Self { queue: sender, outcomes: outcomes.clone() };
        (events, Writer { queue: receiver, outcomes, store })
    }

    /// A function has answered a request that brought an image. Does not wait.
    pub fn answered(&self, function: &str, id: &str, image: Image, answer: &Response<Bytes>, time: Duration) {
        let event = ImageEvent {
            at: now(),
            function: function.to_owned(),
            request: id.to_owned(),
            kind: image.kind,
            bytes: image.bytes,
            answer_kind: kind(answer.headers()).unwrap_or_default(),
            answer_bytes: answer.body().len() as u64,
            time,
        };
        if self.queue.try_send(event).is_err() {
            self.outcomes.with_label_values(&["dropped"]).inc();
        }
    }
}

impl Writer {
    /// Writes what comes, until all senders are gone and all of it is written.
    pub async fn run(mut self) {
        let mut events = Vec::with_capacity(AT_ONCE);
        let mut failing = false;
        while self.queue.recv_many(&mut events, AT_ONCE).await > 0 {
            while let Err(error) = self.store.record_images(&events).await {
                if !failing {
                    tracing::error!(error = &error as &dyn Error, "images are not written down");
                }
                failing = true;
                tokio::time::sleep(AGAIN).await;
            }
            failing = false;
            self.outcomes.with_label_values(&["written"]).inc_by(events.len() as u64);
            events.clear();
        }
    }
}

/// The type without its parameters, in small letters, and not longer than any type is.
fn kind(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (kind.len() <= 127).then_some(kind)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, header};

    use super::Image;

    #[test]
    fn an_image_is_known_by_its_type_or_its_bytes() {
        let of = |kind: &'static str, body: &'static [u8]| {
            let mut headers = HeaderMap::new();
            if !kind.is_empty() {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            }
            Image::of(&headers, &Bytes::from_static(body)).map(|image| (image.kind, image.bytes))
        };
        assert_eq!(of("Image/PNG; x=y", b"..."), Some(("image/png".to_owned(), 3)));
        assert_eq!(of("application/octet-stream", b"\xff\xd8\xff\xe0"), Some(("image/jpeg".to_owned(), 4)));
        assert_eq!(of("", b"GIF89a"), Some(("image/gif".to_owned(), 6)));
        for none in [of("image/png", b""), of("text/plain", b"BMX"), of("", b"{}")] {
            assert_eq!(none, None);
        }
    }
}
