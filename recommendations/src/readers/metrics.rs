use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts};
use service::telemetry::Metrics;

use crate::ratings::Ratings;

/// What is counted of readers.
#[derive(Clone)]
pub struct ReaderMetrics {
    entries: IntGauge,
    readers: IntGauge,
    changes: IntCounter,
    events: IntCounterVec,
}

impl ReaderMetrics {
    /// Registers them.
    ///
    /// # Panics
    ///
    /// If `metrics` has them already.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let gauge = |name, help| IntGauge::new(name, help).expect("a valid name");
        let entries = gauge("reader_entries", "Entries in the readers' histories.");
        let readers = gauge("readers", "Readers with a history.");
        let changes = IntCounter::new("reader_changes_total", "Changes of histories that were stored.");
        let changes = changes.expect("a valid name");
        let events = Opts::new("reader_events_total", "Impressions and clicks, by whether they were taken.");
        let events = IntCounterVec::new(events, &["outcome"]).expect("valid names");
        let registry = metrics.registry();
        registry.register(Box::new(entries.clone())).expect("registered once");
        registry.register(Box::new(readers.clone())).expect("registered once");
        registry.register(Box::new(changes.clone())).expect("registered once");
        registry.register(Box::new(events.clone())).expect("registered once");
        Self { entries, readers, changes, events }
    }

    pub(super) fn holds(&self, ratings: &Ratings) {
        self.entries.set(i64::try_from(ratings.len()).unwrap_or(i64::MAX));
        self.readers.set(i64::try_from(ratings.readers()).unwrap_or(i64::MAX));
    }

    pub(super) fn changed(&self, changes: usize) {
        self.changes.inc_by(changes as u64);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.events.with_label_values(&["dropped"]).get()
    }

    pub(super) fn event(&self, taken: bool) {
        self.events.with_label_values(&[if taken { "taken" } else { "dropped" }]).inc();
    }
}
