//! The one way in which a function runs: in its turn, and counted.

mod counters;
mod lane;

use std::sync::Arc;

use host::{Call, Ended};
use service::telemetry::Metrics;

pub use self::{
    counters::{Counted, Counters, Outcome},
    lane::{Lane, LaneLimits, Overloaded},
};
use crate::deployed::Deployed;

/// Runs functions, so many at a time in all, and so many of each.
#[derive(Clone, Debug)]
pub struct Calls {
    all: Arc<Lane>,
    metrics: Arc<counters::CallMetrics>,
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

    /// Waits for a place, of the function and of all, and runs the call. Dropping the future ends the guest.
    ///
    /// # Errors
    ///
    /// If as many calls wait already as may, or none of those that run ends in time.
    pub async fn run(&self, deployed: &Deployed, call: Call) -> Result<Ended, Overloaded> {
        let waited = async {
            let own = deployed.lane.place().await.map_err(|()| Overloaded::Function)?;
            let place = self.all.place().await.map_err(|()| Overloaded::All)?;
            Ok((own, place))
        };
        let _places = match waited.await {
            Ok(places) => places,
            Err(overloaded) => {
                self.metrics.refused(&deployed.name);
                deployed.counters.refused();
                return Err(overloaded);
            }
        };
        let running = deployed.counters.running();
        let ended = deployed.function.call(call).await;
        drop(running);
        deployed.counters.ended(&ended);
        self.metrics.ended(&deployed.name, &ended);
        Ok(ended)
    }
}
