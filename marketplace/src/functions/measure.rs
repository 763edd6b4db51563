use std::time::Instant;

use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts};
use service::telemetry::Metrics;

use super::CallError;

/// Upper bounds in seconds, up to the deadline of a call.
const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0];

/// Counts calls of functions.
pub(super) struct Measures {
    calls: IntCounterVec,
    seconds: Histogram,
}

/// A call that has begun. One that is dropped before its end was given up by whoever asked.
pub(super) struct Measured<'a> {
    measures: &'a Measures,
    start: Instant,
    outcome: &'static str,
}

impl Measures {
    /// # Panics
    ///
    /// If `metrics` already counts them.
    pub(super) fn new(metrics: &Metrics) -> Self {
        let calls = Opts::new("functions_client_calls_total", "Calls of functions that have ended.");
        let calls = IntCounterVec::new(calls, &["outcome"]).expect("valid names");
        let seconds = HistogramOpts::new("functions_client_call_seconds", "Time of a call of a function.");
        let seconds = Histogram::with_opts(seconds.buckets(BUCKETS.to_vec())).expect("valid names");
        let registry = metrics.registry();
        registry.register(Box::new(calls.clone())).expect("one client a process");
        registry.register(Box::new(seconds.clone())).expect("one client a process");
        Self { calls, seconds }
    }

    pub(super) fn begin(&self) -> Measured<'_> {
        Measured { measures: self, start: Instant::now(), outcome: "cancelled" }
    }
}

impl Measured<'_> {
    pub(super) fn ended(mut self, error: Option<&CallError>) {
        self.outcome = match error {
            None => "answered",
            Some(CallError::Unknown | CallError::Refused(_) | CallError::TooLong) => "refused",
            Some(CallError::Missing(_) | CallError::Failed) => "failed",
            Some(CallError::Busy) => "busy",
            Some(CallError::Late) => "late",
            Some(CallError::Unavailable) => "unavailable",
        };
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        self.measures.calls.with_label_values(&[self.outcome]).inc();
        self.measures.seconds.observe(self.start.elapsed().as_secs_f64());
    }
}
