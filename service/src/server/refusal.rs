//! Names for what hyper refuses by itself: requests that are no HTTP, or whose head is too long, never become calls, and
//! hyper's answers to them cannot be given headers but on their way out.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Protocol;

/// hyper's own answers are shorter: a status and two or three headers.
const LONGEST: usize = 256;
const ID: &[u8] = b"x-request-id: ";

/// A connection on which every answer that hyper makes up bears the request's name, as all other answers do.
#[derive(Debug)]
pub(super) struct Named<S> {
    stream: S,
    id: u64,
    /// What is left of an answer that was named, and how much of what hyper gave it stands for.
    rest: Vec<u8>,
    given: usize,
    protocol: Protocol,
}

impl<S: AsyncWrite + Unpin> Named<S> {
    pub(super) fn new(stream: S, id: u64, protocol: Protocol) -> Self {
        Self { stream, id, rest: Vec::new(), given: 0, protocol }
    }

    /// Whether these bytes are, or are the rest of, an answer that hyper made up; takes them if so.
    fn takes(&mut self, bytes: &[u8]) -> bool {
        if self.rest.is_empty() && is_made_up(bytes) {
            // Before the empty line that ends the head.
            let (head, end) = bytes.split_at(bytes.len() - 2);
            let name = format!("{:016x}\r\n", self.id);
            self.rest = [head, ID, name.as_bytes(), end].concat();
            self.given = bytes.len();
        }
        !self.rest.is_empty()
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while !self.rest.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.rest.drain(..written)),
            }
        }
        Poll::Ready(Ok(self.given))
    }
}

/// An answer of HTTP/1.1 that says the request is wrong, is all head, and has no name.
fn is_made_up(bytes: &[u8]) -> bool {
    bytes.len() <= LONGEST
        && bytes.starts_with(b"HTTP/1.1 4")
        && bytes.ends_with(b"\r\n\r\n")
        && !bytes.windows(ID.len()).any(|window| window == ID)
}

impl<S: AsyncRead + Unpin> AsyncRead for Named<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Named<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.takes(bytes) {
            return self.poll_rest(context);
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices
            && self.takes(bytes)
        {
            return self.poll_rest(context);
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        // Where slices are taken, h2 sends what is longer than 256 bytes apart from the trailers behind it: most answers would
        // be two system calls, and wake the other side twice. Where they are not, it copies what is no longer than 1 KiB.
        self.protocol != Protocol::Http2 && self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
