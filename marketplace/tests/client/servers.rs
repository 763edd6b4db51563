//! Servers that a test can slow down, break, drain and kill.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use protobufs::recommendations::{
    BookRecommendation, RecommendationRequest, RecommendationResponse,
    recommendations_server::{Recommendations, RecommendationsServer},
};
use service::{
    Limits, Protocol, Readiness, Server, Shutdown,
    config::{ShutdownSettings, TlsSettings},
    grpc::HealthService,
    tls::ServerTls,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::{oneshot, watch},
    task::JoinHandle,
};
use tonic::{Code, Request, Response, Status, metadata::MetadataMap, service::Routes};
use tonic_health::pb::health_server::HealthServer;

/// What a server does with a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    Good,
    Late(Duration),
    No(Code),
    Bytes(usize),
}

/// How a server is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) health: bool,
    pub(crate) delay: Duration,
    pub(crate) age: Option<Duration>,
    pub(crate) tls: Option<&'a TlsSettings>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { health: true, delay: Duration::ZERO, age: None, tls: None }
    }
}

/// The real contract over the suite's own shell, on a runtime of its own.
pub(crate) struct Toy {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<usize>,
    runtime: Option<Runtime>,
}

/// What has been asked of a server.
pub(crate) struct Seen {
    pub(crate) calls: AtomicUsize,
    pub(crate) manner: Mutex<Manner>,
    pub(crate) metadata: Mutex<MetadataMap>,
}

impl Toy {
    pub(crate) fn start(address: &str) -> Self {
        Self::with(address, Setup::default())
    }

    pub(crate) fn with(address: &str, setup: Setup<'_>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let entered = runtime.enter();
        let seen = Seen {
            calls: AtomicUsize::new(0),
            manner: Mutex::new(Manner::Good),
            metadata: Mutex::new(MetadataMap::new()),
        };
        let seen = Arc::new(seen);
        let listener = service::bind("TEST", address.parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (readiness, starting) = Readiness::new("test");
        let settings =
            ShutdownSettings { shutdown_delay: setup.delay, shutdown_grace: Duration::from_secs(5) };
        let stopped = async move {
            let _ = stopped.await;
        };
        let shutdown = Shutdown::on(stopped, settings, readiness.clone());
        let mut routes = Routes::new(RecommendationsServer::new(Shop(Arc::clone(&seen))));
        if setup.health {
            let health = HealthService::new(readiness, shutdown.clone(), &["Recommendations"]);
            routes = routes.add_service(HealthServer::new(health));
        }
        // Models are not what this is about: that they are asked for is counted.
        let asked = Arc::clone(&seen);
        let refuse = axum::routing::post(async move || {
            asked.calls.fetch_add(1, Ordering::Relaxed);
            let code = match *asked.manner.lock().unwrap() {
                Manner::No(code) => code,
                Manner::Good | Manner::Late(_) | Manner::Bytes(_) => Code::Unimplemented,
            };
            Status::new(code, "not here").into_http::<axum::body::Body>()
        });
        let router = routes.into_axum_router().route("/shelfwise.models.v1.ModelsService/{method}", refuse);
        let routes = Routes::from(router);
        starting.release();
        let tls = setup.tls.and_then(|tls| ServerTls::load("TEST", tls, Protocol::Http2).unwrap());
        let limits = Limits { connection_age: setup.age, ..Limits::new(Protocol::Http2) };
        let server = Server::new(listener, limits, shutdown).tls(tls);
        let running = runtime.spawn(server.serve(routes.prepare()));
        drop(entered);
        Self { address, seen, stop: Some(stop), running, runtime: Some(runtime) }
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn be(&self, manner: Manner) {
        *self.seen.manner.lock().unwrap() = manner;
    }

    /// As SIGTERM does; resolves to how many connections were cut off.
    pub(crate) fn drain(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.running.is_finished()
    }

    /// As SIGKILL does: everything is dropped as it is. Returns where it was, for another one.
    pub(crate) fn kill(mut self) -> String {
        self.runtime.take().expect("it runs").shutdown_background();
        let address = self.address;
        testing::eventually("the port is closed", Duration::from_secs(20), || {
            std::net::TcpStream::connect(address).err()
        });
        address.to_string()
    }
}

impl Drop for Toy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Shop(Arc<Seen>);

#[tonic::async_trait]
impl Recommendations for Shop {
    async fn recommend(
        &self,
        request: Request<RecommendationRequest>,
    ) -> Result<Response<RecommendationResponse>, Status> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        *self.0.metadata.lock().unwrap() = request.metadata().clone();
        let manner = *self.0.manner.lock().unwrap();
        let mut title = "The Maltese Falcon".to_owned();
        match manner {
            Manner::Good => {}
            Manner::Late(time) => tokio::time::sleep(time).await,
            Manner::No(code) => return Err(Status::new(code, "as the test wants it")),
            Manner::Bytes(count) => title = "x".repeat(count),
        }
        let book = BookRecommendation { id: 1, title, ..BookRecommendation::default() };
        Ok(Response::new(RecommendationResponse { recommendations: vec![book], ..Default::default() }))
    }
}

/// Answers every gRPC call, health included, with these bytes in place of a message.
pub(crate) async fn nonsense(frame: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |request: http::Request<hyper::body::Incoming>| async move {
        let health = request.uri().path().starts_with("/grpc.health");
        let code = if health { "12" } else { "0" };
        let trailers = http::HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            http::HeaderValue::from_static(code),
        )]);
        let body = if health { Bytes::new() } else { Bytes::from_static(frame) };
        let body = Full::new(body).with_trailers(async move { Some(Ok(trailers)) });
        let answer = http::Response::builder().header("content-type", "application/grpc").body(body);
        Ok::<_, std::convert::Infallible>(answer.unwrap())
    };
    let server = Server::new(listener, Limits::new(Protocol::Http2), Shutdown::never());
    tokio::spawn(server.serve(tower::service_fn(answer)));
    address
}

