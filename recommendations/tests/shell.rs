//! How the server takes calls on, whatever they ask: deadlines, overload, health, drain. Over raw HTTP/2, since a gRPC
//! client would not do what is wrong.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use clap::Parser as _;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http2::SendRequest,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use recommendations::Config;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

type Outgoing = UnsyncBoxBody<Bytes, Infallible>;

const RECOMMEND: &str = "/Recommendations/Recommend";
/// `max_results: 3`.
const THREE: &[u8] = b"\0\0\0\0\x02\x18\x03";
/// What is not read before its call has a place.
const LONG: usize = 20_000;

struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
}

async fn serve(arguments: &[&str]) -> Server {
    let memory = ["recommendations", "--database-url", "sqlite::memory:"];
    let config = Config::parse_from(memory.iter().chain(arguments));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let (gone, ended) = oneshot::channel();
    // A thread of its own: the whole server ends with it.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let stopped = async {
            // The test may end without stopping the server.
            let _ = stopped.await;
        };
        let (listener, admin) = (listener.into_std().unwrap(), admin.into_std().unwrap());
        runtime
            .block_on(async {
                let (listener, admin) = (TcpListener::from_std(listener)?, TcpListener::from_std(admin)?);
                Ok::<_, std::io::Error>(recommendations::run(config, listener, admin, stopped).await)
            })
            .unwrap()
            .unwrap();
        let _ = gone.send(());
    });
    let ended = tokio::spawn(async move { ended.await.unwrap() });
    Server { address, stop: Some(stop), ended }
}

