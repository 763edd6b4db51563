//! How other servers are spoken to, by guests and by webhooks: HTTP/1.1 on a connection of its own, with TLS where it is asked for.

use std::{
    io,
    sync::{Arc, LazyLock},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, client::conn::http1};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use wasmtime_wasi_http::io::TokioIo;

use crate::outbound::bare;

/// Trusts whom the machine trusts, as that was at the first use.
static TRUST: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the versions of TLS that rustls has by default");
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
});

/// Why a connection is not secure.
#[derive(Debug, thiserror::Error)]
pub enum Insecure {
    /// No certificate has such a name.
    #[error("a name that no certificate has")]
    Name,
    /// The other side does not show a certificate that the machine trusts, or speaks no TLS.
    #[error(transparent)]
    Handshake(io::Error),
}

/// Speaks TLS with a host. Has no time limit of its own.
///
/// # Errors
///
/// If the other side does not prove to be this host.
pub async fn secure(host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, Insecure> {
    let name = ServerName::try_from(bare(host).to_owned()).map_err(|_| Insecure::Name)?;
    TlsConnector::from(Arc::clone(&TRUST)).connect(name, stream).await.map_err(Insecure::Handshake)
}

/// Sends one request. Gives the answer's head, its body to come, and what must be driven for that. Has no time limit of its own.
///
/// # Errors
///
/// If the other side does not speak HTTP/1.1, or ends before it has answered.
pub async fn exchange<B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<B>,
) -> hyper::Result<(Response<Incoming>, BoxFuture<'static, hyper::Result<()>>)>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut connection = connection.boxed();
    let mut answering = std::pin::pin!(sender.send_request(request));
    tokio::select! {
        // An answer may be there although the connection has ended with it.
        biased;
        answer = &mut answering => Ok((answer?, connection)),
        ended = &mut connection => {
            ended?;
            Ok((answering.await?, std::future::ready(Ok(())).boxed()))
        }
    }
}
