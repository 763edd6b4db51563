//! The one accept loop: gRPC, pages and the admin port all run on it.

mod calls;
mod cuts;
mod quiet;
mod refusal;
mod waiting;

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use rand::RngExt as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::{sleep, timeout},
};
use tower::{Service, ServiceExt as _};

use crate::{Phase, Shutdown, telemetry::Metrics, tls::ServerTls};
use calls::{Calls, Inbox};
use cuts::{Cut, Cuts};
use quiet::{Busy, Quiet};
use refusal::Named;
use waiting::{Pieces, Stream, Waiting};

/// How much of an answer the kernel holds before it was sent. The kernel asks for more when half of it is left, so this is
/// also how finely [`Limits::write_time`] sees a slow reader's progress.
const UNSENT: u32 = 128 * 1024;

/// Header fields that hyper takes without memory of their own for each request.
const FEW_HEADERS: usize = 100;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Who is on the other side of the connection; in the extensions of every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether it showed a certificate that was accepted.
    pub certificate: bool,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only, with prior knowledge where there is no TLS: gRPC.
    Http2,
    /// HTTP/1.1 and HTTP/2.
    Both,
}

/// What one listener gives to all of its connections, and to each.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What is spoken.
    pub protocol: Protocol,
    /// Connections at a time. Further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// Time for a TLS handshake, for the first request, for the head of a request, and for the next request on an idle
    /// HTTP/1.1 connection. A connection that has asked nothing by then is ended at once.
    pub header_time: Duration,
    /// How long the other side may take nothing of an answer, or of what else it is sent, before the connection is ended: it
    /// may read slowly, but not stop. Noticed after half as long again at the latest. With HTTP/2 this holds for each
    /// answer, so a stream that is left unread ends its connection, too.
    pub write_time: Duration,
    /// How long what is in flight on a connection may take to end once the connection was asked to go.
    pub close_time: Duration,
    /// After how long without a request, and without an answer under way, a connection is closed, or half as long again.
    /// Over HTTP/1.1 `header_time` may end it sooner. `None`: never over HTTP/2, though nobody need ever ask again.
    pub idle_time: Option<Duration>,
    /// Header fields of a request over HTTP/1.1.
    pub max_headers: usize,
    /// Bytes of the head of a request.
    pub max_header_bytes: u32,
    /// The same over HTTP/2, where names and values count, and 32 more for each. To what is longer h2 answers by itself, below
    /// every layer: 431 without a header, a log line or a count. A service whose layers refuse long heads takes more here
    /// than it allows, so that it is they who refuse.
    pub max_http2_header_bytes: u32,
    /// Requests in flight on one HTTP/2 connection.
    pub max_streams: u32,
    /// After how much silence an HTTP/2 connection is asked whether it is still there.
    pub keepalive_interval: Duration,
    /// How long it may take to say so.
    pub keepalive_time: Duration,
    /// After what age a connection is closed gracefully, ± 10 % so that clients do not all come back at once. `None`:
    /// never.
    pub connection_age: Option<Duration>,
}

impl Limits {
    /// Sane limits for a server at the edge.
    #[must_use]
    pub const fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            max_connections: 4096,
            header_time: Duration::from_secs(10),
            write_time: Duration::from_secs(30),
            close_time: Duration::from_secs(30),
            idle_time: Some(Duration::from_secs(300)),
            max_headers: FEW_HEADERS,
            max_header_bytes: 16 * 1024,
            max_http2_header_bytes: 16 * 1024,
            max_streams: 256,
            keepalive_interval: Duration::from_secs(30),
            keepalive_time: Duration::from_secs(10),
            connection_age: None,
        }
    }
}

/// A listener with its limits.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    tls: Option<ServerTls>,
    limits: Limits,
    shutdown: Shutdown,
    cuts: Cuts,
}

impl Server {
    /// A plaintext server.
    #[must_use]
    pub fn new(listener: TcpListener, limits: Limits, shutdown: Shutdown) -> Self {
        Self { listener, tls: None, limits, shutdown, cuts: Cuts::default() }
    }

    /// With TLS where `tls` is set.
    #[must_use]
    pub fn tls(mut self, tls: Option<ServerTls>) -> Self {
        self.tls = tls;
        self
    }

