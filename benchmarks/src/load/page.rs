//! Pages over HTTP/1.1.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpStream;

use super::{excerpt, wrong};
use crate::failure::Failure;

/// A page that has a string so many times, as R1's own integration test checks it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
    /// The string and how often it must come.
    pub(crate) contains: (&'static str, usize),
}

/// Somebody who reads the page again and again, on one connection for as long as the server keeps it.
pub(super) struct Visitor {
    page: Page,
    finder: memmem::Finder<'static>,
    connection: Option<SendRequest<Empty<Bytes>>>,
    body: Vec<u8>,
}

/// One page, checked.
pub(crate) async fn get(page: Page) -> Result<Bytes, Failure> {
    let mut visitor = page.visitor();
    visitor.call().await?;
    Ok(visitor.body.into())
}

impl Page {
    pub(super) fn visitor(self) -> Visitor {
        let finder = memmem::Finder::new(self.contains.0);
        Visitor { page: self, finder, connection: None, body: Vec::new() }
    }
}

impl Visitor {
    /// One page; its size in bytes.
    pub(super) async fn call(&mut self) -> Result<usize, Failure> {
        let Page { address, path, contains } = self.page;
        let cannot =
            |doing| move |error: hyper::Error| Failure::Call { address, doing, why: error.to_string() };
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(address).await?,
        };
        let request = Request::get(path)
            .header(header::HOST, "localhost")
            .body(Empty::new())
            .expect("a constant request");
        let answer = connection.send_request(request).await.map_err(cannot("get the page"))?;
        let (head, mut body) = answer.into_parts();
        self.body.clear();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(cannot("read the page"))?;
            if let Some(data) = frame.data_ref() {
                self.body.extend_from_slice(data);
            }
        }
        let count = self.finder.find_iter(&self.body).count();
        if head.status != http::StatusCode::OK || count != contains.1 {
            let body = Bytes::copy_from_slice(&self.body);
            let why = format!(
                "HTTP {}, {count} {} instead of {}: {}",
                head.status.as_u16(),
                contains.0,
                contains.1,
                excerpt(&body)
            );
            return Err(wrong(address, why));
        }
        // gunicorn's default workers close after every page; the next call then pays for a new connection, as browsers do.
        let closes = head.headers.get(header::CONNECTION).is_some_and(|value| value == "close");
        if !closes && connection.ready().await.is_ok() {
            self.connection = Some(connection);
        }
        Ok(self.body.len())
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Empty<Bytes>>, Failure> {
    let cannot = |why: String| Failure::Call { address, doing: "connect", why };
    let stream = TcpStream::connect(address).await.map_err(|error| cannot(error.to_string()))?;
    stream.set_nodelay(true).map_err(|error| cannot(error.to_string()))?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|error| cannot(error.to_string()))?;
    // Its error comes back from the call that it broke.
    tokio::spawn(connection);
    Ok(sender)
}