/// Answers whatever comes with these bytes.
pub(crate) async fn babble(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(bytes).await;
        }
    });
    address
}

/// The way to a server, which can be blocked without being closed.
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    pub(crate) opened: Arc<AtomicUsize>,
    pub(crate) open: Arc<AtomicUsize>,
    blocked: watch::Sender<bool>,
}

impl Way {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (opened, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let blocked = watch::Sender::new(false);
        tokio::spawn({
            let (opened, open, blocked) = (Arc::clone(&opened), Arc::clone(&open), blocked.clone());
            async move {
                while let Ok((here, _)) = listener.accept().await {
                    opened.fetch_add(1, Ordering::Relaxed);
                    open.fetch_add(1, Ordering::Relaxed);
                    let (open, blocked) = (Arc::clone(&open), blocked.subscribe());
                    tokio::spawn(async move {
                        pass(here, server, blocked).await;
                        open.fetch_sub(1, Ordering::Relaxed);
                    });
                }
            }
        });
        Self { address, opened, open, blocked }
    }

    /// What is sent waits from now on, in both directions.
    pub(crate) fn block(&self) {
        self.blocked.send_replace(true);
    }

    pub(crate) fn unblock(&self) {
        self.blocked.send_replace(false);
    }
}

async fn pass(mut here: TcpStream, server: SocketAddr, mut blocked: watch::Receiver<bool>) {
    let Ok(mut there) = TcpStream::connect(server).await else { return };
    let mut copy = pin!(tokio::io::copy_bidirectional(&mut here, &mut there));
    loop {
        if blocked.wait_for(|blocked| !blocked).await.is_err() {
            return;
        }
        tokio::select! {
            biased;
            _ = blocked.wait_for(|blocked| *blocked) => {}
            _ = &mut copy => return,
        }
    }
}
