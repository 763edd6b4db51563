use std::time::Duration;

use clap::{Args, value_parser};
use host::{Limits, name::Name};
use service::config::positive_duration;

/// The shop's own order.
#[derive(Args, Clone, Debug)]
pub struct RankerSettings {
    /// The shop's ranker, a deployed function, which re-orders what is recommended; variants may name others [default: none]
    #[arg(long, value_name = "NAME")]
    pub ranker: Option<Name>,
    /// How long a ranker may take before the model's own order is shown
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = positive_duration)]
    pub ranker_time: Duration,
    /// How many MiB of memory a ranker may use
    #[arg(long, value_name = "MEBIBYTES", default_value_t = 64, value_parser = value_parser!(u16).range(1..=1024))]
    pub ranker_memory: u16,
}

impl RankerSettings {
    /// What one question to a ranker may take.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            time: self.ranker_time,
            cpu: self.ranker_time,
            memory: usize::from(self.ranker_memory) << 20,
            ..Limits::of_ranker()
        }
    }
}
