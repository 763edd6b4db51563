use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, HealthCheckResponse, health_server::Health},
};

use crate::{Readiness, Shutdown, State};

/// `grpc.health.v1`, tied to the readiness of the process. Streams say when it drains, and end with it.
#[derive(Clone, Debug)]
pub struct HealthService {
    readiness: Readiness,
    shutdown: Shutdown,
    services: &'static [&'static str],
}

impl HealthService {
    /// Answers for `services` (full names) and for `""`, the whole process.
    #[must_use]
    pub fn new(readiness: Readiness, shutdown: Shutdown, services: &'static [&'static str]) -> Self {
        Self { readiness, shutdown, services }
    }

    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(&service)
    }
}

#[tonic::async_trait]
impl Health for HealthService {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.knows(&request.get_ref().service) {
            return Err(Status::not_found("this server has no such service"));
        }
        Ok(Response::new(answer(self.readiness.state())))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let shutdown = self.shutdown.clone();
        let drained = async move { shutdown.draining().await };
        if !self.knows(&request.get_ref().service) {
            // The protocol wants the stream kept open: the service might appear.
            let unknown = HealthCheckResponse { status: UNKNOWN };
            let stream = futures_util::stream::iter([Ok(unknown)]).chain(futures_util::stream::pending());
            return Ok(Response::new(Box::pin(stream.take_until(Box::pin(drained)))));
        }
        let states = WatchStream::new(self.readiness.subscribe()).map(|state| Ok(answer(state)));
        Ok(Response::new(Box::pin(states.take_until(Box::pin(drained)))))
    }
}

/// `SERVICE_UNKNOWN`, which tonic-health's own enum does not carry to the wire.
const UNKNOWN: i32 = 3;

fn answer(state: State) -> HealthCheckResponse {
    let status = match state {
        State::Starting | State::Draining => ServingStatus::NotServing,
        State::Ready => ServingStatus::Serving,
    };
    HealthCheckResponse { status: status as i32 }
}
