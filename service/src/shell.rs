use std::{future::Future, io, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{net::TcpListener, task::JoinHandle};
use tower::Service;

use crate::{
    Failure, Hold, Limits, Readiness, Server, Shutdown, admin,
    config::ShutdownSettings,
    listening,
    telemetry::{Exporter, Metrics},
    tls::ServerTls,
};

/// What every service has around it: metrics, traces, probes on the admin port, and the way out.
#[derive(Debug)]
pub struct Shell {
    /// Its metrics.
    pub metrics: Metrics,
    /// Where its spans go.
    pub exporter: Exporter,
    /// Whether it takes work.
    pub readiness: Readiness,
    /// How far it is on its way out.
    pub shutdown: Shutdown,
    prefix: &'static str,
    admin: io::Result<SocketAddr>,
    probes: JoinHandle<()>,
}

impl Shell {
    /// Answers probes from now on. The service, which is named as its variables are, is ready once the hold is released,
    /// which is for `part` of it, and begins to end when `signal` resolves.
    ///
    /// # Errors
    ///
    /// If telemetry settings cannot be used.
    pub fn open(
        prefix: &'static str,
        part: &'static str,
        admin: TcpListener,
        settings: ShutdownSettings,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(Self, Hold), Failure> {
        let service = prefix.to_lowercase();
        let metrics = Metrics::new(&service);
        let exporter = Exporter::from_env(&service)?;
        let (readiness, hold) = Readiness::new(part);
        let shutdown = Shutdown::on(signal, settings, readiness.clone());
        let address = admin.local_addr();
        let probes = tokio::spawn(admin::serve(admin, readiness.clone(), metrics.clone()));
        Ok((Self { metrics, exporter, readiness, shutdown, prefix, admin: address, probes }, hold))
    }

    /// Says where it listens, and serves `app` until the shutdown has drained and nothing is in flight any more, or is over.
    pub async fn serve<S, B>(&self, listener: TcpListener, limits: Limits, tls: Option<ServerTls>, app: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        listening(&format!("{}_BIND", self.prefix), listener.local_addr());
        if let Ok(address) = &self.admin {
            listening(&format!("{}_ADMIN_BIND", self.prefix), Ok(*address));
        }
        let server = Server::new(listener, limits, self.shutdown.clone()).tls(tls).counted(&self.metrics);
        let cut_off = server.serve(app).await;
        if cut_off > 0 {
            tracing::warn!(cut_off, "connections were still open at the end of the grace period");
        }
    }

    /// Exports the last spans. Probes are answered until then.
    pub async fn end(self) {
        let exporter = self.exporter.clone();
        // Flushing blocks, and other services may share the runtime's threads.
        if let Err(error) = tokio::task::spawn_blocking(move || exporter.flush()).await {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.probes.abort();
    }
}
