//! gRPC over HTTP/2 as far as the client needs it: one question, one answer, and the health of a server.
//!
//! It speaks to `h2` itself, because tonic's client costs a spawned task, two channels and a boxed stream a call, and the
//! home page makes one call for each reader.

mod exchange;
mod fault;
mod method;

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::{
    RecvStream,
    client::{ResponseFuture, SendRequest},
};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version, header};
use prost::Message;
use protobufs::MAX_ANSWER_BYTES;
use service::{config::APP_ID_HEADER, trace::TraceContext};
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus};

pub(crate) use exchange::{Exchange, Receiving, close, exchange, push};
pub(crate) use fault::{Fault, No};
pub(crate) use method::Method;

/// A byte that says whether the message is compressed, and its length.
const PREFIX_BYTES: usize = 5;
/// The longest message of a status that is kept, in characters.
const MESSAGE: usize = 200;
const MORE: &str = "more than one message";
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("shelfwise-marketplace/", env!("CARGO_PKG_VERSION")));

/// The head of a question, but for its deadline and trace.
pub(crate) struct Addressed {
    uris: [Uri; Method::CALLS.len() + 1],
    /// Whom a Dapr sidecar passes the question on to.
    app_id: Option<HeaderValue>,
}

/// A server's own word on whether it should be given calls.
pub(crate) struct Watch {
    body: RecvStream,
    buffer: BytesMut,
}

impl Addressed {
    /// # Errors
    ///
    /// If `authority` cannot stand in an address.
    pub(crate) fn new(
        scheme: &str,
        authority: &str,
        app_id: Option<HeaderValue>,
    ) -> Result<Self, http::Error> {
        let mut uris = Vec::with_capacity(Method::CALLS.len() + 1);
        for method in Method::CALLS.into_iter().chain([Method::WatchHealth]) {
            let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(method.path());
            uris.push(uri.build()?);
        }
        Ok(Self { uris: uris.try_into().expect("one for each"), app_id })
    }

    fn request(&self, method: Method) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uris[method as usize].clone();
        *request.version_mut() = Version::HTTP_2;
        let mut headers = HeaderMap::with_capacity(7);
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(header::USER_AGENT, AGENT);
        if let Some(app_id) = &self.app_id {
            headers.insert(APP_ID_HEADER, app_id.clone());
        }
        *request.headers_mut() = headers;
        request
    }
}

/// A message with its prefix.
pub(crate) fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).expect("a question is short"));
    message.encode(&mut frame).expect("the buffer grows");
    frame.freeze()
}

/// The `grpc-timeout` header: at most eight digits and a unit.
pub(crate) fn timeout(time: Duration) -> HeaderValue {
    let text = match time.as_micros() {
        micros @ 0..=99_999_999 => format!("{}u", micros.max(1)),
        micros => format!("{}m", (micros / 1000).min(99_999_999)),
    };
    HeaderValue::try_from(text).expect("digits and a letter")
}

/// Asks, and reads the whole answer: the message without its prefix.
pub(crate) async fn ask(
    sender: &SendRequest<Bytes>,
    addressed: &Addressed,
    method: Method,
    message: Bytes,
    timeout: HeaderValue,
    token: Option<&HeaderValue>,
    trace: &TraceContext,
) -> Result<Bytes, Fault> {
    let mut request = addressed.request(method);
    request.headers_mut().insert("grpc-timeout", timeout);
    if let Some(token) = token {
        request.headers_mut().insert(header::AUTHORIZATION, token.clone());
    }
    trace.inject(request.headers_mut());
    let mut body = begin(send(sender, request, message)?).await?;
    let answer = read_one(&mut body).await?;
    finish(&mut body).await?;
    answer.ok_or_else(|| Fault::Wrong("no message".to_owned()))
}

/// Asks a server to say how it is, now and whenever that changes.
pub(crate) async fn watch(sender: &SendRequest<Bytes>, addressed: &Addressed) -> Result<Watch, Fault> {
    let everything = HealthCheckRequest { service: String::new() };
    let answer = send(sender, addressed.request(Method::WatchHealth), frame(&everything))?;
    Ok(Watch { body: begin(answer).await?, buffer: BytesMut::new() })
}

