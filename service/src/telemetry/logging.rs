use std::{
    io::{self, BufWriter, Stdout, Write},
    thread,
    time::Duration,
};

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

/// How long lines are gathered before they are written. A system call a line would cost a quarter of a call.
const GATHER: Duration = Duration::from_millis(5);

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
    let (writer, worker) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUE)
        .thread_name("log")
        .finish(Gathered(BufWriter::with_capacity(64 * 1024, io::stdout())));
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

/// Standard output, written in few large pieces. The queue's thread flushes whenever the queue is empty.
struct Gathered(BufWriter<Stdout>);

impl Write for Gathered {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        thread::sleep(GATHER);
        Ok(())
    }
}
