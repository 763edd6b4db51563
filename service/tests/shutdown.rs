//! A server drains with a deadline: work in flight ends, new work is refused, what takes too long is cut off.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use service::{Limits, Phase, Protocol, Readiness, Server, Shutdown, State, config::ShutdownSettings};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
};

/// A server whose `/slow` answers when it is told to.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    readiness: Readiness,
    shutdown: Shutdown,
    served: JoinHandle<usize>,
    arrived: &'static Notify,
    go_on: &'static Notify,
}

async fn serve(delay: Duration, grace: Duration, limits: Limits) -> Running {
    let (arrived, go_on): (&'static Notify, &'static Notify) =
        (Box::leak(Box::default()), Box::leak(Box::default()));
    let app = Router::new().route("/fast", get(|| async { "done" })).route(
        "/slow",
        get(|| async {
            arrived.notify_one();
            go_on.notified().await;
            "done"
        }),
    );
    let (readiness, hold) = Readiness::new("test");
    hold.release();
    let (stop, stopped) = oneshot::channel();
    let settings = ShutdownSettings { shutdown_delay: delay, shutdown_grace: grace };
    let signal = async move { stopped.await.unwrap() };
    let shutdown = Shutdown::on(signal, settings, readiness.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(Server::new(listener, limits, shutdown.clone()).serve(app));
    Running { address, stop: Some(stop), readiness, shutdown, served, arrived, go_on }
}

impl Running {
    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

async fn ask(stream: &mut TcpStream, path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).await.unwrap();
}

/// Everything until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    // A reset is an end, too.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_call_in_flight_ends_and_no_new_one_begins() {
    let mut server = serve(Duration::ZERO, LONG, Limits::new(Protocol::Both)).await;
    let mut slow = server.connect().await;
    ask(&mut slow, "/slow").await;
    server.arrived.notified().await;
    server.stop();
    server.shutdown.draining().await;
    assert_eq!(server.readiness.state(), State::Draining);
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.go_on.notify_one();
    let answer = rest(slow).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    assert_eq!(server.served.await.unwrap(), 0, "nothing was cut off");
}

#[tokio::test]
async fn what_outlives_the_grace_period_is_cut_off() {
    let grace = Duration::from_millis(100);
    let mut server = serve(Duration::ZERO, grace, Limits::new(Protocol::Both)).await;
    let mut slow = server.connect().await;
    ask(&mut slow, "/slow").await;
    server.arrived.notified().await;
    let start = Instant::now();
    server.stop();
    assert_eq!(rest(slow).await, "", "it never answers");
    assert!(start.elapsed() >= grace, "it had its time");
    assert_eq!(server.served.await.unwrap(), 1);
}

