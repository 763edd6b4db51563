use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use host::{Answer, CallError, Usage};
use prometheus::{
    Counter, CounterVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts,
};
use service::telemetry::Metrics;

use crate::name::Name;

/// Times are counted in steps of a quarter of an octave, from a microsecond to over an hour.
const STEPS: usize = 128;

/// What the calls of one function came to since this process began, over all of its versions.
#[derive(Debug)]
pub struct Counters {
    answered: AtomicU64,
    failed: AtomicU64,
    given_up: AtomicU64,
    refused: AtomicU64,
    running: AtomicU64,
    time: AtomicU64,
    cpu: AtomicU64,
    memory: AtomicU64,
    host_calls: AtomicU64,
    steps: [AtomicU64; STEPS],
    /// Looked up at the first call.
    scraped: OnceLock<Scraped>,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    /// Calls that were answered.
    pub answered: u64,
    /// Calls that were not, by their function or by a limit.
    pub failed: u64,
    /// Calls that whoever asked did not wait for.
    pub given_up: u64,
    /// Calls that were not begun, for too many were.
    pub refused: u64,
    /// Calls at this moment.
    pub running: u64,
    /// Time of all calls together.
    pub time: Duration,
    /// Processor time of all calls together.
    pub cpu: Duration,
    /// The most memory of any call, in bytes.
    pub memory: u64,
    /// Calls out of the guest, of all calls together.
    pub host_calls: u64,
    /// Half of the calls took no longer, to an eighth of it.
    pub p50: Duration,
    /// All but one in a hundred took no longer, to an eighth of it.
    pub p99: Duration,
}

/// How a call ended, as metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    Answered,
    /// With an error of the caller's or of the function's own.
    Refused,
    /// With a trap, a bad answer or a failure of the host.
    Failed,
    /// At a limit.
    Limited,
    /// Not by itself: whoever asked did not wait for it.
    GivenUp,
}

/// A call that runs, as long as it does.
pub(super) struct Running<'a>(&'a AtomicU64);

impl Outcome {
    /// Of a call whose answer can be used if it has one.
    #[must_use]
    pub const fn of(result: &Result<Answer, CallError>) -> Self {
        match result {
            Ok(_) => Self::Answered,
            Err(
                CallError::Exit(_)
                | CallError::Refused { .. }
                | CallError::LongInput(_)
                | CallError::Missing(_),
            ) => Self::Refused,
            Err(CallError::Trap(_) | CallError::BadAnswer(_) | CallError::Host(_)) => Self::Failed,
            Err(
                CallError::OutOfTime(_)
                | CallError::OutOfCpu(_)
                | CallError::OutOfMemory(_)
                | CallError::OutOfTables
                | CallError::LongAnswer(_)
                | CallError::TooManyHostCalls(_)
                | CallError::NoRoom,
            ) => Self::Limited,
        }
    }

    const ALL: [Self; 5] = [Self::Answered, Self::Refused, Self::Failed, Self::Limited, Self::GivenUp];

    const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Limited => "limited",
            Self::GivenUp => "given-up",
        }
    }
}

impl Counters {
    /// What was counted so far.
    #[must_use]
    pub fn counted(&self) -> Counted {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let steps: Vec<u64> = self.steps.iter().map(get).collect();
        let total: u64 = steps.iter().sum();
        Counted {
            answered: get(&self.answered),
            failed: get(&self.failed),
            given_up: get(&self.given_up),
            refused: get(&self.refused),
            running: get(&self.running),
            time: Duration::from_micros(get(&self.time)),
            cpu: Duration::from_micros(get(&self.cpu)),
            memory: get(&self.memory),
            host_calls: get(&self.host_calls),
            p50: quantile(&steps, total.div_ceil(2)),
            p99: quantile(&steps, (total * 99).div_ceil(100)),
        }
    }

    pub(super) fn running(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(&self.running)
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, outcome: Outcome, usage: &Usage) {
        let add = |counter: &AtomicU64, more: u64| counter.fetch_add(more, Ordering::Relaxed);
        let counter = match outcome {
            Outcome::Answered => &self.answered,
            Outcome::GivenUp => &self.given_up,
            Outcome::Refused | Outcome::Failed | Outcome::Limited => &self.failed,
        };
        add(counter, 1);
        add(&self.time, micros(usage.time));
        add(&self.cpu, micros(usage.cpu));
        add(&self.host_calls, usage.host_calls);
        self.memory.fetch_max(usage.memory as u64, Ordering::Relaxed);
        add(&self.steps[step(usage.time)], 1);
    }