impl Watch {
    /// Whether the server wants calls, as soon as it says so; `None` when it says no more. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<bool>, Fault> {
        loop {
            if let Some(message) = split(&mut self.buffer)? {
                let answer =
                    HealthCheckResponse::decode(message).map_err(|error| Fault::Wrong(error.to_string()))?;
                return Ok(Some(answer.status == ServingStatus::Serving as i32));
            }
            match self.body.data().await {
                Some(data) => take(&mut self.body, &mut self.buffer, &data.map_err(Fault::in_flight)?)?,
                None => return finish(&mut self.body).await.map(|()| None),
            }
        }
    }
}

fn send(sender: &SendRequest<Bytes>, request: Request<()>, message: Bytes) -> Result<ResponseFuture, Fault> {
    // What fails here was never sent.
    let (answer, mut body) = sender.clone().send_request(request, false).map_err(Fault::Refused)?;
    body.send_data(message, true).map_err(Fault::in_flight)?;
    Ok(answer)
}

/// Reads the head of an answer, which may be all of it.
async fn begin(answer: ResponseFuture) -> Result<RecvStream, Fault> {
    let (head, body) = answer.await.map_err(Fault::in_flight)?.into_parts();
    if head.status != StatusCode::OK {
        return Err(match head.status.as_u16() {
            // What a proxy says in place of a server.
            429 | 502 | 503 | 504 => {
                Fault::Status { code: Code::Unavailable, message: format!("HTTP status {}", head.status) }
            }
            _ => Fault::Wrong(format!("HTTP status {}", head.status)),
        });
    }
    let grpc = |kind: &HeaderValue| kind.as_bytes().starts_with(b"application/grpc");
    if !head.headers.get(header::CONTENT_TYPE).is_some_and(grpc) {
        return Err(Fault::Wrong("not gRPC".to_owned()));
    }
    if head.headers.contains_key("grpc-status") {
        status(&head.headers)?;
    }
    Ok(body)
}

async fn read_one(body: &mut RecvStream) -> Result<Option<Bytes>, Fault> {
    let Some(first) = body.data().await else { return Ok(None) };
    let first = first.map_err(Fault::in_flight)?;
    if whole(&first) {
        release(body, first.len())?;
        return Ok(Some(first.slice(PREFIX_BYTES..)));
    }
    let mut buffer = BytesMut::new();
    take(body, &mut buffer, &first)?;
    loop {
        if let Some(message) = split(&mut buffer)? {
            return if buffer.is_empty() { Ok(Some(message)) } else { Err(Fault::Wrong(MORE.to_owned())) };
        }
        let Some(data) = body.data().await else {
            return Err(Fault::Wrong("half a message".to_owned()));
        };
        take(body, &mut buffer, &data.map_err(Fault::in_flight)?)?;
    }
}

/// Reads the status after the last message.
async fn finish(body: &mut RecvStream) -> Result<(), Fault> {
    if let Some(data) = body.data().await {
        let data = data.map_err(Fault::in_flight)?;
        if !data.is_empty() {
            return Err(Fault::Wrong(MORE.to_owned()));
        }
    }
    match body.trailers().await.map_err(Fault::in_flight)? {
        Some(trailers) => status(&trailers),
        None => Err(Fault::Wrong("no status".to_owned())),
    }
}

fn status(headers: &HeaderMap) -> Result<(), Fault> {
    let Some(code) = headers.get("grpc-status") else { return Err(Fault::Wrong("no status".to_owned())) };
    match Code::from_bytes(code.as_bytes()) {
        Code::Ok => Ok(()),
        code => {
            let message =
                headers.get("grpc-message").map_or_else(String::new, |text| decoded(text.as_bytes()));
            Err(Fault::Status { code, message: message.chars().take(MESSAGE).collect() })
        }
    }
}

