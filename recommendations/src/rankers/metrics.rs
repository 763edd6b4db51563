use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};
use service::telemetry::Metrics;

/// Upper bounds in seconds, from what a ranker takes to what none may.
const BUCKETS: [f64; 9] = [0.00005, 0.0001, 0.00015, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01];

/// How one question to a ranker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// With an order.
    Ordered,
    /// Its time was over.
    Late,
    /// It named a book that was no candidate, or one twice.
    Invented,
    /// It trapped, refused, or used up something else.
    Failed,
    /// There is none of this name.
    Absent,
}

/// What is counted of rankers.
#[derive(Debug)]
pub(super) struct RankerMetrics {
    calls: IntCounterVec,
    loads: IntCounterVec,
    seconds: HistogramVec,
}

impl RankerMetrics {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let calls = Opts::new("ranker_calls_total", "Answers that a shop's ranker was asked to order.");
        let calls = IntCounterVec::new(calls, &["ranker", "outcome"]).expect("valid names");
        let loads = Opts::new("ranker_loads_total", "Modules that were found for a shop's ranker.");
        let loads = IntCounterVec::new(loads, &["ranker", "outcome"]).expect("valid names");
        let seconds = HistogramOpts::new("ranker_seconds", "Time that a shop's ranker took.");
        let seconds = HistogramVec::new(seconds.buckets(BUCKETS.to_vec()), &["ranker"]).expect("valid names");
        let registry = metrics.registry();
        registry.register(Box::new(calls.clone())).expect("registered once");
        registry.register(Box::new(loads.clone())).expect("registered once");
        registry.register(Box::new(seconds.clone())).expect("registered once");
        Self { calls, loads, seconds }
    }

    pub(super) fn loaded(&self, ranker: &str) {
        self.loads.with_label_values(&[ranker, "loaded"]).inc();
    }

    pub(super) fn refused(&self, ranker: &str) {
        self.loads.with_label_values(&[ranker, "refused"]).inc();
    }

    pub(super) fn ended(&self, ranker: &str, outcome: Outcome, took: Duration) {
        let outcome = match outcome {
            Outcome::Ordered => "ordered",
            Outcome::Late => "late",
            Outcome::Invented => "invented",
            Outcome::Failed => "failed",
            Outcome::Absent => return self.calls.with_label_values(&[ranker, "absent"]).inc(),
        };
        self.calls.with_label_values(&[ranker, outcome]).inc();
        self.seconds.with_label_values(&[ranker]).observe(took.as_secs_f64());
    }
}
