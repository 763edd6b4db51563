use std::{
    convert::Infallible,
    future::{Future as _, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use h2::{Ping, PingPong, client::SendRequest};
use http::HeaderValue;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use service::{tls::ClientTls, trace::TraceContext};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Notify, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;
use tonic::Code;

use super::{
    Host,
    grpc::{self, Addressed, Exchange, Fault, Method, Watch},
};

/// A server that is there answers a connection attempt within a round trip.
const CONNECT: Duration = Duration::from_millis(500);
/// How long a connection that nobody uses any more may take to close.
const CLOSE: Duration = Duration::from_secs(5);
/// What one answer, and all answers of a connection, may fill before they are read.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// So many calls in a row without an answer, and others are asked first.
pub(crate) const MANY_LATE: u32 = 3;

/// One live connection to one address. It closes when the last reference is gone.
pub(crate) struct Line {
    sender: SendRequest<Bytes>,
    addressed: Addressed,
    /// Calls in a row that were not answered in time.
    late: AtomicU32,
    /// Whether the other side is still there is worth a question.
    doubt: Notify,
    /// The connection takes no more calls.
    over: Arc<Notify>,
    /// Tells the task that drives the connection when the line is dropped.
    _held: oneshot::Sender<Infallible>,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    #[error("cannot connect: {0}")]
    Tcp(io::Error),
    #[error("cannot connect in time")]
    Late,
    #[error("the host's name cannot be in a certificate: {0}")]
    Name(InvalidDnsNameError),
    #[error("TLS: {0}")]
    Tls(io::Error),
    #[error("HTTP/2: {0}")]
    Http2(h2::Error),
    #[error("the host's name cannot be in an address: {0}")]
    Authority(http::Error),
    #[error("the server does not say how it is: {0}")]
    Health(Fault),
}

impl Line {
    /// Connects; what it returns has not heard from the server yet, unless there is TLS.
    pub(crate) async fn open(
        host: &Host,
        address: SocketAddr,
        tls: Option<&ClientTls>,
        app_id: Option<&HeaderValue>,
    ) -> Result<(Arc<Self>, PingPong), ConnectError> {
        let connected = timeout(CONNECT, TcpStream::connect(address)).await;
        let stream = connected.map_err(|_| ConnectError::Late)?.map_err(ConnectError::Tcp)?;
        stream.set_nodelay(true).map_err(ConnectError::Tcp)?;
        let Some(tls) = tls else { return Self::speak(host, app_id, "http", stream).await };
        let name =
            ServerName::try_from(host.name().trim_end_matches('.').to_owned()).map_err(ConnectError::Name)?;
        let stream =
            TlsConnector::from(tls.config()).connect(name, stream).await.map_err(ConnectError::Tls)?;
        Self::speak(host, app_id, "https", stream).await
    }

    async fn speak(
        host: &Host,
        app_id: Option<&HeaderValue>,
        scheme: &str,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<(Arc<Self>, PingPong), ConnectError> {
        let addressed =
            Addressed::new(scheme, &host.to_string(), app_id.cloned()).map_err(ConnectError::Authority)?;
        let handshake = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEADER_BYTES)
            .enable_push(false)
            .handshake(stream);
        let (sender, mut connection) = handshake.await.map_err(ConnectError::Http2)?;
        let pings = connection.ping_pong().expect("it is taken once");
        let over = Arc::new(Notify::new());
        let (held, released) = oneshot::channel();
        tokio::spawn(drive(connection, sender.clone(), released, Arc::clone(&over)));
        let line =
            Self { sender, addressed, late: AtomicU32::new(0), doubt: Notify::new(), over, _held: held };
        Ok((Arc::new(line), pings))
    }

    /// Asks, and remembers whether there was an answer in time.
    pub(crate) async fn ask(
        &self,
        method: Method,
        message: Bytes,
        time: HeaderValue,
        deadline: Instant,
        token: Option<&HeaderValue>,
        trace: &TraceContext,
    ) -> Result<Bytes, Fault> {
        let answer = grpc::ask(&self.sender, &self.addressed, method, message, time, token, trace);
        let answer = timeout_at(deadline, answer).await.unwrap_or(Err(Fault::Late));
        // The server's clock may run out a moment before this one's.
        if let Err(Fault::Late | Fault::Status { code: Code::DeadlineExceeded, .. }) = answer {
            self.is_late();
            return answer;
        }
        // Anything said is a sign of life. Nearly always there is nothing to forget.
        if self.late.load(Ordering::Relaxed) != 0 {
            self.late.store(0, Ordering::Relaxed);
        }
        answer
    }

    /// Begins a call that is a stream.
    pub(crate) fn exchange(
        &self,
        method: Method,
        time: HeaderValue,
        token: Option<&HeaderValue>,
        trace: &TraceContext,
    ) -> Result<Exchange, Fault> {
        grpc::exchange(&self.sender, &self.addressed, method, time, token, trace)
    }

    pub(crate) async fn watch(&self) -> Result<Watch, Fault> {
        grpc::watch(&self.sender, &self.addressed).await
    }

    /// An answer is taking too long.
    pub(crate) fn is_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
        self.doubt.notify_one();
    }

    /// Calls in a row that were not answered in time.
    pub(crate) fn late(&self) -> u32 {
        self.late.load(Ordering::Relaxed)
    }

    /// One more late call is enough to lose its turn again.
    pub(crate) fn give_a_chance(&self) {
        self.late.store(MANY_LATE - 1, Ordering::Relaxed);
    }

    /// Resolves when calls have become late.
    pub(crate) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// The connection is of no more use, says a caller.
    pub(crate) fn give_up(&self) {
        self.over.notify_one();
    }

    /// Resolves when the connection takes no more calls.
    pub(crate) async fn over(&self) {
        self.over.notified().await;
    }
}

/// Asks whether the other side is still there, below gRPC.
pub(crate) async fn ping(pings: &mut PingPong, time: Duration) -> bool {
    timeout(time, pings.ping(Ping::opaque())).await.is_ok_and(|pong| pong.is_ok())
}

/// Moves bytes until the connection ends.
async fn drive<T: AsyncRead + AsyncWrite + Unpin>(
    mut connection: h2::client::Connection<T, Bytes>,
    sender: SendRequest<Bytes>,
    mut released: oneshot::Receiver<Infallible>,
    over: Arc<Notify>,
) {
    // As long as this one is there, the connection stays open without calls.
    let mut sender = Some(sender);
    let mut closing = None;
    let driven = poll_fn(|context| {
        if closing.is_none() && Pin::new(&mut released).poll(context).is_ready() {
            sender = None;
            closing = Some(Box::pin(sleep(CLOSE)));
        }
        if let Some(limit) = &mut closing
            && limit.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(());
        }
        let ended = Pin::new(&mut connection).poll(context).is_ready();
        // A server that is leaving says so, and the connection goes on until its last call is answered.
        if ended
            || sender.as_mut().is_some_and(|sender| matches!(sender.poll_ready(context), Poll::Ready(Err(_))))
        {
            sender = None;
            over.notify_one();
        }
        if ended { Poll::Ready(()) } else { Poll::Pending }
    });
    driven.await;
}
