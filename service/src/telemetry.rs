//! What a process says about itself: log lines, metrics and traces.

mod calls;
mod export;
mod file;
mod logging;
mod metrics;

pub use calls::{CallLayer, RequestId};
pub use export::{Exporter, Span, VARIABLES};
pub use file::{LogFile, LogTarget, Reopen};
pub use logging::{Guard, LogControl, init, init_changing};
pub use metrics::Metrics;
