//! One request and its answer over HTTP/1.1, on a connection of its own: beside what is done to a picture it costs little, and no
//! connection can have been closed in the meantime by whatever lies between.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use service::{
    Protocol,
    tls::{ClientTls, connect},
    trace::TraceContext,
    url::HttpUrl,
};
use thiserror::Error;
use tokio::time::timeout;

use super::CallError;

/// How long it may take to be connected, TLS included.
const CONNECT: Duration = Duration::from_secs(2);
const MAX_HEADERS: usize = 100;

/// What went wrong on the way.
#[derive(Debug, Error)]
pub(super) enum Fault {
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("cannot connect in time")]
    Late,
    #[error("cannot speak HTTP")]
    Http(#[source] hyper::Error),
    #[error("the answer does not come to its end")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer is longer than {0} bytes")]
    Long(usize),
}

/// Sends a request and reads the whole answer, of at most `most` bytes. Dropping the future closes the connection.
pub(super) async fn exchange(
    url: &HttpUrl,
    tls: Option<&ClientTls>,
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<Response<Bytes>, Fault> {
    let connected = timeout(CONNECT, connect(url.host(), url.port(), tls, Protocol::Http1)).await;
    let stream = TokioIo::new(connected.map_err(|_| Fault::Late)?.map_err(Fault::Connect)?);
    let shaken = http1::Builder::new().max_headers(MAX_HEADERS).handshake(stream).await;
    let (mut sender, connection) = shaken.map_err(Fault::Http)?;
    let answered = async move {
        let (head, body) = sender.send_request(request).await.map_err(Fault::Http)?.into_parts();
        let body = Limited::new(body, most).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { Fault::Long(most) } else { Fault::Body(error) }
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    tokio::pin!(answered);
    tokio::select! {
        answer = &mut answered => answer,
        // What it says of its end is said to whoever waits for the answer, too.
        _ = connection => answered.await,
    }
}

impl Fault {
    /// What a page is told; the log is told all.
    pub(super) fn tell(&self, asked: &str, trace: &TraceContext) -> CallError {
        let trace = format_args!("{:032x}", trace.trace_id());
        tracing::warn!(asked, error = service::chain(self), trace, "functions does not answer");
        match self {
            Self::Long(_) => CallError::Failed,
            Self::Connect(_) | Self::Late | Self::Http(_) | Self::Body(_) => CallError::Unavailable,
        }
    }
}
