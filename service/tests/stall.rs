//! A reader who stops reading is not waited for; one who reads slowly is.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use service::{Limits, Protocol, Server, Shutdown, certs, config::TlsSettings, telemetry::Metrics, tls};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

/// What no kernel takes off a server's hands at once.
const LARGE: usize = 8 << 20;
/// Two of these fit into no stream's first window.
const SMALL: usize = 40 << 10;
const WRITE_TIME: Duration = Duration::from_millis(600);
/// Reading slowly takes longer, and so does stalling.
const HEADER_TIME: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    /// Answers that are still in memory.
    held: Arc<AtomicUsize>,
    metrics: Metrics,
}

/// An answer that knows when it is given up.
struct Held(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(places: usize) -> Running {
    serve_with(places, None).await
}

async fn serve_with(places: usize, tls: Option<tls::ServerTls>) -> Running {
    let held = Arc::new(AtomicUsize::new(0));
    let answer = |size| {
        let held = Arc::clone(&held);
        get(async move || {
            held.fetch_add(1, Ordering::Relaxed);
            Body::from(Bytes::from_owner(Held(vec![b'x'; size], held)))
        })
    };
    let app = Router::new().route("/large", answer(LARGE)).route("/small", answer(SMALL));
    let limits = Limits {
        write_time: WRITE_TIME,
        header_time: HEADER_TIME,
        max_connections: places,
        ..Limits::new(Protocol::Both)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let metrics = Metrics::new("test");
    let server = Server::new(listener, limits, Shutdown::never()).tls(tls).counted(&metrics);
    tokio::spawn(server.serve(app));
    Running { address, held, metrics }
}

impl Running {
    /// With little room for what was not read yet.
    async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 << 10).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn ask(&self, path: &str, times: usize) -> TcpStream {
        let mut stream = self.connect().await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
        stream.write_all(request.repeat(times).as_bytes()).await.unwrap();
        stream
    }

    async fn http2(&self, window: u32) -> SendRequest<Bytes> {
        let stream = self.connect().await;
        let client = h2::client::Builder::new().initial_window_size(window).handshake(stream);
        let (client, connection) = client.await.unwrap();
        // It reads all that comes, and answers pings.
        tokio::spawn(connection);
        client
    }

    async fn held(&self, count: usize) {
        self.until("answers are held", || self.held.load(Ordering::Relaxed) == count).await;
    }

    async fn cut(&self, count: usize) {
        let line = format!("connections_cut_total{{reason=\"stalled\"}} {count}\n");
        self.until(&line, || self.metrics.render().contains(&line)).await;
    }

    async fn until(&self, what: &str, is: impl Fn() -> bool) {
        let waited = timeout(PATIENCE, async {
            while !is() {
                sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(waited.await.is_ok(), "{what}: not within {PATIENCE:?}");
    }
}

async fn ask(client: &mut SendRequest<Bytes>, path: &str) -> RecvStream {
    let request = http::Request::get(format!("http://test{path}")).body(()).unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    answer.await.unwrap().into_body()
}

/// Takes a frame at a time, with pauses, and returns how many bytes there were before the end.
async fn read(stream: &mut RecvStream, pause: Duration) -> Result<usize, h2::Error> {
    let mut whole = 0;
    while let Some(data) = stream.data().await {
        let length = data?.len();
        whole += length;
        sleep(pause).await;
        stream.flow_control().release_capacity(length)?;
    }
    Ok(whole)
}

#[tokio::test]
async fn who_stops_reading_loses_the_connection_and_the_answer_its_memory() {
    for (path, requests) in [("/large", 1), ("/large", 3), ("/small", 5000)] {
        let server = serve(1).await;
        let begin = Instant::now();
        let stalled = server.ask(path, requests).await;
        // One place: this one gets it when the other has lost it.
        let mut next = server.ask("/small", 1).await;
        let mut byte = [0];
        timeout(PATIENCE, next.read_exact(&mut byte)).await.expect("the place is free again").unwrap();
        assert!(begin.elapsed() >= WRITE_TIME, "{path}: it had its time");
        drop(next);
        server.held(0).await;
        server.cut(1).await;
        drop(stalled);
    }
}

#[tokio::test]
async fn who_stops_reading_over_tls_does_too() {
    let folder = tempfile::tempdir().unwrap();
    certs::write(folder.path(), &["localhost".to_owned()]).unwrap();
    let file = |name: &str| Some(folder.path().join(name));
    let settings = |side| TlsSettings {
        tls_cert: file(&format!("{side}.pem")),
        tls_key: file(&format!("{side}.key")),
        tls_ca: file("ca.pem"),
    };
    let theirs = tls::ServerTls::load("TEST", &settings("server"), Protocol::Both).unwrap();
    let ours = tls::ClientTls::load("TEST", &settings("client")).unwrap().unwrap();
    let mut ours = (*ours.config()).clone();
    ours.alpn_protocols.clear();
    let server = serve_with(1, theirs).await;
    let connector = TlsConnector::from(Arc::new(ours));
    let mut stalled =
        connector.connect("localhost".try_into().unwrap(), server.connect().await).await.unwrap();
    stalled.write_all(b"GET /large HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    server.held(1).await;
    server.cut(1).await;
    server.held(0).await;
}

#[tokio::test]
async fn who_reads_slowly_gets_everything() {
    // Where the kernel has little room, and where it would like to take megabytes and then nothing for a long time.
    let server = serve(2).await;
    let roomy = TcpStream::connect(server.address).await.unwrap();
    tokio::join!(read_slowly(server.connect().await), read_slowly(roomy));
    server.cut(0).await;
}

async fn read_slowly(mut stream: TcpStream) {
    let begin = Instant::now();
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    let mut piece = vec![0; 20 << 10];
    let mut whole = 0;
    while whole < LARGE {
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "cut after {whole} bytes");
        whole += length;
        sleep(Duration::from_millis(20)).await;
    }
    assert!(begin.elapsed() > HEADER_TIME, "that was not slow");
}

#[tokio::test]
async fn an_idle_connection_is_not_one_that_stalls() {
    let server = serve(1).await;
    let mut stream = server.ask("/small", 1).await;
    let mut answer = vec![0; SMALL];
    stream.read_exact(&mut answer).await.unwrap();
    let cut = timeout(WRITE_TIME * 2, async { while stream.read(&mut answer).await.unwrap() > 0 {} }).await;
    assert!(cut.is_err(), "nothing waits to be read");
}

#[tokio::test]
async fn a_stream_that_is_left_unread_ends_its_http2_connection() {
    // With no window at all, with one that takes a part, and when the answer is all in h2's hands but for its end.
    for (window, path) in [(0, "/large"), (0, "/small"), (65_535, "/large"), (SMALL as u32 - 1, "/small")] {
        let server = serve(1).await;
        let begin = Instant::now();
        let mut client = server.http2(window).await;
        let mut answers = Vec::new();
        for _ in 0..20 {
            answers.push(ask(&mut client, path).await);
        }
        server.held(20).await;
        server.cut(1).await;
        assert!(begin.elapsed() >= WRITE_TIME, "{path}: it had its time");
        server.held(0).await;
        let mut last = answers.pop().unwrap();
        assert!(timeout(PATIENCE, read(&mut last, Duration::ZERO)).await.unwrap().is_err());
    }
}

#[tokio::test]
async fn reading_other_streams_does_not_keep_one_that_is_left_unread() {
    let server = serve(1).await;
    let mut client = server.http2(SMALL as u32).await;
    let unread = ask(&mut client, "/large").await;
    let mut others = 0;
    let ended = timeout(PATIENCE, async {
        while let Ok(mut client) = client.clone().ready().await {
            let request = http::Request::get("http://test/small").body(()).unwrap();
            let Ok((answer, _)) = client.send_request(request, true) else { break };
            let Ok(answer) = answer.await else { break };
            let Ok(length) = read(&mut answer.into_body(), Duration::from_millis(1)).await else { break };
            assert_eq!(length, SMALL);
            others += 1;
        }
    });
    ended.await.expect("the connection ends");
    assert!(others > 10, "only {others} others were answered");
    server.cut(1).await;
    server.held(0).await;
    drop(unread);
}

#[tokio::test]
async fn who_reads_slowly_over_http2_gets_everything() {
    let server = serve(1).await;
    let mut client = server.http2(SMALL as u32).await;
    let begin = Instant::now();
    let mut answers = Vec::new();
    for _ in 0..4 {
        let mut answer = ask(&mut client, "/large").await;
        answers.push(tokio::spawn(async move { read(&mut answer, Duration::from_millis(5)).await }));
    }
    for answer in answers {
        assert_eq!(answer.await.unwrap().unwrap(), LARGE);
    }
    assert!(begin.elapsed() > WRITE_TIME * 2, "that was not slow");
    server.cut(0).await;
}
