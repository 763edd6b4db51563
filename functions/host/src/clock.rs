use std::time::{Duration, Instant};

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// What a guest is given that may not see the real time: it is always 1970.
pub(crate) struct NoTime;

/// Milliseconds since the call began, so that a guest which sleeps wakes up again. The first is 1: Go ends a program that is
/// told of none.
pub(crate) struct CallTime(Instant);

impl CallTime {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl HostWallClock for NoTime {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for CallTime {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        let begun = u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        begun.saturating_add(1).saturating_mul(1_000_000)
    }
}
