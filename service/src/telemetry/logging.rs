use std::io;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    Failure,
    config::{LogFormat, LogSettings},
};

/// Lines waiting for the terminal or the pipe. Further ones are dropped rather than slowing a call down.
const QUEUE: usize = 16 * 1024;

/// Writes what is still queued when it is dropped.
#[derive(Debug)]
pub struct Guard {
    _worker: WorkerGuard,
}

/// Sends log lines to standard output, from a thread of its own.
///
/// # Errors
///
/// If the filter is none.
pub fn init(settings: &LogSettings) -> Result<Guard, Failure> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|error| Failure::usage(format!("SHELFWISE_LOG: {:?}: {error}", settings.log)))?;
    let (writer, worker) =
        NonBlockingBuilder::default().buffered_lines_limit(QUEUE).thread_name("log").finish(io::stdout());
    let layer = fmt::layer().with_writer(writer);
    let layer = match settings.log_format {
        LogFormat::Text => layer.with_target(false).with_ansi(false).compact().boxed(),
        LogFormat::Json => {
            layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    };
    Registry::default()
        .with(layer.with_filter(filter))
        .try_init()
        .map_err(|error| Failure::usage(format!("the log is already set up: {error}")))?;
    Ok(Guard { _worker: worker })
}
