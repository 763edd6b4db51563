//! `Recommend` over HTTP/2, written on hyper: a full gRPC client would spend more than some of the servers.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use protobufs::recommendations::{BookCategory, RecommendationRequest, RecommendationResponse};
use tokio::net::TcpStream;

use super::wrong;
use crate::failure::{Failure, chain};

/// Bytes before every message: a flag and a length.
const FRAME: usize = 5;

/// Calls of one server, and what is a right answer.
#[derive(Clone, Debug)]
pub(crate) struct Recommend {
    pub(crate) address: SocketAddr,
    pub(crate) questions: Questions,
    /// The size of the message where it is always the same. What a real server chooses differs from call to call.
    pub(crate) exactly: Option<usize>,
}

/// What is asked, in turn and again from the start. Clones share the turn.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    /// Framed requests, at least one.
    messages: Arc<[Bytes]>,
    turn: Arc<AtomicUsize>,
    /// How many books must come.
    books: usize,
}

impl Questions {
    /// Three mysteries for reader 1, as the tutorial's client asks for them.
    pub(crate) fn mysteries() -> Self {
        Self::new([RecommendationRequest {
            user_id: 1,
            category: BookCategory::Mystery.into(),
            max_results: i32::try_from(BOOKS).expect("three"),
            ..Default::default()
        }])
    }

    /// Books of all categories, so many for each of these readers, of whom there is at least one.
    pub(crate) fn lists(readers: impl IntoIterator<Item = i32>, count: i32) -> Self {
        Self::new(readers.into_iter().map(|user_id| RecommendationRequest {
            user_id,
            all_categories: true,
            max_results: count,
            ..Default::default()
        }))
    }

    fn new(requests: impl IntoIterator<Item = RecommendationRequest>) -> Self {
        let mut books = 0;
        let frame = |request: RecommendationRequest| {
            books = usize::try_from(request.max_results).unwrap_or(0);
            let mut framed = BytesMut::new();
            framed.put_u8(0);
            framed.put_u32(request.encoded_len().try_into().expect("a few bytes"));
            request.encode(&mut framed).expect("the buffer grows");
            framed.freeze()
        };
        let messages = requests.into_iter().map(frame).collect();
        Self { messages, turn: Arc::default(), books }
    }

    /// How many different ones there are.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    fn next(&self) -> Bytes {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.messages[turn % self.messages.len()].clone()
    }
}

/// A connection, shared by its clones.
#[derive(Clone)]
pub(super) struct Caller {
    address: SocketAddr,
    exactly: Option<usize>,
    sender: SendRequest<Full<Bytes>>,
    uri: Uri,
    questions: Questions,
}

/// How many books the tutorial's client asks for.
const BOOKS: usize = 3;

/// One answer's message as it came.
pub(crate) async fn ask(address: SocketAddr) -> Result<Bytes, Failure> {
    sample(&Recommend::mysteries(address), 1).await.map(|mut answers| answers.pop().unwrap_or_default())
}

/// So many answers' messages as they came, each decoded and its books counted.
pub(crate) async fn sample(recommend: &Recommend, count: usize) -> Result<Vec<Bytes>, Failure> {
    let Recommend { address, questions, .. } = recommend;
    let mut caller = recommend.connect().await?;
    let mut answers = Vec::with_capacity(count);
    for _ in 0..count {
        let message = caller.ask().await?;
        let answer = RecommendationResponse::decode(message.clone());
        let answer = answer.map_err(|error| wrong(*address, error.to_string()))?;
        let (books, wanted) = (answer.recommendations.len(), questions.books);
        if books != wanted {
            return Err(wrong(*address, format!("{books} books, not {wanted}")));
        }
        answers.push(message);
    }
    Ok(answers)
}

impl Recommend {
    /// The tutorial's question.
    pub(crate) fn mysteries(address: SocketAddr) -> Self {
        Self { address, questions: Questions::mysteries(), exactly: None }
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> Result<Caller, Failure> {
        let Self { address, exactly, .. } = *self;
        let cannot = |why: String| Failure::Call { address, doing: "connect", why };
        let stream = TcpStream::connect(address).await.map_err(|error| cannot(error.to_string()))?;
        stream.set_nodelay(true).map_err(|error| cannot(error.to_string()))?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| cannot(error.to_string()))?;
        // Its error comes back from every call on it.
        tokio::spawn(connection);
        let uri = format!("http://{address}/Recommendations/Recommend");
        let uri = uri.parse().expect("made of a socket address and a constant");
        Ok(Caller { address, exactly, sender, uri, questions: self.questions.clone() })
    }
}

