use std::{fmt, str::FromStr, time::Duration};

use clap::{Args, value_parser};
use host::Limits;
use service::config::positive_duration;

/// The longest name, as functions have them.
const LONGEST: usize = 63;

/// The shop's own order.
#[derive(Args, Clone, Debug)]
pub struct RankerSettings {
    /// The shop's ranker, a deployed function, which re-orders what is recommended; variants may name others [default: none]
    #[arg(long, value_name = "NAME")]
    pub ranker: Option<RankerName>,
    /// How long a ranker may take before the model's own order is shown
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = positive_duration)]
    pub ranker_time: Duration,
    /// How many MiB of memory a ranker may use
    #[arg(long, value_name = "MEBIBYTES", default_value_t = 64, value_parser = value_parser!(u16).range(1..=1024))]
    pub ranker_memory: u16,
}

/// The name of a function that ranks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankerName(String);

impl RankerSettings {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            time: self.ranker_time,
            cpu: self.ranker_time,
            memory: usize::from(self.ranker_memory) << 20,
            ..Limits::of_ranker()
        }
    }
}

impl RankerName {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RankerName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let first = text.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        if first && text.len() <= LONGEST && text.bytes().all(sign) {
            Ok(Self(text.to_owned()))
        } else {
            Err(
                "not a function's name: 1 to 63 of the letters a to z, 0 to 9 and -, the first of them a letter",
            )
        }
    }
}

impl fmt::Display for RankerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
