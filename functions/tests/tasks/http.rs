//! A client that sends any header and reads any body.

use std::{net::SocketAddr, time::Duration};

use ::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use crate::SOON;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

/// Sends a request over a connection of its own.
pub(crate) async fn ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", address.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let answer = timeout(SOON, sender.send_request(request)).await.expect("an answer in time").unwrap();
    let (head, body) = answer.into_parts();
    let body = timeout(SOON, body.collect()).await.expect("a body in time").unwrap().to_bytes();
    connection.abort();
    Answer { status: head.status, headers: head.headers, body }
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, Method::GET, path, &[], "").await
}

pub(crate) async fn delete(address: SocketAddr, path: &str) -> Answer {
    ask(address, Method::DELETE, path, &[], "").await
}

/// Calls a function, preferring this.
pub(crate) async fn prefer(
    address: SocketAddr,
    function: &str,
    preference: &str,
    body: &'static str,
) -> Answer {
    let headers = [("prefer", preference), ("content-type", "application/json")];
    ask(address, Method::POST, &format!("/{function}"), &headers, body).await
}

/// Makes a task and says where it is.
pub(crate) async fn task(address: SocketAddr, function: &str, body: &'static str) -> String {
    let answer = prefer(address, function, "respond-async", body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    answer.header("location").to_owned()
}

/// The task once it is in this state.
pub(crate) async fn once(address: SocketAddr, path: &str, state: &str) -> Value {
    eventually(&format!("{path} {state}"), async || {
        let task = get(address, path).await.json();
        (task["state"] == state).then_some(task)
    })
    .await
}

/// Asks again until the answer is `Some`.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, asking).await.unwrap_or_else(|_| panic!("{what}: not within {SOON:?}"))
}
