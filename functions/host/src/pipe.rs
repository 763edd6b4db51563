use std::{
    future::{Future, ready},
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError},
};

use crate::Lines;

/// What a guest writes, up to a limit. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Pipe(Arc<Mutex<Inner>>);

struct Inner {
    bytes: Vec<u8>,
    limit: usize,
    beyond: Beyond,
    overflowed: bool,
    /// Who is told each line, and where the line begins that has not ended yet.
    reader: Option<(Lines, usize)>,
}

/// What becomes of bytes beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// They end the guest.
    Trap,
    /// They are dropped, and the guest does not notice.
    Drop,
}

impl Pipe {
    pub(crate) fn new(limit: usize, beyond: Beyond) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            bytes: Vec::new(),
            limit,
            beyond,
            overflowed: false,
            reader: None,
        })))
    }

    /// Tells each whole line from now on to this one, or to nobody.
    pub(crate) fn tell(&self, reader: Option<&Lines>) {
        self.inner().reader = reader.map(|reader| (Arc::clone(reader), 0));
    }

    /// Whether the guest wanted to write more than the limit.
    pub(crate) fn overflowed(&self) -> bool {
        self.inner().overflowed
    }

    pub(crate) fn limit(&self) -> usize {
        self.inner().limit
    }

    /// What was written, and nothing is left.
    pub(crate) fn take(&self) -> Bytes {
        let inner = &mut *self.inner();
        if let Some((_, told)) = &mut inner.reader {
            *told = 0;
        }
        Bytes::from(std::mem::take(&mut inner.bytes))
    }

    /// Whether all of them had room.
    pub(crate) fn push(&self, bytes: &[u8]) -> bool {
        let inner = &mut *self.inner();
        let room = inner.limit - inner.bytes.len();
        inner.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        inner.overflowed |= bytes.len() > room;
        inner.tell();
        bytes.len() <= room
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> bool {
        self.inner().beyond == Beyond::Trap
    }
}

impl Inner {
    fn tell(&mut self) {
        let Some((reader, told)) = &mut self.reader else { return };
        while let Some(length) = self.bytes[*told..].iter().position(|byte| *byte == b'\n') {
            reader(&String::from_utf8_lossy(&self.bytes[*told..*told + length]));
            *told += length + 1;
        }
    }
}

impl OutputStream for Pipe {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        if !self.push(&bytes) && self.ends() {
            return Err(StreamError::Trap(wasmtime::format_err!("more output than is allowed")));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        // More than there is room for: what goes beyond is to be noticed.
        Ok(64 << 10)
    }
}

impl Pollable for Pipe {
    fn ready<'this, 'future>(&'this mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'future>>
    where
        'this: 'future,
        Self: 'future,
    {
        Box::pin(ready(()))
    }
}

impl IsTerminal for Pipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Pipe {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.push(bytes) && self.ends() {
            return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