    /// Counts what is ended early in `connections_cut_total`.
    ///
    /// # Panics
    ///
    /// If another server does so in the same metrics.
    #[must_use]
    pub fn counted(mut self, metrics: &Metrics) -> Self {
        self.cuts = Cuts::counted(metrics);
        self
    }

    /// Serves until the shutdown drains, then until the last connection has ended or the grace period is over.
    ///
    /// Returns how many connections were cut off in the middle of something.
    pub async fn serve<S, B>(self, service: S) -> usize
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let Self { listener, tls, limits, shutdown, cuts } = self;
        let places = Arc::new(Semaphore::new(limits.max_connections));
        // Every connection holds a sender; the channel closes when the last one has ended.
        let (open, mut all_closed) = mpsc::channel::<()>(1);
        let cut_off = Arc::new(AtomicUsize::new(0));
        loop {
            let place = Arc::clone(&places).acquire_owned();
            let accepted = async {
                let place = place.await.expect("never closed");
                (listener.accept().await, place)
            };
            let (stream, address, place) = tokio::select! {
                () = shutdown.draining() => break,
                (accepted, place) = accepted => match accepted {
                    Ok((stream, address)) => (stream, address, place),
                    Err(error) => {
                        // The machine is out of files or the client has gone: neither is a reason to stop.
                        tracing::warn!(%error, "cannot accept");
                        sleep(Duration::from_millis(20)).await;
                        continue;
                    }
                },
            };
            let connection = Connection {
                address,
                tls: tls.clone(),
                limits,
                shutdown: shutdown.clone(),
                cuts: cuts.clone(),
                cut_off: Arc::clone(&cut_off),
                service: service.clone(),
            };
            let open = open.clone();
            tokio::spawn(async move {
                connection.run(stream).await;
                drop((open, place));
            });
        }
        // Nothing new is accepted: the port is closed while what is in flight goes on.
        drop(listener);
        drop(open);
        tokio::select! {
            _ = all_closed.recv() => {}
            // Connections end by themselves when it is over; one that is stuck is not waited for.
            () = async { shutdown.over().await; sleep(Duration::from_millis(100)).await } => {}
        }
        cut_off.load(Ordering::Relaxed)
    }
}

struct Connection<S> {
    address: SocketAddr,
    tls: Option<ServerTls>,
    limits: Limits,
    shutdown: Shutdown,
    cuts: Cuts,
    cut_off: Arc<AtomicUsize>,
    service: S,
}

