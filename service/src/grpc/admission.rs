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

use bytes::Bytes;
use clap::Args;
use http::{Extensions, HeaderMap, Request, Response};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{costs::Costs, message::Message};
use crate::config::{duration, positive_duration};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What is never refused, since it says whether the server is well.
const HEALTH: &str = "/grpc.health.v1.Health/";
/// Longer than a process lives, and short enough to be added to the clock.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

/// How long the one message of a call may take to come.
const MESSAGE_TIME: Duration = Duration::from_secs(5);
/// One place in so many may be had by a call whose message is long, and may not be there yet.
const LONG_SHARE: usize = 4;

/// How much a gRPC server takes on at a time.
#[derive(Args, Clone, Copy, Debug)]
pub struct AdmissionSettings {
    /// Calls worked on at a time; at most a quarter of them with messages over 16 KiB, which may still be on their way
    #[arg(long, value_name = "COUNT", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..1_000_000))]
    pub max_concurrent_calls: u32,
    /// How long a call may wait for its turn, all in all; as many may wait as are worked on. Then RESOURCE_EXHAUSTED
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = duration)]
    pub queue_time: Duration,
    /// The deadline of a call that brings none, and the longest that counts
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = positive_duration)]
    pub max_call_time: Duration,
}

/// Until when a call may wait for what others have, be that one thing after another; in the extensions of every request
/// that was admitted.
#[derive(Clone, Copy, Debug)]
pub struct Patience(Instant);

impl Patience {
    /// Of the call with these extensions: none at all if nobody has admitted it.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_else(|| Self(Instant::now()))
    }

    /// Its end.
    #[must_use]
    pub fn end(self) -> Instant {
        self.0
    }
}

/// Gives every call a deadline (`grpc-timeout`, `DEADLINE_EXCEEDED`), and refuses with `RESOURCE_EXHAUSTED` what would
/// have to wait too long for its turn.
///
/// A call takes its place once its message is there, so that nobody keeps others out by sending none. What may be kept so is
/// the share of long messages.
#[derive(Clone, Debug)]
pub struct AdmissionLayer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: AdmissionSettings,
    streams: Vec<String>,
    costs: Costs,
    places: Places,
    /// Of which a call has one, too, whose message is long.
    long: Places,
}

/// Places for calls, and how many calls wait for one: as many as there are at most.
#[derive(Debug)]
struct Places {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    most: usize,
}

/// What a call has while it is worked on.
struct Place {
    _long: Option<OwnedSemaphorePermit>,
    _place: OwnedSemaphorePermit,
}

impl AdmissionLayer {
    /// All services below clones of one layer share its places. Calls with the paths in `streams` take as long as the stream
    /// that they read: they have the deadline that they bring, if any, however long it is. They bound silence themselves, or
    /// answer at once and so give their place back. Of the `methods`, which are all there are, it is measured how long they
    /// take at a time.
    #[must_use]
    pub fn new(settings: AdmissionSettings, streams: Vec<String>, methods: Vec<String>) -> Self {
        let most = settings.max_concurrent_calls as usize;
        Self(Arc::new(Inner {
            settings,
            streams,
            costs: Costs::new(methods),
            places: Places::new(most),
            long: Places::new((most / LONG_SHARE).max(1)),
        }))
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
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static,
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
            let (mut head, body) = request.into_parts();
            let path = head.uri.path();
            let streams = inner.streams.iter().any(|stream| stream == path);
            let most = if streams { FOR_EVER } else { inner.settings.max_call_time };
            let now = Instant::now();
            let deadline = match deadline(&head.headers, now, most) {
                Ok(deadline) => deadline,
                Err(status) => return Ok(status.into_http()),
            };
            let cost = inner.costs.of(path);
            let message = if streams || !cost.is_known() {
                // Nobody reads what is sent to a method that is not there.
                Message::unread(body)
            } else {
                match Message::read(body, deadline.min(now + MESSAGE_TIME)).await {
                    Ok(message) => message,
                    Err(status) => return Ok(status.into_http()),
                }
            };
            let answer = if path.starts_with(HEALTH) {
                timeout_at(deadline, service.call(Request::from_parts(head, message))).await.map(Some)
            } else {
                let patience = deadline.min(Instant::now() + inner.settings.queue_time);
                let place = match inner.admit(message.is_long(), patience).await {
                    Ok(place) => place,
                    Err(status) => return Ok(status.into_http()),
                };
                head.extensions.insert(Patience(patience));
                let call = service.call(Request::from_parts(head, message));
                // It keeps its place for as long as it is worked on, be that longer than anybody waits for it.
                let call = async move {
                    let _place = place;
                    call.await
                };
                timeout_at(deadline, cost.run(call, patience)).await
            };
            match answer {
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
    async fn admit(&self, long: bool, patience: Instant) -> Result<Place, Status> {
        let long = if long { Some(self.long.take(patience).await?) } else { None };
        Ok(Place { _long: long, _place: self.places.take(patience).await? })
    }
}

impl Places {
    fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), waiting: AtomicUsize::new(0), most }
    }

    async fn take(&self, patience: Instant) -> Result<OwnedSemaphorePermit, Status> {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(place);
        }
        let _queued = Queued::enter(self).ok_or_else(overloaded)?;
        match timeout_at(patience, Arc::clone(&self.free).acquire_owned()).await {
            Ok(place) => Ok(place.expect("never closed")),
            Err(_) => Err(overloaded()),
        }
    }
}