impl Server {
    async fn connect(&self) -> SendRequest<Outgoing> {
        let stream = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn health(&self) -> HealthClient<tonic::transport::Channel> {
        let channel = tonic::transport::Endpoint::try_from(format!("http://{}", self.address)).unwrap();
        HealthClient::new(channel.connect().await.unwrap())
    }
}

fn call(headers: &[(&str, &str)], body: Outgoing) -> Request<Outgoing> {
    let mut request = Request::post(format!("http://localhost{RECOMMEND}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

fn three() -> Outgoing {
    Full::new(Bytes::from_static(THREE)).boxed_unsync()
}

/// A body that comes as it is sent, and ends when the sender is dropped.
fn endless() -> (mpsc::UnboundedSender<Bytes>, Outgoing) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let frames = UnboundedReceiverStream::new(receiver).map(|piece| Ok(hyper::body::Frame::data(piece)));
    (sender, StreamBody::new(frames).boxed_unsync())
}

/// As [`THREE`], but so long, with a field that nobody knows.
fn long() -> Bytes {
    let message = [&[0x18, 3, 0xc2, 0x3e, 0xa0, 0x9c, 1][..], &[0; LONG]].concat();
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), &message].concat().into()
}

/// `grpc-status`, wherever it stands, and how long the answer's messages are.
async fn status(answer: Response<Incoming>) -> (i32, usize) {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    let status = head.headers.get("grpc-status").or_else(|| trailers.get("grpc-status")).unwrap();
    (status.to_str().unwrap().parse().unwrap(), body.to_bytes().len())
}

const OK: i32 = 0;
const INVALID_ARGUMENT: i32 = 3;
const DEADLINE_EXCEEDED: i32 = 4;
const RESOURCE_EXHAUSTED: i32 = 8;

#[tokio::test]
async fn a_deadline_is_honoured() {
    let server = serve(&[]).await;
    let mut client = server.connect().await;
    let in_time = client.send_request(call(&[("grpc-timeout", "30S")], three())).await.unwrap();
    assert_eq!(status(in_time).await.0, OK);
    for expired in ["0n", "1n"] {
        let expired = client.send_request(call(&[("grpc-timeout", expired)], three())).await.unwrap();
        assert_eq!(status(expired).await.0, DEADLINE_EXCEEDED);
    }
    let (_hold, body) = endless();
    let late = client.send_request(call(&[("grpc-timeout", "50m")], body)).await.unwrap();
    assert_eq!(status(late).await.0, DEADLINE_EXCEEDED);
    let malformed = client.send_request(call(&[("grpc-timeout", "soon")], three())).await.unwrap();
    assert_eq!(status(malformed).await.0, INVALID_ARGUMENT);
}

#[tokio::test]
async fn a_call_without_a_deadline_is_given_one() {
    let server = serve(&["--max-call-time", "50ms"]).await;
    let mut client = server.connect().await;
    for headers in [&[][..], &[("grpc-timeout", "1H")]] {
        let (_hold, body) = endless();
        let late = client.send_request(call(headers, body)).await.unwrap();
        assert_eq!(status(late).await.0, DEADLINE_EXCEEDED);
    }
}

#[tokio::test]
async fn what_would_wait_too_long_is_refused_and_what_need_not_is_served() {
    let server = serve(&["--max-concurrent-calls", "1", "--queue-time", "1500ms"]).await;
    let mut client = server.connect().await;
    let mut health = server.health().await;
    let (hold, body) = endless();
    let mut rest = long();
    hold.send(rest.split_to(LONG - 1)).unwrap();
    let held = tokio::spawn(client.send_request(call(&[], body)));
    // The place is taken as soon as a further call is refused.
    let refused = async |client: &mut SendRequest<_>| {
        let answer = client.send_request(call(&[("grpc-timeout", "10S")], three())).await.unwrap();
        status(answer).await.0
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while refused(&mut client).await != RESOURCE_EXHAUSTED {
        assert!(tokio::time::Instant::now() < deadline, "never refused");
    }
    let health = health.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(health.into_inner().status, 1, "health is never refused");

    // One that waits gets the place when it is given back in time.
    let waiting = tokio::spawn(client.send_request(call(&[], three())));
    hold.send(rest).unwrap();
    drop(hold);
    assert_eq!(status(held.await.unwrap().unwrap()).await.0, OK);
    assert_eq!(status(waiting.await.unwrap().unwrap()).await.0, OK);
}

#[tokio::test]
async fn a_call_takes_no_place_before_its_message_is_there() {
    let server = serve(&["--max-concurrent-calls", "1", "--queue-time", "0s"]).await;
    let mut client = server.connect().await;
    let mut open = Vec::new();
    for _ in 0..50 {
        let (hold, body) = endless();
        // Half of the message, which says how long it is.
        hold.send(Bytes::from_static(&THREE[..5])).unwrap();
        open.push((hold, tokio::spawn(client.send_request(call(&[], body)))));
    }
    for _ in 0..10 {
        let answer = client.send_request(call(&[], three())).await.unwrap();
        assert_eq!(status(answer).await.0, OK, "those who have not sent their message are in nobody's way");
    }
    for (hold, held) in open {
        hold.send(Bytes::from_static(&THREE[5..])).unwrap();
        drop(hold);
        assert_eq!(status(held.await.unwrap().unwrap()).await.0, OK);
    }
}

#[tokio::test]
async fn long_messages_have_a_share_of_the_places() {
    let server = serve(&["--max-concurrent-calls", "4", "--queue-time", "0s"]).await;
    let mut client = server.connect().await;
    let (hold, body) = endless();
    let mut rest = long();
    hold.send(rest.split_to(LONG - 1)).unwrap();
    let held = tokio::spawn(client.send_request(call(&[], body)));
    let whole = async |client: &mut SendRequest<_>| {
        let answer = client.send_request(call(&[], Full::new(long()).boxed_unsync())).await.unwrap();
        status(answer).await.0
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(4);
    while whole(&mut client).await != RESOURCE_EXHAUSTED {
        assert!(tokio::time::Instant::now() < deadline, "never refused");
    }
    let short = client.send_request(call(&[], three())).await.unwrap();
    assert_eq!(status(short).await.0, OK, "three places are left");
    hold.send(rest).unwrap();
    drop(hold);
    assert_eq!(status(held.await.unwrap().unwrap()).await.0, OK);
    assert_eq!(whole(&mut client).await, OK, "the share is free again");
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let server = serve(&[]).await;
    let mut client = server.connect().await;
    // max_results: 1,000
    let all = || Full::new(Bytes::from_static(b"\0\0\0\0\x03\x18\xe8\x07")).boxed_unsync();
    let plain = client.send_request(call(&[], all())).await.unwrap();
    assert!(!plain.headers().contains_key("grpc-encoding"));
    let (code, long) = status(plain).await;
    assert_eq!(code, OK);
    let gzip = [("grpc-accept-encoding", "identity,gzip")];
    let packed = client.send_request(call(&gzip, all())).await.unwrap();
    assert_eq!(packed.headers()["grpc-encoding"], "gzip");
    let (code, short) = status(packed).await;
    assert!(code == OK && short < long, "{short} of {long} bytes");
}

#[tokio::test]
async fn health_follows_the_drain_and_a_call_in_flight_ends() {
    let mut server = serve(&["--shutdown-delay", "1s", "--shutdown-grace", "1m"]).await;
    let mut client = server.connect().await;
    let mut watch = server.health().await.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1, "serving");
    let (hold, body) = endless();
    let held = tokio::spawn(client.send_request(call(&[], body)));
    server.stop();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 2, "not serving");
    assert_eq!(watch.message().await.unwrap(), None, "the stream ends when the drain begins");
    let refused = async || TcpStream::connect(server.address).await.is_err();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !refused().await {
        assert!(tokio::time::Instant::now() < deadline, "still accepting");
        tokio::task::yield_now().await;
    }
    hold.send(Bytes::from_static(THREE)).unwrap();
    drop(hold);
    assert_eq!(status(held.await.unwrap().unwrap()).await.0, OK);
    server.ended.await.unwrap();
}

#[tokio::test]
async fn a_service_that_is_not_there_is_not_found_and_its_watch_waits() {
    let server = serve(&[]).await;
    let mut health = server.health().await;
    let nothing = || HealthCheckRequest { service: "nothing".to_owned() };
    assert_eq!(health.check(nothing()).await.unwrap_err().code(), tonic::Code::NotFound);
    let mut watch = health.watch(nothing()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 3, "unknown service");
}

#[tokio::test]
async fn what_is_not_grpc_does_not_bring_it_down() {
    let server = serve(&[]).await;
    let mut client = server.connect().await;
    let get = Request::get("http://localhost/").body(Empty::new().boxed_unsync()).unwrap();
    let answer = client.send_request(get).await.unwrap();
    assert!(answer.status().is_client_error() || answer.headers().contains_key("grpc-status"), "{answer:?}");
    let mut garbage = TcpStream::connect(server.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut garbage, &[0xff; 4096]).await.unwrap();
    let answer = client.send_request(call(&[], three())).await.unwrap();
    assert_eq!(status(answer).await.0, OK);
}
