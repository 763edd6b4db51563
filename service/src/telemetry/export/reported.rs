//! Failed exports, said.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};

/// How long a collector that stays away is not mentioned again.
const QUIET: Duration = Duration::from_secs(60);

/// An exporter that says when it fails, which OpenTelemetry's own crates keep to themselves.
#[derive(Debug)]
pub(super) struct Reported<E> {
    exporter: E,
    unsaid: Mutex<Unsaid>,
}

/// Since the last line.
#[derive(Debug, Default)]
struct Unsaid {
    last: Option<Instant>,
    spans: usize,
}

impl<E> Reported<E> {
    pub(super) fn new(exporter: E) -> Self {
        Self { exporter, unsaid: Mutex::default() }
    }

    fn failed(&self, spans: usize, error: &OTelSdkError) {
        let mut unsaid = self.unsaid.lock().unwrap_or_else(PoisonError::into_inner);
        unsaid.spans += spans;
        if unsaid.last.is_none_or(|last| last.elapsed() >= QUIET) {
            let spans = std::mem::take(&mut unsaid.spans);
            unsaid.last = Some(Instant::now());
            tracing::warn!(spans, %error, "the collector did not take spans: they are lost");
        }
    }
}

impl<E: SpanExporter> SpanExporter for Reported<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let exported = self.exporter.export(batch).await;
        if let Err(error) = &exported {
            self.failed(spans, error);
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