/// A status's message without its percent signs.
fn decoded(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes
            .get(at + 1..at + 3)
            .filter(|code| bytes[at] == b'%' && code.iter().all(u8::is_ascii_hexdigit));
        match code.and_then(|code| u8::from_str_radix(str::from_utf8(code).ok()?, 16).ok()) {
            Some(byte) => {
                text.push(byte);
                at += 3;
            }
            None => {
                text.push(bytes[at]);
                at += 1;
            }
        }
    }
    // It may become a line of the log.
    String::from_utf8_lossy(&text).replace(char::is_control, " ")
}

/// Whether the data is exactly one message, as it nearly always is.
fn whole(data: &Bytes) -> bool {
    data.len() <= PREFIX_BYTES + MAX_ANSWER_BYTES
        && matches!(data.as_ref(), [0, a, b, c, d, rest @ ..] if u32::from_be_bytes([*a, *b, *c, *d]) as usize == rest.len())
}

/// Takes one message out of the buffer, if it is complete.
fn split(buffer: &mut BytesMut) -> Result<Option<Bytes>, Fault> {
    let [compressed, a, b, c, d, rest @ ..] = buffer.as_ref() else { return Ok(None) };
    let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    if *compressed != 0 {
        // Never asked for: on a network as fast as it must be for pages, compressing takes longer than sending.
        return Err(Fault::Wrong("compressed".to_owned()));
    }
    if length > MAX_ANSWER_BYTES {
        return Err(Fault::Wrong(format!("a message of {length} bytes")));
    }
    if rest.len() < length {
        return Ok(None);
    }
    Ok(Some(buffer.split_to(PREFIX_BYTES + length).freeze().slice(PREFIX_BYTES..)))
}

fn take(body: &mut RecvStream, buffer: &mut BytesMut, data: &Bytes) -> Result<(), Fault> {
    buffer.extend_from_slice(data);
    release(body, data.len())
}

fn release(body: &mut RecvStream, bytes: usize) -> Result<(), Fault> {
    body.flow_control().release_capacity(bytes).map_err(Fault::in_flight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_those_of_the_contracts() {
        let descriptors = [protobufs::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET];
        let paths = service::grpc::methods(&descriptors);
        for method in Method::CALLS.into_iter().chain([Method::WatchHealth]) {
            assert!(paths.iter().any(|path| path == method.path()), "{method:?}");
            let addressed = Addressed::new("http", "[::1]:50051", None).unwrap();
            assert_eq!(addressed.request(method).uri().path(), method.path());
        }
    }

    #[test]
    fn status_messages_are_decoded() {
        let said = |message: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-status", HeaderValue::from_static("3"));
            headers.insert("grpc-message", message.parse().unwrap());
            let Err(Fault::Status { code: Code::InvalidArgument, message }) = status(&headers) else {
                panic!("{message}")
            };
            message
        };
        let message = "no column %E2%80%9CTitle%E2%80%9D, 100% sure%+2%2";
        assert_eq!(said(message), "no column “Title”, 100% sure%+2%2");
        assert_eq!(said("one%0D%0Aline%1B"), "one  line ");
        // It is cut where a reader would, not within what stands for a letter.
        assert_eq!(said(&"%C3%A9".repeat(300)), "é".repeat(200));
    }

    #[test]
    fn timeouts_have_at_most_eight_digits() {
        assert_eq!(timeout(Duration::from_millis(300)), "300000u");
        assert_eq!(timeout(Duration::ZERO), "1u");
        assert_eq!(timeout(Duration::from_secs(100)), "100000m");
        assert_eq!(timeout(Duration::from_secs(31_536_000)), "99999999m");
    }

    #[test]
    fn messages_are_found_in_any_pieces() {
        let message = frame(&HealthCheckRequest { service: "abc".to_owned() });
        assert!(whole(&message));
        let mut buffer = BytesMut::new();
        for byte in &message {
            assert!(split(&mut buffer).unwrap().is_none());
            buffer.extend_from_slice(&[*byte]);
        }
        let found = split(&mut buffer).unwrap().unwrap();
        assert_eq!(HealthCheckRequest::decode(found).unwrap().service, "abc");
        assert!(split(&mut BytesMut::from(&[1, 0, 0, 0, 0][..])).is_err());
        assert!(split(&mut BytesMut::from(&[0, 255, 255, 255, 255][..])).is_err());
    }
}
