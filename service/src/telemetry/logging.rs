use std::{
    io::{self, BufWriter, Write},
    thread,
    time::Duration,
};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, fmt,
    layer::{Filter, SubscriberExt as _},
    reload,
    util::SubscriberInitExt as _,
};

use super::{LogFile, LogTarget, Reopen};
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

/// Changes the log of a running process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogControl {
    filter: reload::Handle<EnvFilter, Registry>,
    file: Reopen,
}

impl LogControl {
    /// Takes another filter from now on, such as `warn` or `warn,functions=debug`.
    ///
    /// # Errors
    ///
    /// If it is none; the old one then stays.
    pub fn filter(&self, filter: &str) -> Result<(), String> {
        let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
        self.filter.reload(filter).map_err(|error| error.to_string())
    }

    /// Opens the log's file anew.
    ///
    /// # Errors
    ///
    /// As [`Reopen::reopen`].
    pub fn reopen(&self) -> io::Result<()> {
        self.file.reopen()
    }
}

/// Sends log lines to standard output, from a thread of its own.
///
/// # Errors
///
/// If the filter is none.
pub fn init(settings: &LogSettings) -> Result<Guard, Failure> {
    install(settings, LogFile::open(&LogTarget::Stdout).map_err(Failure::io)?.0, filter(settings)?)
}

/// As [`init`], for a log that may change while the process runs, and may be a file.
///
/// # Errors
///
/// If the filter is none, or the file cannot be opened.
pub fn init_changing(settings: &LogSettings, target: &LogTarget) -> Result<(Guard, LogControl), Failure> {
    let opened = LogFile::open(target);
    let (to, file) = opened.map_err(|error| Failure::io(format!("log file {target}: {error}")))?;
    // Only here: it takes a lock for each line.
    let (layer, filter) = reload::Layer::new(filter(settings)?);
    Ok((install(settings, to, layer)?, LogControl { filter, file }))
}

fn filter(settings: &LogSettings) -> Result<EnvFilter, Failure> {
    EnvFilter::try_new(&settings.log)
        .map_err(|error| Failure::usage(format!("SHELFWISE_LOG: {:?}: {error}", settings.log)))
}

fn install<F>(settings: &LogSettings, to: LogFile, filter: F) -> Result<Guard, Failure>
where
    F: Filter<Registry> + Send + Sync + 'static,
{
    let (writer, worker) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUE)
        .thread_name("log")
        .finish(Gathered(BufWriter::with_capacity(64 * 1024, to)));
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

/// Where lines go, written in few large pieces. The queue's thread flushes whenever the queue is empty.
struct Gathered(BufWriter<LogFile>);

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
