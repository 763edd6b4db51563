//! The one way in which a function runs: in its turn, and counted.

mod counters;
mod lane;

use std::{sync::Arc, time::Instant};

use host::{Call, CallError, Ended, Usage};
use service::telemetry::Metrics;
use tokio::sync::SemaphorePermit;

use self::counters::Running;
pub use self::{
    counters::{Counted, Counters, Outcome},
    lane::{Lane, LaneLimits, Overloaded},
};
use crate::{deployed::Deployed, logs::Logs};

/// Runs functions, so many at a time in all, and so many of each.
#[derive(Clone, Debug)]
pub struct Calls {
    all: Arc<Lane>,
    metrics: Arc<counters::CallMetrics>,
}

/// One call, from when it is asked for to when what it came to is counted. One that is dropped before that was given up: its
/// client has gone, or a request's whole time was over.
pub struct Turn<'a> {
    calls: &'a Calls,
    deployed: &'a Deployed,
    logs: &'a Logs,
    id: &'a Arc<str>,
    asked: Instant,
    begun: Option<Begun<'a>>,
    counted: bool,
}

/// The places of a call, of the function and of all.
struct Begun<'a> {
    at: Instant,
    _places: [SemaphorePermit<'a>; 2],
    _running: Running<'a>,
}

impl Calls {
    /// With the bounds of all functions together.
    ///
    /// # Panics
    ///
    /// If `metrics` already counts calls of functions.
    #[must_use]
    pub fn new(limits: LaneLimits, metrics: &Metrics) -> Self {
        Self { all: Arc::new(Lane::new(limits)), metrics: Arc::new(counters::CallMetrics::new(metrics)) }
    }

    /// A call of this function, which has not begun. In `logs` it goes by `id`.
    #[must_use]
    pub fn turn<'a>(&'a self, deployed: &'a Deployed, logs: &'a Logs, id: &'a Arc<str>) -> Turn<'a> {
        Turn { calls: self, deployed, logs, id, asked: Instant::now(), begun: None, counted: false }
    }
}

impl Turn<'_> {
    /// Waits for a place, of the function and of all, and runs the call. Dropping the future ends the guest.
    ///
    /// The places are kept until [`Self::ended`], so that what is made of the answer is bounded, too.
    ///
    /// # Errors
    ///
    /// If as many calls wait already as may, none of those that run ends in time, or there is no room for what this one takes.
    pub async fn run(&mut self, call: Call) -> Result<Ended, Overloaded> {
        let (calls, deployed) = (self.calls, self.deployed);
        let waited = async {
            let own = deployed.lane.place().await.map_err(|()| Overloaded::Function)?;
            let place = calls.all.place().await.map_err(|()| Overloaded::All)?;
            Ok::<_, Overloaded>([own, place])
        };
        let places = waited.await.inspect_err(|_| self.refused())?;
        let running = deployed.counters.running();
        self.begun = Some(Begun { at: Instant::now(), _places: places, _running: running });
        let ended = deployed.function.call(call).await;
        if matches!(ended.result, Err(CallError::NoRoom)) {
            tracing::warn!(function = %deployed.name, id = %self.id, "there is no room for a further instance");
            self.refused();
            return Err(Overloaded::All);
        }
        Ok(ended)
    }

    /// Counts the call, once it is known whether its answer can be used.
    pub fn ended(mut self, outcome: Outcome, usage: &Usage) {
        self.counted = true;
        self.deployed.counters.ended(outcome, usage);
        self.calls.metrics.ended(&self.deployed.name, &self.deployed.counters, outcome, usage);
    }

    fn refused(&mut self) {
        self.counted = true;
        self.deployed.counters.refused();
        self.calls.metrics.refused(&self.deployed.name);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.counted {
            return;
        }
        let deployed = self.deployed;
        let begun = self.begun.take();
        // What a guest used that was ended in the middle is not known, but for its time.
        let time = begun.as_ref().map(|begun| begun.at.elapsed());
        self.logs.given_up(&deployed.name, self.id, self.asked.elapsed(), time.is_some());
        self.calls.metrics.given_up(&deployed.name, &deployed.counters, time);
        drop(begun);
        deployed.counters.given_up(time);
    }
}
