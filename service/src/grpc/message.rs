//! What a call reads, and when: before it has a place where that is one short message, so that nobody keeps a place by
//! sending none.

use std::{
    future::{Future as _, poll_fn},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The longest message that is read whole before its call has a place. As long as the head of a call may be: so many calls as a
/// connection may have take, before any of them is admitted, about what their heads do, and with the frame that ends or
/// exceeds it at most twice that. What is not read yet is bounded by the connection's window.
pub(super) const SHORT: usize = 16 * 1024;

/// The body of a call: what was read of it already, and the rest.
#[derive(Debug)]
pub struct Message<B> {
    /// The first frame, nearly always the whole message, and what was read after it.
    read: [Bytes; 2],
    body: B,
    /// When the rest has to be there. `None`: whenever it comes, or there is none.
    end: Option<Instant>,
    /// Made when something is waited for: nearly all messages come with their call.
    late: Option<Pin<Box<Sleep>>>,
}

impl<B> Message<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    /// A body of which nothing was read, and which may take its time.
    pub(super) fn unread(body: B) -> Self {
        Self { read: [Bytes::new(), Bytes::new()], body, end: None, late: None }
    }

    /// Reads a short message whole. Of a long one it reads the beginning, and the rest is to be there by `end`, too.
    ///
    /// # Errors
    ///
    /// If the caller breaks off, or what is read here is not there by `end`: `DEADLINE_EXCEEDED`.
    pub(super) async fn read(body: B, end: Instant) -> Result<Self, Status> {
        let mut message = Self { end: Some(end), ..Self::unread(body) };
        let (mut first, mut more) = (Bytes::new(), BytesMut::new());
        let mut whole = message.body.is_end_stream();
        while !whole && first.len() + more.len() < SHORT {
            match poll_fn(|context| message.poll_rest(context)).await.transpose()?.map(Frame::into_data) {
                Some(Ok(data)) if first.is_empty() => first = data,
                Some(Ok(data)) => more.extend_from_slice(&data),
                // A question has no trailers; if it had, nothing would come after them.
                Some(Err(_)) | None => whole = true,
            }
            whole |= message.body.is_end_stream();
        }
        if whole {
            message.end = None;
        }
        message.read = [first, more.freeze()];
        Ok(message)
    }

    /// Whether more of it than was read is to be there in time.
    pub(super) fn is_long(&self) -> bool {
        self.end.is_some()
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| Status::from_error(error.into()))));
        }
        let Some(end) = self.end else { return Poll::Pending };
        ready!(self.late.get_or_insert_with(|| Box::pin(sleep_until(end))).as_mut().poll(context));
        Poll::Ready(Some(Err(Status::deadline_exceeded("the call's message did not come in time"))))
    }
}

impl<B> Body for Message<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.read.iter_mut().find(|read| !read.is_empty()) {
            Some(read) => Poll::Ready(Some(Ok(Frame::data(mem::take(read))))),
            None => self.poll_rest(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.iter().all(Bytes::is_empty) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.iter().map(|read| read.len() as u64).sum::<u64>();
        let mut size = self.body.size_hint();
        // The upper bound first: it must not be below the lower one.
        if let Some(upper) = size.upper() {
            size.set_upper(upper + read);
        }
        size.set_lower(size.lower() + read);
        size
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use http_body_util::{BodyExt as _, StreamBody, combinators::BoxBody};
    use tokio::sync::mpsc;
    use tokio_stream::{StreamExt as _, wrappers::UnboundedReceiverStream};
    use tonic::Code;

    use super::*;

    const HALF: usize = SHORT / 2;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// A body that comes as it is sent, and ends when the sender is dropped.
    fn body() -> (mpsc::UnboundedSender<Bytes>, BoxBody<Bytes, Infallible>) {
        let (send, sent) = mpsc::unbounded_channel();
        let frames = UnboundedReceiverStream::new(sent).map(|data| Ok(Frame::data(data)));
        (send, StreamBody::new(frames).boxed())
    }

    #[tokio::test]
    async fn a_short_message_is_read_whole_and_handed_on_as_it_was() {
        let (send, body) = body();
        let reading = tokio::spawn(Message::read(body, soon()));
        for piece in ["bo", "", "ok"] {
            send.send(Bytes::from(piece)).unwrap();
            tokio::task::yield_now().await;
        }
        assert!(!reading.is_finished(), "it has not ended");
        drop(send);
        let message = reading.await.unwrap().unwrap();
        assert!(!message.is_long());
        assert_eq!(message.size_hint().lower(), 4);
        assert_eq!(message.collect().await.unwrap().to_bytes(), "book");
    }

    #[tokio::test]
    async fn of_a_long_message_the_rest_is_read_later_and_comes_in_time_or_the_call_ends() {
        for (end, expected) in [(soon(), Ok(4 * HALF)), (Instant::now() + Duration::from_millis(50), Err(()))]
        {
            let (send, body) = body();
            for _ in 0..3 {
                send.send(Bytes::from(vec![b'x'; HALF])).unwrap();
            }
            let message = Message::read(body, end).await.unwrap();
            assert!(message.is_long());
            assert_eq!(message.size_hint().lower() as usize, SHORT, "no more than that");
            if expected.is_ok() {
                send.send(Bytes::from(vec![b'x'; HALF])).unwrap();
                drop(send);
            }
            let read = message.collect().await.map(|read| read.to_bytes().len());
            let read = read.map_err(|status| assert_eq!(status.code(), Code::DeadlineExceeded));
            assert_eq!(read, expected);
        }
    }

    #[tokio::test]
    async fn a_message_that_does_not_come_ends_the_call_unless_it_may_take_its_time() {
        let (send, body) = body();
        let status = Message::read(body, Instant::now() + Duration::from_millis(10)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(send.is_closed(), "the body is given up");
        let (send, body) = self::body();
        let mut message = Message::unread(body);
        assert!(tokio::time::timeout(Duration::from_millis(50), message.frame()).await.is_err());
        send.send(Bytes::from("book")).unwrap();
        assert_eq!(message.frame().await.unwrap().unwrap().into_data().unwrap(), "book");
    }
}