#[tokio::test]
async fn between_not_ready_and_draining_it_still_serves_and_sends_clients_elsewhere() {
    let mut server = serve(LONG, LONG, Limits::new(Protocol::Both)).await;
    let mut before = server.connect().await;
    ask(&mut before, "/fast").await;
    let mut head = [0; 512];
    let length = before.read(&mut head).await.unwrap();
    assert!(!String::from_utf8_lossy(&head[..length]).contains("connection: close"));

    server.stop();
    server.shutdown.leaving().await;
    assert_eq!((server.shutdown.phase(), server.readiness.state()), (Phase::Leaving, State::Draining));
    for mut stream in [before, server.connect().await] {
        ask(&mut stream, "/fast").await;
        let answer = rest(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_connection_is_asked_to_go_at_its_age() {
    let limits = Limits { connection_age: Some(Duration::from_secs(2)), ..Limits::new(Protocol::Both) };
    let server = serve(Duration::ZERO, LONG, limits).await;
    let mut old = server.connect().await;
    ask(&mut old, "/fast").await;
    assert!(rest(old).await.ends_with("done"), "served, then closed");
}

#[tokio::test]
async fn what_does_not_end_at_the_age_is_cut_off() {
    let short = Duration::from_millis(50);
    let limits = Limits { connection_age: Some(short), close_time: short, ..Limits::new(Protocol::Both) };
    let server = serve(Duration::ZERO, LONG, limits).await;
    let mut slow = server.connect().await;
    ask(&mut slow, "/slow").await;
    assert_eq!(rest(slow).await, "");
}

#[tokio::test]
async fn silence_and_a_slow_head_are_not_waited_for() {
    let short = Duration::from_millis(50);
    for protocol in [Protocol::Both, Protocol::Http1, Protocol::Http2] {
        // With nothing in flight there is nothing that would take its time to end.
        let limits = Limits { header_time: short, close_time: LONG, ..Limits::new(protocol) };
        let server = serve(Duration::ZERO, LONG, limits).await;
        // The second greets as HTTP/2 does, and then says nothing, not even that it has heard the farewell.
        for said in [&b""[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", b"GET / HT"] {
            let mut silent = server.connect().await;
            silent.write_all(said).await.unwrap();
            let answer = tokio::time::timeout(LONG / 2, rest(silent)).await.expect("it is ended at once");
            assert!(!answer.contains("200"), "{answer}");
        }
    }
    // Who asks in time is served, and may go on asking for longer than that.
    let limits = Limits { header_time: Duration::from_secs(3), ..Limits::new(Protocol::Both) };
    let server = serve(Duration::ZERO, LONG, limits).await;
    let mut quick = server.connect().await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(3500) {
        ask(&mut quick, "/fast").await;
        assert!(quick.read(&mut [0; 512]).await.unwrap() > 0, "after {:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_connection_that_is_not_used_any_more_is_closed_and_an_answer_is_waited_for() {
    let short = Duration::from_millis(100);
    let limits = Limits { idle_time: Some(short), ..Limits::new(Protocol::Both) };
    let server = serve(Duration::ZERO, LONG, limits).await;
    let mut idle = server.connect().await;
    let asked = Instant::now();
    idle.write_all(b"GET /fast HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let answer = tokio::time::timeout(LONG / 2, rest(idle)).await.expect("it is closed");
    assert!(answer.ends_with("done") && asked.elapsed() >= short, "{answer} after {:?}", asked.elapsed());

    let mut slow = server.connect().await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    server.arrived.notified().await;
    let early = tokio::time::timeout(short * 3, slow.read(&mut [0; 512])).await;
    assert!(early.is_err(), "nothing comes, and nothing is closed");
    server.go_on.notify_one();
    assert!(rest(slow).await.ends_with("done"));
}

#[tokio::test]
async fn an_http2_connection_that_is_not_used_any_more_is_closed_though_it_says_that_it_is_there() {
    let short = Duration::from_millis(50);
    let limits = Limits { header_time: LONG, idle_time: Some(short), ..Limits::new(Protocol::Both) };
    let server = serve(Duration::ZERO, LONG, limits).await;
    // One is answered and then says nothing but that it is there; the other one waits for an answer.
    for path in ["/fast", "/slow"] {
        let (mut client, connection) = h2::client::handshake(server.connect().await).await.unwrap();
        let mut connection = tokio::spawn(connection);
        let request = http::Request::get(format!("http://test{path}")).body(()).unwrap();
        let (answer, _) = client.send_request(request, true).unwrap();
        if path == "/slow" {
            let waited = tokio::time::timeout(short * 6, &mut connection).await;
            assert!(waited.is_err(), "it has asked something");
            server.go_on.notify_one();
        }
        assert_eq!(answer.await.unwrap().status(), 200, "{path}");
        // The client holds it open.
        tokio::time::timeout(LONG / 2, connection).await.expect("it is closed").unwrap().unwrap();
        drop(client);
    }
}

#[tokio::test]
async fn as_many_header_fields_are_taken_as_are_allowed() {
    for (allowed, sent, status) in [(100, 100, "200"), (100, 101, "431"), (300, 300, "200"), (10, 11, "431")]
    {
        let limits = Limits { max_headers: allowed, ..Limits::new(Protocol::Both) };
        let server = serve(Duration::ZERO, LONG, limits).await;
        let mut stream = server.connect().await;
        // Two of them are said anyway.
        let fields: String = (2..sent).map(|number| format!("x-{number}: 1\r\n")).collect();
        let head = format!("GET /fast HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = rest(stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{sent} of {allowed}: {answer}");
    }
}

#[tokio::test]
async fn further_connections_wait_for_a_place() {
    let limits = Limits { max_connections: 1, ..Limits::new(Protocol::Both) };
    let server = serve(Duration::ZERO, LONG, limits).await;
    let mut first = server.connect().await;
    ask(&mut first, "/slow").await;
    server.arrived.notified().await;
    let mut second = server.connect().await;
    ask(&mut second, "/fast").await;
    let mut byte = [0];
    let waited = tokio::time::timeout(Duration::from_millis(100), second.read(&mut byte)).await;
    assert!(waited.is_err(), "the only place is taken");
    server.go_on.notify_one();
    drop(first);
    assert_eq!(second.read(&mut byte).await.unwrap(), 1, "the place is free again");
}

#[test]
fn readiness_is_a_latch() {
    let (readiness, store) = Readiness::new("store");
    let model = readiness.hold("model");
    store.release();
    assert_eq!(readiness.state(), State::Starting, "one hold is left");
    drop(model);
    assert_eq!(readiness.state(), State::Ready);
    drop(readiness.hold("late"));
    assert_eq!(readiness.state(), State::Ready, "it does not go back");
}
