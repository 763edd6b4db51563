use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
};
use service::{grpc::code_name, telemetry::Metrics, trace::TraceContext};
use tonic::Code;

use super::grpc::{Fault, Method};

/// Upper bounds in seconds, around what a call takes on one machine, in one cluster, and at the deadline.
const BUCKETS: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5];
/// Failed calls that are logged in one second; the next line says how many were not.
const LINES: u64 = 10;

/// Counts calls, and logs those that failed.
pub(crate) struct Measures {
    calls: IntCounterVec,
    answered: [IntCounter; Method::CALLS.len()],
    seconds: [Histogram; Method::CALLS.len()],
    retries: IntCounterVec,
    shared: IntCounter,
    in_flight: IntGauge,
    backends: IntGaugeVec,
    log: Limit,
}

impl Measures {
    /// # Panics
    ///
    /// If `metrics` already has a client.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let calls = Opts::new("grpc_client_calls_total", "Calls to recommendations that have ended.");
        let calls = IntCounterVec::new(calls, &["method", "code"]).expect("valid names");
        let seconds = HistogramOpts::new("grpc_client_call_seconds", "Time of a call with its retry.");
        let seconds = HistogramVec::new(seconds.buckets(BUCKETS.to_vec()), &["method"]).expect("valid names");
        let retries =
            Opts::new("grpc_client_retries_total", "Calls that were tried again, by what had failed.");
        let retries = IntCounterVec::new(retries, &["cause"]).expect("valid names");
        let shared = IntCounter::new(
            "grpc_client_answers_shared_total",
            "Answers that were shared with another visitor.",
        );
        let shared = shared.expect("a valid name");
        let in_flight = IntGauge::new("grpc_client_calls_in_flight", "Calls that have begun and not ended.");
        let in_flight = in_flight.expect("a valid name");
        let backends =
            Opts::new("grpc_client_backends", "Addresses of recommendations, by what they are good for.");
        let backends = IntGaugeVec::new(backends, &["state"]).expect("valid names");
        let registry = metrics.registry();
        registry.register(Box::new(calls.clone())).expect("one client a process");
        registry.register(Box::new(seconds.clone())).expect("one client a process");
        registry.register(Box::new(retries.clone())).expect("one client a process");
        registry.register(Box::new(shared.clone())).expect("one client a process");
        registry.register(Box::new(in_flight.clone())).expect("one client a process");
        registry.register(Box::new(backends.clone())).expect("one client a process");
        // Looking a label up takes a lock; most calls are answered.
        let answered = Method::CALLS.map(|method| calls.with_label_values(&[method.path(), "OK"]));
        let seconds = Method::CALLS.map(|method| seconds.with_label_values(&[method.path()]));
        Self { calls, answered, seconds, retries, shared, in_flight, backends, log: Limit::new() }
    }

    pub(crate) fn backends(&self) -> IntGaugeVec {
        self.backends.clone()
    }

    pub(crate) fn begin(&self, method: Method) -> Measured<'_> {
        self.in_flight.inc();
        Measured { measures: self, method, start: Instant::now(), ended: false }
    }

    pub(crate) fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    pub(crate) fn shared(&self) {
        self.shared.inc();
    }

    pub(crate) fn retried(&self, fault: &Fault) {
        self.retries.with_label_values(&[code_name(fault.code())]).inc();
    }
}

/// A call that has begun. One that is dropped before its end was given up by whoever asked.
pub(crate) struct Measured<'a> {
    measures: &'a Measures,
    method: Method,
    start: Instant,
    ended: bool,
}

impl Measured<'_> {
    pub(crate) fn answered(mut self) {
        self.ended = true;
        self.measures.answered[self.method as usize].inc();
    }

    pub(crate) fn failed(mut self, fault: &Fault, trace: &TraceContext) {
        self.ended = true;
        let code = fault.code();
        let method = self.method.path();
        self.measures.calls.with_label_values(&[method, code_name(code)]).inc();
        let blame = !matches!(
            code,
            Code::NotFound | Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition
        );
        if let Some(unsaid) = blame.then(|| self.measures.log.take()).flatten() {
            let trace = format_args!("{:032x}", trace.trace_id());
            tracing::warn!(method, error = %fault, trace, unsaid, "recommendations does not answer");
        }
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        self.measures.in_flight.dec();
        if !self.ended {
            self.measures.calls.with_label_values(&[self.method.path(), "CANCELLED"]).inc();
        }
        self.measures.seconds[self.method as usize].observe(self.start.elapsed().as_secs_f64());
    }
}

/// So many lines a second, whatever fails.
struct Limit {
    start: Instant,
    second: AtomicU64,
    lines: AtomicU64,
}

impl Limit {
    fn new() -> Self {
        Self { start: Instant::now(), second: AtomicU64::new(0), lines: AtomicU64::new(0) }
    }

    /// How many lines were left out before this one; `None` if this one is left out, too.
    fn take(&self) -> Option<u64> {
        let now = self.start.elapsed().as_secs();
        let mut unsaid = 0;
        if self.second.swap(now, Ordering::Relaxed) != now {
            unsaid = self.lines.swap(0, Ordering::Relaxed).saturating_sub(LINES);
        }
        (self.lines.fetch_add(1, Ordering::Relaxed) < LINES).then_some(unsaid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_limited() {
        let limit = Limit::new();
        let said = (0..100).filter(|_| limit.take().is_some()).count() as u64;
        // A second may pass in between.
        assert!((LINES..=2 * LINES).contains(&said), "{said}");
    }
}
