use std::{
    io::{self, Write as _},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use prometheus::IntCounter;
use service::telemetry::{LogFile, LogTarget, Reopen};

use super::line::{Dates, Line};

/// Lines that wait for the disk. Further ones are lost rather than slowing a request down.
const QUEUE: usize = 16 * 1024;
/// Bytes that are written at once.
const BATCH: usize = 64 * 1024;
/// How long lines are gathered before they are written: a system call a line would cost a good part of a call.
const GATHER: Duration = Duration::from_millis(5);
/// How often a disk that takes nothing is complained of.
const COMPLAINTS: Duration = Duration::from_secs(60);

/// The thread that writes, and the way to it. Dropping it writes what is queued.
#[derive(Debug)]
pub(super) struct Writer {
    /// None once it ends.
    lines: Option<SyncSender<Line>>,
    thread: Option<JoinHandle<()>>,
    reopen: Reopen,
    lost: IntCounter,
}

impl Writer {
    pub(super) fn start(target: &LogTarget, lost: IntCounter) -> io::Result<Self> {
        let (file, reopen) = LogFile::open(target)?;
        let (lines, queue) = sync_channel(QUEUE);
        let counter = lost.clone();
        let thread =
            thread::Builder::new().name("access".to_owned()).spawn(move || write(&queue, file, &counter))?;
        Ok(Self { lines: Some(lines), thread: Some(thread), reopen, lost })
    }

    pub(super) fn write(&self, line: Line) {
        if self.lines.as_ref().is_none_or(|lines| lines.try_send(line).is_err()) {
            self.lost.inc();
        }
    }

    pub(super) fn reopen(&self) -> Reopen {
        self.reopen.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            // It ends when the queue is empty; a disk that hangs then hangs the end of the process, which is cut off by whoever
            // has asked for it.
            let _ = thread.join();
        }
    }
}

fn write(queue: &Receiver<Line>, mut file: LogFile, lost: &IntCounter) {
    let mut dates = Dates::default();
    let mut batch = Vec::with_capacity(BATCH);
    let mut complained: Option<Instant> = None;
    while let Ok(first) = queue.recv() {
        let mut next = Some(first);
        let mut lines = 0;
        while let Some(line) = next {
            line.write(&mut dates, &mut batch);
            lines += 1;
            next = if batch.len() < BATCH { queue.try_recv().ok() } else { None };
        }
        // Whole lines, so that none is torn between an old file and a new one.
        if let Err(error) = file.write_all(&batch).and_then(|()| file.flush()) {
            lost.inc_by(lines);
            if complained.is_none_or(|at| at.elapsed() >= COMPLAINTS) {
                tracing::warn!(%error, "the access log cannot be written; its lines are lost");
                complained = Some(Instant::now());
            }
        }
        batch.clear();
        thread::sleep(GATHER);
    }
}
