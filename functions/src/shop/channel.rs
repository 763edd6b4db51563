use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper_util::rt::TokioIo;
use protobufs::hosts::{Host, Hosts};
use service::tls::ClientTls;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};
use tonic::transport::{Channel, Endpoint};

/// How long one host may take to be connected to.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection to the first host that answers, opened by the first call and again when it is lost, then to the next one first.
#[must_use]
pub fn channel(hosts: Hosts, tls: Option<ClientTls>) -> Channel {
    let turn = Arc::new(AtomicUsize::new(0));
    let connector = tower::service_fn(move |_| {
        let (hosts, tls, turn) = (hosts.clone(), tls.clone(), turn.fetch_add(1, Ordering::Relaxed));
        async move {
            let mut failure = io::Error::other("there is no host");
            for host in hosts.iter().cycle().skip(turn % hosts.len()).take(hosts.len()) {
                match timeout(PATIENCE, connect(host, tls.as_ref())).await {
                    Ok(Ok(stream)) => return Ok(TokioIo::new(stream)),
                    Ok(Err(error)) => failure = error,
                    Err(_) => failure = io::ErrorKind::TimedOut.into(),
                }
            }
            Err(failure)
        }
    });
    // The connector knows where to go; the URL only has to be one.
    Endpoint::from_static("http://recommendations").connect_with_connector_lazy(connector)
}

async fn connect(host: &Host, tls: Option<&ClientTls>) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect((host.name(), host.port())).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(host.name().to_owned()).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(tls.config()).connect(name, stream).await?))
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Stream for S {}
