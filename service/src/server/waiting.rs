//! What waits for the other side of a connection to take it, and for how long.
//!
//! Two things wait: bytes that the kernel does not accept since nobody reads them, and pieces of answers. The second is
//! more than the first with HTTP/2, where the other side may read the connection and yet keep a stream's window shut: hyper
//! then is done with the answer, and its bytes lie in h2's queue, which has no clock.

use std::{
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::sleep,
};

use super::quiet::Busy;

const PERIODS: usize = 4;

/// The longest piece. hyper takes an HTTP/1.1 answer for sent as soon as it has its last piece in hands, and from then on
/// waits for the next request for no longer than `header_time`; so the last piece is to be one that the kernel takes at once.
const LONGEST: usize = super::UNSENT as usize / 2;

/// How many things wait on one connection, counted by the period in which something of them was last taken. No clock is
/// read and no timer set for any of them: the connection begins a period now and then, and looks at an old one.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    period: AtomicU32,
    counts: [AtomicUsize; PERIODS],
}

impl Waiting {
    /// Resolves when nothing of something was taken for `time`, or for half as long again.
    pub(super) async fn too_long(&self, time: Duration) {
        loop {
            sleep(time / 2).await;
            let period = self.period.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            // Two whole periods lie between that one and now.
            if self.count(period.wrapping_sub(3)).load(Ordering::Relaxed) > 0 {
                return;
            }
        }
    }

    fn count(&self, period: u32) -> &AtomicUsize {
        &self.counts[period as usize % PERIODS]
    }
}

/// One thing that waits, until it is dropped.
#[derive(Debug)]
struct Wait {
    waiting: Arc<Waiting>,
    period: u32,
}

impl Wait {
    fn begin(waiting: &Arc<Waiting>) -> Self {
        let period = waiting.period.load(Ordering::Relaxed);
        waiting.count(period).fetch_add(1, Ordering::Relaxed);
        Self { waiting: Arc::clone(waiting), period }
    }

    fn progress(&mut self) {
        let period = self.waiting.period.load(Ordering::Relaxed);
        if period != self.period {
            self.waiting.count(period).fetch_add(1, Ordering::Relaxed);
            self.waiting.count(self.period).fetch_sub(1, Ordering::Relaxed);
            self.period = period;
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waiting.count(self.period).fetch_sub(1, Ordering::Relaxed);
    }
}

/// A TCP stream that waits while the kernel takes none of what is written.
#[derive(Debug)]
pub(super) struct Stream {
    stream: TcpStream,
    waiting: Arc<Waiting>,
    wait: Option<Wait>,
}

impl Stream {
    pub(super) fn new(stream: TcpStream, waiting: Arc<Waiting>) -> Self {
        Self { stream, waiting, wait: None }
    }

    fn written(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.wait = None;
        } else if self.wait.is_none() {
            self.wait = Some(Wait::begin(&self.waiting));
        }
        result
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Some bytes of an answer. They wait until all are taken, or given up.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    wait: Option<Wait>,
}

impl Piece {
    fn new(bytes: Bytes, waiting: &Arc<Waiting>) -> Self {
        let wait = (!bytes.is_empty()).then(|| Wait::begin(waiting));
        Self { bytes, wait }
    }

    fn taken(&mut self) {
        if self.bytes.is_empty() {
            self.wait = None;
        } else if let Some(wait) = &mut self.wait {
            wait.progress();
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.taken();
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        let bytes = self.bytes.copy_to_bytes(length);
        self.taken();
        bytes
    }
}

pin_project_lite::pin_project! {
    /// An answer's body in pieces that wait.
    pub(super) struct Pieces<B> {
        #[pin]
        body: B,
        // What is left of a frame that was longer than a piece.
        rest: Bytes,
        waiting: Arc<Waiting>,
        // Says that the connection is in use, until the answer is sent or given up.
        busy: Option<Busy>,
    }
}

impl<B> Pieces<B> {
    pub(super) fn new(body: B, waiting: Arc<Waiting>, busy: Option<Busy>) -> Self {
        Self { body, rest: Bytes::new(), waiting, busy }
    }
}

impl<B: Body<Data = Bytes>> Body for Pieces<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let this = self.project();
        let frame = if this.rest.is_empty() {
            ready!(this.body.poll_frame(context))
        } else {
            Some(Ok(Frame::data(mem::take(this.rest))))
        };
        let piece = |mut bytes: Bytes| {
            if bytes.len() > LONGEST {
                *this.rest = bytes.split_off(LONGEST);
            }
            Piece::new(bytes, this.waiting)
        };
        Poll::Ready(frame.map(|frame| Ok(frame?.map_data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut size, rest) = (self.body.size_hint(), self.rest.len() as u64);
        // The upper bound first: it must not be below the lower one.
        if let Some(upper) = size.upper() {
            size.set_upper(upper + rest);
        }
        size.set_lower(size.lower() + rest);
        size
    }
}
