//! What a process says about itself: log lines, metrics and traces.

mod calls;
mod export;
mod logging;
mod metrics;

pub use calls::{CallLayer, RequestId};
pub use export::{Exporter, Span, VARIABLES};
pub use logging::{Guard, init};
pub use metrics::Metrics;