/// A place in the queue, given back also when the caller goes away.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn enter(places: &'a Places) -> Option<Self> {
        let queued = Self(&places.waiting);
        let before = places.waiting.fetch_add(1, Ordering::Relaxed);
        (before < places.most).then_some(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn deadline(headers: &HeaderMap, now: Instant, most: Duration) -> Result<Instant, Status> {
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
    use std::{convert::Infallible, pin::pin, sync::Mutex, task::Waker};

    use http_body_util::Full;
    use tokio::sync::oneshot;
    use tonic::Code;
    use tower::service_fn;

    use super::*;

    #[tokio::test]
    async fn all_that_a_call_waits_for_has_one_end() {
        let time = Duration::from_secs(60);
        let settings = AdmissionSettings { max_concurrent_calls: 1, queue_time: time, max_call_time: time };
        let (free, taken) = oneshot::channel::<()>();
        let taken = Arc::new(Mutex::new(Some(taken)));
        let app = service_fn(move |request: Request<Message<Full<Bytes>>>| {
            let taken = taken.lock().unwrap().take();
            let patience = Patience::of(request.extensions());
            async move {
                if let Some(taken) = taken {
                    taken.await.unwrap();
                }
                let mut answer = Response::new(Body::empty());
                answer.extensions_mut().insert(patience);
                Ok::<_, Infallible>(answer)
            }
        });
        let mut app = AdmissionLayer::new(settings, Vec::new(), Vec::new()).layer(app);
        let mut context = Context::from_waker(Waker::noop());
        let mut call = || app.call(Request::new(Full::default()));
        let (mut first, mut second) = (pin!(call()), pin!(call()));
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending(), "there is one place");
        let begun = Instant::now();
        free.send(()).unwrap();
        first.await.unwrap();
        let answer = second.await.unwrap();
        assert!(Patience::of(answer.extensions()).end() <= begun + time, "it waited for its place already");
    }

    #[tokio::test]
    async fn whether_the_server_is_well_is_said_in_nobodys_turn() {
        const CHECK: &str = "/grpc.health.v1.Health/Check";
        const OTHER: &str = "/Some/Method";
        let time = Duration::from_secs(60);
        let settings =
            AdmissionSettings { max_concurrent_calls: 1, queue_time: Duration::ZERO, max_call_time: time };
        let layer = AdmissionLayer::new(settings, Vec::new(), vec![CHECK.to_owned(), OTHER.to_owned()]);
        let turns = Arc::clone(&layer.0.costs.turns);
        let mut app = layer.layer(service_fn(|_: Request<Message<Full<Bytes>>>| async {
            // So that both are known to take long.
            std::thread::sleep(Duration::from_millis(10));
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }));
        let mut status = async |path| {
            let request = Request::builder().uri(path).body(Full::default()).unwrap();
            let answer = app.call(request).await.unwrap();
            Status::from_header_map(answer.headers()).map(|status| status.code())
        };
        assert_eq!((status(CHECK).await, status(OTHER).await), (None, None));
        let all = u32::try_from(turns.available_permits()).unwrap();
        let _all = turns.acquire_many(all).await.unwrap();
        assert_eq!(status(OTHER).await, Some(Code::ResourceExhausted));
        assert_eq!(status(CHECK).await, None);
    }

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
