//! TLS from files that are read again whenever they change. Open connections go on with what they began with.

use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::MissedTickBehavior,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, server::TlsStream};

use crate::{Failure, Protocol, config::TlsSettings};

/// How often the files are compared with what was read last.
const REREAD: Duration = Duration::from_secs(1);

/// The accepting side.
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<ArcSwap<ServerConfig>>);

/// The connecting side.
#[derive(Clone, Debug)]
pub struct ClientTls(Arc<ArcSwap<ClientConfig>>);

impl ServerTls {
    /// Reads the files, and watches them from now on. `None` if no file is set. With an authority set, clients must
    /// show a certificate from it.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or used, or if only one of certificate and key is set; the line names `prefix`'s
    /// variable.
    pub fn load(prefix: &str, settings: &TlsSettings, protocol: Protocol) -> Result<Option<Self>, Failure> {
        let Some(files) = Files::new(prefix, settings)? else { return Ok(None) };
        if files.identity.is_none() {
            return Err(Failure::usage(format!(
                "{prefix}_TLS_CERT and {prefix}_TLS_KEY: needed by {prefix}_TLS_CA"
            )));
        }
        let build = move |pem: &Pem| server_config(pem, protocol);
        Ok(Some(Self(watched(files, build)?)))
    }

    /// Shakes hands with what the files hold now.
    ///
    /// # Errors
    ///
    /// If the client does not speak TLS or shows no acceptable certificate.
    pub async fn accept<IO>(&self, stream: IO) -> io::Result<TlsStream<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        TlsAcceptor::from(self.0.load_full()).accept(stream).await
    }
}

impl ClientTls {
    /// Reads the files, and watches them from now on. `None` if no file is set.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or used, or if the authority is not set; the line names `prefix`'s variable.
    pub fn load(prefix: &str, settings: &TlsSettings) -> Result<Option<Self>, Failure> {
        let Some(files) = Files::new(prefix, settings)? else { return Ok(None) };
        if files.authority.is_none() {
            return Err(Failure::usage(format!("{prefix}_TLS_CA: needed to check the server's certificate")));
        }
        Ok(Some(Self(watched(files, client_config)?)))
    }

    /// What the files hold now, for HTTP/2.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        self.0.load_full()
    }
}

/// A connection, whether TLS wraps it or not.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to a host, with TLS where `tls` is set, to speak HTTP/1.1 if that is the protocol, and else HTTP/2. Has no time limit
/// of its own.
///
/// # Errors
///
/// If nobody answers there, or not the host that the certificate is of.
pub async fn connect(
    host: &str,
    port: u16,
    tls: Option<&ClientTls>,
    protocol: Protocol,
) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut config = tls.config();
    if protocol == Protocol::Http1 {
        Arc::make_mut(&mut config).alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    Ok(Box::new(TlsConnector::from(config).connect(name, stream).await?))
}

#[derive(Clone)]
struct Files {
    prefix: String,
    identity: Option<(PathBuf, PathBuf)>,
    authority: Option<PathBuf>,
}

/// The files' contents. Compared whole, since a Kubernetes volume swaps links without touching times.
#[derive(PartialEq, Eq)]
struct Pem {
    identity: Option<(Vec<u8>, Vec<u8>)>,
    authority: Option<Vec<u8>>,
}

impl Files {
    fn new(prefix: &str, settings: &TlsSettings) -> Result<Option<Self>, Failure> {
        let identity = match (&settings.tls_cert, &settings.tls_key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            (Some(_), None) => {
                return Err(Failure::usage(format!("{prefix}_TLS_KEY: needed by {prefix}_TLS_CERT")));
            }
            (None, Some(_)) => {
                return Err(Failure::usage(format!("{prefix}_TLS_CERT: needed by {prefix}_TLS_KEY")));
            }
        };
        let files = Self { prefix: prefix.to_owned(), identity, authority: settings.tls_ca.clone() };
        Ok(Some(files).filter(|files| files.identity.is_some() || files.authority.is_some()))
    }

    fn read(&self) -> Result<Pem, Failure> {
        let read = |name: &str, path: &PathBuf| {
            fs::read(path).map_err(|error| {
                Failure::usage(format!("{}_TLS_{name}: cannot read {}: {error}", self.prefix, path.display()))
            })
        };
        let identity = match &self.identity {
            Some((certificate, key)) => Some((read("CERT", certificate)?, read("KEY", key)?)),
            None => None,
        };
        let authority = self.authority.as_ref().map(|path| read("CA", path)).transpose()?;
        Ok(Pem { identity, authority })
    }
}

/// Builds a configuration from the files now, and again whenever they change, until nobody holds it any more. A change
/// that cannot be used is logged, and the last good configuration stays.
fn watched<C: Send + Sync + 'static>(
    files: Files,
    build: impl Fn(&Pem) -> Result<C, String> + Send + 'static,
) -> Result<Arc<ArcSwap<C>>, Failure> {
    let mut last = files.read()?;
    let prefix = files.prefix.clone();
    let first =
        build(&last).map_err(|error| Failure::usage(format!("{prefix}_TLS_CERT, _KEY, _CA: {error}")))?;
    let current = Arc::new(ArcSwap::from_pointee(first));
    let watcher = Arc::downgrade(&current);
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(REREAD);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let Some(current) = watcher.upgrade() else { return };
            let files = files.clone();
            // Reading may block on a network file system.
            let read = tokio::task::spawn_blocking(move || files.read()).await;
            let Ok(read) = read else { return };
            let pem = match read {
                Ok(pem) if pem == last => continue,
                Ok(pem) => pem,
                Err(error) => {
                    tracing::warn!(%error, "certificates cannot be read; the last ones stay");
                    continue;
                }
            };
            match build(&pem) {
                Ok(config) => {
                    current.store(Arc::new(config));
                    tracing::info!("certificates changed");
                }
                Err(error) => tracing::warn!(error, "certificates cannot be used; the last ones stay"),
            }
            last = pem;
        }
    });
    Ok(current)
}

fn server_config(pem: &Pem, protocol: Protocol) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &pem.authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authority)?), provider())
                    .build()
                    .map_err(|error| error.to_string())?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let (chain, key) = identity(pem.identity.as_ref().ok_or("certificate and key are needed")?)?;
    let mut config = builder.with_single_cert(chain, key).map_err(|error| error.to_string())?;
    config.alpn_protocols = match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
        Protocol::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok(config)
}

fn client_config(pem: &Pem) -> Result<ClientConfig, String> {
    let authority = pem.authority.as_ref().ok_or("the authority is needed")?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(authority)?), provider())
        .build()
        .map_err(|error| error.to_string())?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_webpki_verifier(verifier);
    let mut config = match &pem.identity {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let (chain, key) = identity(files)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn identity(
    (chain, key): &(Vec<u8>, Vec<u8>),
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("no private key: {error}"))?;
    Ok((certificates(chain)?, key))
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain.map_err(|error| format!("no certificate: {error}"))? {
        chain if chain.is_empty() => Err("no certificate in the file".to_owned()),
        chain => Ok(chain),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
