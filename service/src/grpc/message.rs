//! What a call reads.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::Status;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pin_project_lite::pin_project! {
    /// The body of a call, which has to be there in time where there is a limit: `DEADLINE_EXCEEDED`.
    #[derive(Debug)]
    pub struct Message<B> {
        #[pin]
        body: B,
        time: Option<Duration>,
        // Made when it is waited for the first time: nearly all messages come with their call.
        #[pin]
        end: Option<Sleep>,
    }
}

impl<B> Message<B> {
    pub(super) fn new(body: B, time: Option<Duration>) -> Self {
        Self { body, time, end: None }
    }
}

impl<B> Body for Message<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| Status::from_error(error.into()))));
        }
        let Some(time) = *this.time else { return Poll::Pending };
        if this.end.is_none() {
            this.end.set(Some(sleep(time)));
        }
        let end = this.end.as_pin_mut().expect("it was just made");
        ready!(end.poll(context));
        Poll::Ready(Some(Err(Status::deadline_exceeded("the call's message did not come in time"))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::poll_fn, pin::pin};

    use futures_util::stream;
    use http_body_util::StreamBody;
    use tokio::sync::oneshot;
    use tonic::Code;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A call's message, which comes when it is sent.
    fn message(time: Option<Duration>) -> (oneshot::Sender<()>, impl Future<Output = Result<Bytes, Status>>) {
        let (send, sent) = oneshot::channel();
        let body = StreamBody::new(stream::once(async move {
            sent.await.unwrap();
            Ok::<_, Infallible>(Frame::data(Bytes::from("book")))
        }));
        let read = async move {
            let mut message = pin!(Message::new(body, time));
            let frame = poll_fn(|context| message.as_mut().poll_frame(context)).await.expect("a frame")?;
            Ok(frame.into_data().expect("data"))
        };
        (send, read)
    }

    #[tokio::test]
    async fn it_comes_in_time_or_the_call_ends() {
        for time in [Some(LONG), None] {
            let (send, read) = message(time);
            let read = tokio::spawn(read);
            tokio::task::yield_now().await;
            send.send(()).unwrap();
            assert_eq!(read.await.unwrap().unwrap(), "book");
        }
        let (_send, read) = message(Some(Duration::from_millis(10)));
        assert_eq!(read.await.unwrap_err().code(), Code::DeadlineExceeded);
    }
}