impl<S, B> Connection<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    async fn run(self, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot switch off Nagle's algorithm");
        }
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if let Err(error) = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT) {
            tracing::debug!(%error, "cannot bound what the kernel holds unsent");
        }
        let waiting = Arc::new(Waiting::default());
        let stream = Stream::new(stream, Arc::clone(&waiting));
        let Some(tls) = &self.tls else { return self.speak(stream, false, waiting).await };
        match timeout(self.limits.header_time, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let certificate = stream.get_ref().1.peer_certificates().is_some();
                self.speak(stream, certificate, waiting).await;
            }
            Ok(Err(error)) => {
                self.cuts.add(Cut::Handshake);
                tracing::info!(peer = %self.address, %error, "TLS handshake refused");
            }
            Err(_) => {
                self.cuts.add(Cut::SlowHandshake);
                tracing::info!(peer = %self.address, "TLS handshake took too long");
            }
        }
    }

    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        certificate: bool,
        waiting: Arc<Waiting>,
    ) {
        let Self { address, limits, shutdown, cuts, cut_off, service, .. } = self;
        let peer = Peer { address, certificate };
        let phase = shutdown.clone();
        let asked = Arc::new(AtomicBool::new(false));
        let asking = Arc::clone(&asked);
        let quiet = limits.idle_time.map(|_| Arc::new(Quiet::default()));
        let noise = quiet.clone();
        let answers = Arc::clone(&waiting);
        let service = service_fn(move |mut request: Request<Incoming>| {
            asking.store(true, Ordering::Relaxed);
            let busy = noise.as_ref().map(Busy::begin);
            request.extensions_mut().insert(peer);
            let http1 = request.version() < Version::HTTP_2;
            let answer = service.clone().oneshot(request);
            let leaving = http1 && phase.phase() >= Phase::Leaving;
            let waiting = Arc::clone(&answers);
            async move {
                let mut answer = answer.await?;
                if leaving {
                    // A client that keeps its connection would meet it closed later, in the middle of a request.
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, S::Error>(answer.map(|body| Pieces::new(body, waiting, busy)))
            }
        });
        let inbox = Inbox::default();
        let builder = builder(&limits, inbox.clone());
        let mut calls = Calls::new(inbox);
        let refused: u64 = rand::random();
        let mut connection = pin!(
            builder.serve_connection(TokioIo::new(Named::new(stream, refused, limits.protocol)), service)
        );
        let mut closing = pin!(async {
            tokio::select! {
                () = shutdown.draining() => {}
                () = too_old(limits.connection_age) => {}
                () = idle(limits.idle_time, quiet.as_deref()) => {}
                () = silent(limits.header_time, &asked) => return true,
            }
            false
        });
        let mut stalled = pin!(waiting.too_long(limits.write_time));
        let stall = || {
            cuts.add(Cut::Stalled);
            tracing::info!(peer = %address, limit = ?limits.write_time, "connection ended: nothing was read");
        };
        let ended = tokio::select! {
            ended = poll_fn(|context| calls.poll(connection.as_mut(), context)) => ended,
            () = &mut stalled => return stall(),
            unasked = &mut closing => {
                connection.as_mut().graceful_shutdown();
                let mut now = Poll::Pending;
                if unasked {
                    // The farewell is sent, and what comes at this very moment is heard. If nothing does, nothing is in
                    // flight that would need time to end, and a client that is silent need not agree.
                    now = poll_fn(|context| Poll::Ready(calls.poll(connection.as_mut(), context))).await;
                    if now.is_pending() && !asked.load(Ordering::Relaxed) {
                        return;
                    }
                }
                // While the process drains, it says how long: a call may take as long as the grace period.
                let patience = async {
                    if shutdown.phase() < Phase::Draining {
                        sleep(limits.close_time).await;
                    }
                    if shutdown.phase() >= Phase::Draining {
                        shutdown.over().await;
                    }
                };
                match now {
                    Poll::Ready(ended) => ended,
                    Poll::Pending => tokio::select! {
                        ended = poll_fn(|context| calls.poll(connection.as_mut(), context)) => ended,
                        () = stalled => return stall(),
                        () = patience => {
                            cuts.add(Cut::Late);
                            cut_off.fetch_add(1, Ordering::Relaxed);
                            return;
                        }
                    },
                }
            }
        };
        if let Err(error) = ended {
            cuts.refused(address, refused, &*error);
            // The other side may go away at any time.
            tracing::debug!(peer = %address, error, "connection ended");
        }
    }
}

fn builder(limits: &Limits, calls: Inbox) -> auto::Builder<Inbox> {
    let mut builder = auto::Builder::new(calls);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size((limits.max_header_bytes as usize).max(8192));
    if limits.max_headers != FEW_HEADERS {
        builder.http1().max_headers(limits.max_headers);
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_streams)
        .max_header_list_size(limits.max_http2_header_bytes)
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_time)
        .max_pending_accept_reset_streams(limits.max_streams as usize);
    match limits.protocol {
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_only(),
        Protocol::Both => builder,
    }
}

/// Resolves if the connection has asked nothing after `time`: silence would hold its place for ever.
async fn silent(time: Duration, asked: &AtomicBool) {
    sleep(time).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

async fn idle(time: Option<Duration>, quiet: Option<&Quiet>) {
    match (time, quiet) {
        (Some(time), Some(quiet)) => quiet.lasts(time).await,
        _ => std::future::pending().await,
    }
}

async fn too_old(age: Option<Duration>) {
    match age {
        None => std::future::pending().await,
        Some(age) => {
            sleep(about(age)).await;
        }
    }
}

/// Give or take a tenth.
fn about(age: Duration) -> Duration {
    age.mul_f64(rand::rng().random_range(0.9..1.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_one_moment_do_not_end_in_one() {
        let mut ages: Vec<_> = (0..1000).map(|_| about(Duration::from_secs(1000)).as_secs()).collect();
        assert!(ages.iter().all(|age| (900..=1100).contains(age)), "{ages:?}");
        ages.sort_unstable();
        ages.dedup();
        assert!(ages.len() > 100 && ages[0] < 950 && ages[ages.len() - 1] > 1050, "{ages:?}");
    }
}
