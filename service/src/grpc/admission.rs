use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use clap::Args;
use http::{HeaderMap, Request, Response};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{costs::Costs, message::Message};
use crate::config::{duration, positive_duration};

/// What is never refused, since it says whether the server is well.
const HEALTH: &str = "/grpc.health.v1.Health/";
/// Longer than a process lives, and short enough to be added to the clock.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

/// How long the one message of a call may take to come once the call has its place: whoever sends none would keep it.
const MESSAGE_TIME: Duration = Duration::from_secs(5);

/// How much a gRPC server takes on at a time.
#[derive(Args, Clone, Copy, Debug)]
pub struct AdmissionSettings {
    /// Calls worked on at a time
    #[arg(long, value_name = "COUNT", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..1_000_000))]
    pub max_concurrent_calls: u32,
    /// How long a call may wait for its turn; as many may wait as are worked on. Then RESOURCE_EXHAUSTED
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = duration)]
    pub queue_time: Duration,
    /// The deadline of a call that brings none, and the longest that counts
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = positive_duration)]
    pub max_call_time: Duration,
}

/// Gives every call a deadline (`grpc-timeout`, `DEADLINE_EXCEEDED`), and refuses with `RESOURCE_EXHAUSTED` what would
/// have to wait too long for its turn.
#[derive(Clone, Debug)]
pub struct AdmissionLayer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: AdmissionSettings,
    streams: &'static [&'static str],
    costs: Costs,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl AdmissionLayer {
    /// All services below clones of one layer share its places. Calls with the paths in `streams` take as long as the stream
    /// that they read: they have the deadline that they bring, if any, however long it is. They bound silence themselves. Of the
    /// `methods` it is measured how long they take at a time.
    #[must_use]
    pub fn new(settings: AdmissionSettings, streams: &'static [&'static str], methods: Vec<String>) -> Self {
        let places = Arc::new(Semaphore::new(settings.max_concurrent_calls as usize));
        let costs = Costs::new(methods);
        Self(Arc::new(Inner { settings, streams, costs, places, waiting: AtomicUsize::new(0) }))
    }
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admission<S>;

    fn layer(&self, service: S) -> Admission<S> {
        Admission { inner: Arc::clone(&self.0), service }
    }
}

/// See [`AdmissionLayer`].
#[derive(Clone, Debug)]
pub struct Admission<S> {
    inner: Arc<Inner>,
    service: S,
}

impl<S, B> Service<Request<B>> for Admission<S>
where
    S: Service<Request<Message<B>>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        // The clone is not known to be ready, the one that was polled is.
        let unpolled = self.service.clone();
        let mut service = std::mem::replace(&mut self.service, unpolled);
        Box::pin(async move {
            let path = request.uri().path();
            let streams = inner.streams.contains(&path);
            let most = if streams { FOR_EVER } else { inner.settings.max_call_time };
            let deadline = match deadline(request.headers(), most) {
                Ok(deadline) => deadline,
                Err(status) => return Ok(status.into_http()),
            };
            let place = if request.uri().path().starts_with(HEALTH) {
                None
            } else {
                match inner.admit(deadline).await {
                    Ok(place) => Some(place),
                    Err(status) => return Ok(status.into_http()),
                }
            };
            let cost = inner.costs.of(request.uri().path());
            let call =
                service.call(request.map(|body| Message::new(body, (!streams).then_some(MESSAGE_TIME))));
            // It keeps its place for as long as it is worked on, be that longer than anybody waits for it.
            let call = async move {
                let _place = place;
                call.await
            };
            match timeout_at(deadline, cost.run(call, inner.patience(deadline))).await {
                // An answer that was there at the first look has not met the clock yet.
                Ok(answer) if Instant::now() < deadline => {
                    answer.unwrap_or_else(|| Ok(overloaded().into_http()))
                }
                _ => Ok(late().into_http()),
            }
        })
    }
}

impl Inner {
    async fn admit(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Status> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let _queued = Queued::enter(self).ok_or_else(overloaded)?;
        match timeout_at(self.patience(deadline), Arc::clone(&self.places).acquire_owned()).await {
            Ok(place) => Ok(place.expect("never closed")),
            Err(_) => Err(overloaded()),
        }
    }

    /// Until when a call that may take until `deadline` waits, from now on, for what others have.
    fn patience(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.settings.queue_time)
    }
}

/// A place in the queue, given back also when the caller goes away.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn enter(inner: &'a Inner) -> Option<Self> {
        let queued = Self(&inner.waiting);
        let before = inner.waiting.fetch_add(1, Ordering::Relaxed);
        (before < inner.settings.max_concurrent_calls as usize).then_some(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn deadline(headers: &HeaderMap, most: Duration) -> Result<Instant, Status> {
    let now = Instant::now();
    let Some(value) = headers.get("grpc-timeout") else { return Ok(now + most) };
    let time = value.to_str().ok().and_then(grpc_timeout);
    let time = time.ok_or_else(|| Status::invalid_argument("grpc-timeout is malformed"))?;
    if time.is_zero() {
        return Err(late());
    }
    Ok(now + time.min(most))
}

/// At most eight digits and a unit, as gRPC over HTTP/2 writes it.
fn grpc_timeout(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let digits = text.strip_suffix(unit)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        'n' => Some(Duration::from_nanos(number)),
        'u' => Some(Duration::from_micros(number)),
        'm' => Some(Duration::from_millis(number)),
        'S' => Some(Duration::from_secs(number)),
        'M' => Some(Duration::from_secs(number * 60)),
        'H' => Some(Duration::from_secs(number * 3600)),
        _ => None,
    }
}

fn overloaded() -> Status {
    Status::resource_exhausted("too many calls at a time, try again later")
}

fn late() -> Status {
    Status::deadline_exceeded("the call's deadline has passed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        assert_eq!(grpc_timeout("300m"), Some(Duration::from_millis(300)));
        assert_eq!(grpc_timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(grpc_timeout("0n"), Some(Duration::ZERO));
        for bad in ["", "1", "m", "-1m", "+1m", "123456789m", "1x", "1é"] {
            assert_eq!(grpc_timeout(bad), None, "{bad}");
        }
    }
}