    /// A call that had run for so long, or had not begun.
    pub(super) fn given_up(&self, time: Option<Duration>) {
        match time {
            Some(time) => self.ended(Outcome::GivenUp, &Usage { time, ..Usage::default() }),
            None => drop(self.given_up.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

impl Default for Counters {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            answered: zero(),
            failed: zero(),
            given_up: zero(),
            refused: zero(),
            running: zero(),
            time: zero(),
            cpu: zero(),
            memory: zero(),
            host_calls: zero(),
            steps: std::array::from_fn(|_| zero()),
            scraped: OnceLock::new(),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The step of a time: four to each doubling.
fn step(time: Duration) -> usize {
    let micros = micros(time).max(1);
    let octave = micros.ilog2();
    let quarter = if octave >= 2 { (micros >> (octave - 2)) & 3 } else { 0 };
    ((octave as usize) * 4 + quarter as usize).min(STEPS - 1)
}

/// The middle of the step in which the call of this rank is.
fn quantile(steps: &[u64], rank: u64) -> Duration {
    let mut seen = 0;
    for (step, count) in steps.iter().enumerate() {
        seen += count;
        if *count > 0 && seen >= rank {
            let (octave, quarter) = (step / 4, step % 4);
            let low = (1_u64 << octave) as f64 * (1.0 + quarter as f64 / 4.0);
            return Duration::from_secs_f64(low * 1.125 / 1e6);
        }
    }
    Duration::ZERO
}

/// The same for whoever scrapes.
#[derive(Debug)]
pub(super) struct CallMetrics {
    calls: IntCounterVec,
    refused: IntCounterVec,
    seconds: HistogramVec,
    cpu: CounterVec,
    memory: IntGaugeVec,
}

/// What of that is one function's.
#[derive(Debug)]
struct Scraped {
    /// In the order of [`Outcome::ALL`].
    calls: [IntCounter; 5],
    seconds: Histogram,
    cpu: Counter,
    memory: IntGauge,
}

impl CallMetrics {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels).expect("valid names")
        };
        let calls =
            counter("function_calls_total", "Calls of functions that have ended.", &["function", "outcome"]);
        let refused = counter(
            "function_calls_refused_total",
            "Calls of functions that were not begun, for too many were.",
            &["function"],
        );
        let seconds = HistogramOpts::new("function_call_seconds", "Time that calls of functions took.");
        let seconds =
            seconds.buckets(vec![0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0]);
        let seconds = HistogramVec::new(seconds, &["function"]).expect("valid names");
        let cpu = Opts::new("function_cpu_seconds_total", "Processor time that calls of functions took.");
        let cpu = CounterVec::new(cpu, &["function"]).expect("valid names");
        let memory = Opts::new("function_memory_bytes", "Linear memory of the last call of a function.");
        let memory = IntGaugeVec::new(memory, &["function"]).expect("valid names");
        let registry = metrics.registry();
        let once = "calls of functions are counted once";
        registry.register(Box::new(calls.clone())).expect(once);
        registry.register(Box::new(refused.clone())).expect(once);
        registry.register(Box::new(seconds.clone())).expect(once);
        registry.register(Box::new(cpu.clone())).expect(once);
        registry.register(Box::new(memory.clone())).expect(once);
        Self { calls, refused, seconds, cpu, memory }
    }

    pub(super) fn refused(&self, function: &Name) {
        self.refused.with_label_values(&[&**function]).inc();
    }

    pub(super) fn ended(&self, function: &Name, counters: &Counters, outcome: Outcome, usage: &Usage) {
        let scraped = self.of(function, counters);
        scraped.calls[outcome as usize].inc();
        scraped.seconds.observe(usage.time.as_secs_f64());
        scraped.cpu.inc_by(usage.cpu.as_secs_f64());
        scraped.memory.set(i64::try_from(usage.memory).unwrap_or(i64::MAX));
    }

    pub(super) fn given_up(&self, function: &Name, counters: &Counters, time: Option<Duration>) {
        let scraped = self.of(function, counters);
        scraped.calls[Outcome::GivenUp as usize].inc();
        if let Some(time) = time {
            scraped.seconds.observe(time.as_secs_f64());
        }
    }

    /// Of one function: a name is looked up under a lock, so that is done once and not in each call.
    fn of<'a>(&self, function: &Name, counters: &'a Counters) -> &'a Scraped {
        counters.scraped.get_or_init(|| {
            let name = &**function;
            Scraped {
                calls: Outcome::ALL.map(|outcome| self.calls.with_label_values(&[name, outcome.name()])),
                seconds: self.seconds.with_label_values(&[name]),
                cpu: self.cpu.with_label_values(&[name]),
                memory: self.memory.with_label_values(&[name]),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{STEPS, quantile, step};

    #[test]
    fn a_quantile_is_near_what_was_counted() {
        for micros in [1_u64, 3, 40, 999, 12_345, 5_000_000, 3_600_000_000] {
            let mut steps = vec![0; STEPS];
            steps[step(Duration::from_micros(micros))] = 1;
            let found = quantile(&steps, 1).as_secs_f64() * 1e6;
            assert!((found / micros as f64 - 1.0).abs() < 0.3, "{micros}: {found}");
        }
        assert_eq!(quantile(&vec![0; STEPS], 0), Duration::ZERO);
    }
}
