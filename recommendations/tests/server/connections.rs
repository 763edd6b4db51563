//! How long a connection lasts: as long as the other side is there, and not for ever. Over raw HTTP/2, since a client of gRPC would
//! not be silent.

use std::time::{Duration, Instant};

use testing::http;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::Server;

const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that serves already, so that no time is counted in which it starts.
async fn serve(settings: &[&str]) -> Server {
    let server = Server::with(settings).await;
    let admin = server.admin;
    let ready = move || http::get(admin, "/ready").ok().filter(|answer| answer.status == 200);
    let waiting = tokio::task::spawn_blocking(move || testing::eventually("it serves", PATIENCE * 2, ready));
    waiting.await.unwrap();
    server
}

/// The client's side of a connection, frame by frame.
struct Raw {
    stream: TcpStream,
    /// Pings that came.
    pings: usize,
    answers_pings: bool,
}

impl Raw {
    /// Says hello.
    async fn open(server: &Server, answers_pings: bool) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        Self { stream, pings: 0, answers_pings }
    }

    /// The type of the next frame, after what has to be said to it; `None` at the connection's end.
    async fn next(&mut self) -> Option<u8> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let [high, middle, low, kind, flags, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        if kind == PING && flags & ACK == 0 {
            self.pings += 1;
            if self.answers_pings {
                head[4] = ACK;
                // A server that closes the connection does not wait for it.
                _ = self.stream.write_all(&[&head[..], &payload].concat()).await;
            }
        } else if kind == SETTINGS && flags & ACK == 0 {
            _ = self.stream.write_all(&[0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0]).await;
        }
        Some(kind)
    }
}

#[tokio::test]
async fn who_does_not_answer_pings_is_taken_for_dead() {
    let server = serve(&["--keepalive-interval", "100ms", "--keepalive-time", "100ms"]).await;
    let mut dead = Raw::open(&server, false).await;
    // Silence alone would end it after ten seconds.
    let ended = timeout(Duration::from_secs(9), async { while dead.next().await.is_some() {} });
    ended.await.expect("the connection is closed");
    assert!(dead.pings > 0, "it was asked");
}

#[tokio::test]
async fn who_answers_pings_stays() {
    let server = serve(&["--keepalive-interval", "50ms", "--keepalive-time", "1m"]).await;
    let mut living = Raw::open(&server, true).await;
    let asked = timeout(PATIENCE, async {
        while living.pings < 10 {
            assert!(living.next().await.is_some(), "closed after {} pings", living.pings);
        }
    });
    asked.await.expect("it is asked again and again");
}

#[tokio::test]
async fn old_connections_are_asked_to_go_each_in_its_time() {
    const AGE: Duration = Duration::from_secs(1);
    let server = serve(&["--connection-age", "1s"]).await;
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let start = Instant::now();
        let mut old = Raw::open(&server, true).await;
        connections.spawn(async move {
            while old.next().await.expect("it is told before it is closed") != GOAWAY {}
            let age = start.elapsed();
            while old.next().await.is_some() {}
            age
        });
    }
    let ages =
        timeout(PATIENCE, connections.join_all()).await.expect("all are asked, and closed once they agree");
    assert!(ages.iter().all(|age| *age >= AGE.mul_f64(0.9)), "{ages:?}");
}