impl Caller {
    /// One call; the size of its answer's message in bytes.
    pub(super) async fn call(&mut self) -> Result<usize, Failure> {
        let message = self.ask().await?;
        let right = match self.exactly {
            Some(size) => message.len() == size,
            None => records(&message) == Some(self.questions.books),
        };
        if !right {
            let (bytes, books) = (message.len(), self.questions.books);
            return Err(wrong(self.address, format!("{bytes} bytes that are not {books} books")));
        }
        Ok(message.len())
    }

    async fn ask(&mut self) -> Result<Bytes, Failure> {
        let address = self.address;
        let cannot = |doing| move |error: hyper::Error| Failure::Call { address, doing, why: chain(&error) };
        let mut request = Request::post(self.uri.clone()).body(Full::new(self.questions.next()));
        if let Ok(request) = &mut request {
            let headers = request.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        let request = request.expect("a constant request");
        self.sender.ready().await.map_err(cannot("use a connection"))?;
        let (head, mut body) =
            self.sender.send_request(request).await.map_err(cannot("call Recommend"))?.into_parts();
        let mut answer = Bytes::new();
        let mut status = head.headers.get("grpc-status").cloned();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(cannot("read an answer"))?;
            match frame.into_data() {
                Ok(data) if answer.is_empty() => answer = data,
                Ok(data) => {
                    let mut longer = BytesMut::from(&answer[..]);
                    longer.extend_from_slice(&data);
                    answer = longer.freeze();
                }
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    status = trailers.get("grpc-status").cloned().or(status);
                }
            }
        }
        if head.status != http::StatusCode::OK || status.as_ref().is_none_or(|status| status != "0") {
            return Err(wrong(address, format!("HTTP {}, grpc-status {status:?}", head.status.as_u16())));
        }
        if answer.len() < FRAME || answer[0] != 0 || be_u32(&answer[1..]) != answer.len() - FRAME {
            return Err(wrong(address, "not one uncompressed gRPC message"));
        }
        Ok(answer.slice(FRAME..))
    }
}

/// How many records of field 1 the message holds beside its texts and small numbers; `None` if it is no such message. This
/// is what a check of every answer may cost; the first ones are decoded in full.
fn records(mut message: &[u8]) -> Option<usize> {
    const VARINT: u8 = 0;
    const LENGTH: u8 = 2;
    let mut count = 0;
    while let Some((&tag, rest)) = message.split_first() {
        match (tag & 7, rest) {
            (VARINT, [value, rest @ ..]) if tag < 0x80 && *value < 0x80 => {
                message = rest;
                continue;
            }
            (LENGTH, _) if tag < 0x80 => {}
            _ => return None,
        }
        let (length, rest) = match *rest {
            [low, ref rest @ ..] if low < 0x80 => (usize::from(low), rest),
            [low, high, ref rest @ ..] if high < 0x80 => {
                (usize::from(low & 0x7f) | usize::from(high) << 7, rest)
            }
            _ => return None,
        };
        message = rest.get(length..)?;
        count += usize::from(tag >> 3 == 1);
    }
    Some(count)
}

fn be_u32(bytes: &[u8]) -> usize {
    bytes.iter().take(4).fold(0, |number, &byte| number << 8 | usize::from(byte))
}

#[cfg(test)]
mod tests {
    use protobufs::recommendations::BookRecommendation;

    use super::*;

    #[test]
    fn an_answer_is_counted_without_being_decoded() {
        for count in [0, 1, 3] {
            let book = BookRecommendation { id: 1, title: "x".repeat(150), ..Default::default() };
            let answer = RecommendationResponse { recommendations: vec![book; count], ..Default::default() };
            let mut message = answer.encode_to_vec();
            assert_eq!(records(&message), Some(count));
            message.push(0x0a);
            assert_eq!(records(&message), None, "cut off");
        }
        assert_eq!(records(b"not a message"), None);
    }
}
