//! Requests that guests send by `wasi:http`: over HTTP/1.1, to the hosts that were granted.

use std::{sync::Arc, time::Duration};

use http::{Request, Response, uri::Scheme};
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::{Denied, Grants, Insecure, exchange, secure};

/// How long a connection, or the head of an answer, may take where the guest does not say less. Its own time is a limit, too.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets requests go to the hosts that were granted.
pub(crate) struct Outbound {
    grants: Arc<Grants>,
}

type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl Outbound {
    pub(crate) fn new(grants: Arc<Grants>) -> Self {
        Self { grants }
    }
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let grants = Arc::clone(&self.grants);
        Box::new(async move { send(&grants, request, options.unwrap_or_default()).await })
    }
}

async fn send(grants: &Grants, request: Request<WasiBody>, options: RequestOptions) -> Sent {
    let secret = request.uri().scheme() == Some(&Scheme::HTTPS);
    let host = request.uri().host().ok_or(Error::HttpRequestUriInvalid)?.to_owned();
    let port = request.uri().port_u16().unwrap_or(if secret { 443 } else { 80 });
    let patience = |wanted: Option<Duration>| wanted.map_or(PATIENCE, |wanted| wanted.min(PATIENCE));
    let connecting = patience(options.connect_timeout);
    let stream = grants.hosts.connect(&host, port, connecting).await.map_err(|denied| match denied {
        Denied::Host(_) => Error::HttpRequestDenied,
        Denied::Inside(_) => Error::DestinationIpProhibited,
        Denied::Connect { source, .. } => Error::Connect(source),
        Denied::Late(_) => Error::ConnectionTimeout,
    })?;
    let first_byte = patience(options.first_byte_timeout);
    if !secret {
        return answered(stream, request, first_byte).await;
    }
    let secured = timeout(connecting, secure(&host, stream)).await.map_err(|_| Error::ConnectionTimeout)?;
    let stream = secured.map_err(|insecure| match insecure {
        Insecure::Name => Error::HttpRequestUriInvalid,
        Insecure::Handshake(error) => Error::Tls(error),
    })?;
    answered(stream, request, first_byte).await
}

async fn answered(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut request: Request<WasiBody>,
    first_byte: Duration,
) -> Sent {
    // A server is told path and query, the rest is in `host`.
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let answer = timeout(first_byte, exchange(stream, request)).await;
    let (answer, rest) = answer.map_err(|_| Error::ConnectionReadTimeout)??;
    let rest = async move { rest.await.map_err(Error::from) };
    Ok((answer.map(|body| body.map_err(Error::from).boxed_unsync()), Box::new(rest)))
}
