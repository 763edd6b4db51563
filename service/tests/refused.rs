//! What is no request gets hyper's own answer, with a name, a log line of that name, and a count.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, routing::get};
use service::{Limits, Protocol, Server, Shutdown, telemetry::Metrics};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut *self.0.lock().unwrap(), line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

async fn send(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may have refused it before all was written.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

// One thread, so that the log below is the server's.
#[tokio::test]
async fn garbage_and_heads_that_are_too_long_are_logged_and_counted() {
    let log = Log::default();
    let writer = log.clone();
    let layer = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone());
    let _log = tracing::subscriber::set_default(layer.finish());
    let metrics = Metrics::new("test");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits { max_header_bytes: 16 << 10, ..Limits::new(Protocol::Both) };
    let server = Server::new(listener, limits, Shutdown::never()).counted(&metrics);
    tokio::spawn(server.serve(Router::new().route("/", get(|| async { "fine" }))));

    let long = |length| format!("GET / HTTP/1.1\r\nhost: test\r\nx-long: {}\r\n", "x".repeat(length));
    let fits = send(address, format!("{}connection: close\r\n\r\n", long(15 << 10)).as_bytes()).await;
    assert!(fits.ends_with("fine"), "{fits}");
    assert!(log.lines().is_empty());
    for (bytes, code, reason) in [
        ("no such thing as HTTP\r\n\r\n".to_owned(), "400", "malformed"),
        ("GET / HTTP/1.1\r\nhost: test\r\ncontent-length: many\r\n\r\n".to_owned(), "400", "malformed"),
        (format!("{}\r\n", long(17 << 10)), "431", "too_large"),
    ] {
        let before = log.lines().len();
        let answer = send(address, bytes.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{answer}");
        let lines = log.lines();
        assert_eq!(lines.len(), before + 1, "{lines:?}");
        let line = lines.last().unwrap();
        assert_eq!((&line["target"], &line["method"]), (&"call".into(), &"unknown".into()), "{line}");
        assert_eq!((&line["code"], &line["peer"]), (&code.into(), &"127.0.0.1".into()), "{line}");
        let id = line["request"].as_str().unwrap();
        assert_eq!(id.len(), 16, "{line}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\nx-request-id: {id}")) && body.is_empty(), "{answer}");
        assert!(metrics.render().contains(&format!("connections_cut_total{{reason=\"{reason}\"}}")));
    }
    let counted = metrics.render();
    for line in ["{reason=\"malformed\"} 2", "{reason=\"too_large\"} 1", "{reason=\"stalled\"} 0"] {
        assert!(counted.contains(&format!("connections_cut_total{line}\n")), "{line} in\n{counted}");
    }
}
