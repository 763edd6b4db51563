use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use h2::{
    Reason, RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::{HeaderValue, header};
use prost::Message;
use service::trace::TraceContext;

use super::{Addressed, Fault, Method, begin, finish, split, take};

/// Messages in both directions on one stream. When it is dropped, the server hears that nobody is there any more.
pub(crate) struct Exchange {
    sending: SendStream<Bytes>,
    receiving: Receiving,
}

/// What a server sends on one stream.
pub(crate) struct Receiving {
    answer: Option<ResponseFuture>,
    body: Option<RecvStream>,
    buffer: BytesMut,
}

/// Begins a call that is a stream.
pub(crate) fn exchange(
    sender: &SendRequest<Bytes>,
    addressed: &Addressed,
    method: Method,
    timeout: HeaderValue,
    token: Option<&HeaderValue>,
    trace: &TraceContext,
) -> Result<Exchange, Fault> {
    let mut request = addressed.request(method);
    request.headers_mut().insert("grpc-timeout", timeout);
    if let Some(token) = token {
        request.headers_mut().insert(header::AUTHORIZATION, token.clone());
    }
    trace.inject(request.headers_mut());
    let (answer, sending) = sender.clone().send_request(request, false).map_err(Fault::Refused)?;
    Ok(Exchange {
        sending,
        receiving: Receiving { answer: Some(answer), body: None, buffer: BytesMut::new() },
    })
}

impl Exchange {
    /// To be used at the same time.
    pub(crate) fn split(self) -> (SendStream<Bytes>, Receiving) {
        (self.sending, self.receiving)
    }
}

/// Sends a message when there is room for it on the way.
pub(crate) async fn push(sending: &mut SendStream<Bytes>, mut message: Bytes) -> Result<(), Fault> {
    while !message.is_empty() {
        sending.reserve_capacity(message.len());
        let room = poll_fn(|context| sending.poll_capacity(context)).await;
        let room = room.unwrap_or(Ok(0)).map_err(Fault::in_flight)?;
        if room == 0 {
            return Err(Fault::Cut(Reason::CANCEL.into()));
        }
        let piece = message.split_to(room.min(message.len()));
        sending.send_data(piece, false).map_err(Fault::in_flight)?;
    }
    Ok(())
}

/// Says that no more messages come.
pub(crate) fn close(sending: &mut SendStream<Bytes>) -> Result<(), Fault> {
    sending.send_data(Bytes::new(), true).map_err(Fault::in_flight)
}

impl Receiving {
    /// The next message; `None` when the server has said all, and that it went well.
    pub(crate) async fn next<A: Message + Default>(&mut self) -> Result<Option<A>, Fault> {
        if let Some(answer) = self.answer.take() {
            self.body = Some(begin(answer).await?);
        }
        let Some(body) = &mut self.body else { return Err(Fault::Wrong("no answer".to_owned())) };
        loop {
            if let Some(message) = split(&mut self.buffer)? {
                return A::decode(message).map(Some).map_err(|error| Fault::Wrong(error.to_string()));
            }
            match body.data().await {
                Some(data) => take(body, &mut self.buffer, &data.map_err(Fault::in_flight)?)?,
                None if self.buffer.is_empty() => return finish(body).await.map(|()| None),
                None => return Err(Fault::Wrong("half a message".to_owned())),
            }
        }
    }
}
