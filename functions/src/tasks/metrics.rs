use prometheus::{IntCounterVec, IntGauge, Opts};
use service::telemetry::Metrics;

use crate::store::TaskState;

/// What is counted of tasks in this process.
#[derive(Clone, Debug)]
pub(super) struct TaskMetrics {
    running: IntGauge,
    ended: IntCounterVec,
    told: IntCounterVec,
}

impl TaskMetrics {
    /// Registers them.
    ///
    /// # Panics
    ///
    /// If `metrics` has them already.
    pub(super) fn new(metrics: &Metrics) -> Self {
        let running = IntGauge::new("tasks_running", "Tasks at work in this process.").expect("a valid name");
        let counter =
            |name, help, label| IntCounterVec::new(Opts::new(name, help), &[label]).expect("valid names");
        let ended = counter("tasks_ended_total", "Attempts at tasks, by what they came to.", "state");
        let told =
            counter("webhook_attempts_total", "Attempts to tell the end of a task, by outcome.", "outcome");
        let registry = metrics.registry();
        registry.register(Box::new(running.clone())).expect("registered once");
        registry.register(Box::new(ended.clone())).expect("registered once");
        registry.register(Box::new(told.clone())).expect("registered once");
        Self { running, ended, told }
    }

    pub(super) fn running(&self, tasks: usize) {
        self.running.set(i64::try_from(tasks).unwrap_or(i64::MAX));
    }

    /// An attempt has ended so; one that will be made again says scheduled.
    pub(super) fn ended(&self, state: TaskState) {
        self.ended.with_label_values(&[state.word()]).inc();
    }

    pub(super) fn told(&self, outcome: &str) {
        self.told.with_label_values(&[outcome]).inc();
    }
}
