//! The client against real servers on loopback addresses: one killed, late, wrong, draining, moved.

mod faults;
mod servers;
mod spread;
mod tls;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use marketplace::client::{CallError, Client, Resolver};
use protobufs::recommendations::BookRecommendation;
use service::{telemetry::Metrics, trace::TraceContext};
use tokio::task::JoinSet;

/// A client with its metrics.
struct Asker {
    client: Client,
    metrics: Metrics,
}

impl Asker {
    /// With the default deadline.
    fn new(hosts: &str) -> Self {
        Self::within(Duration::from_millis(300), hosts)
    }

    /// Calls that must not fail get time enough for a machine that is busy with other tests.
    fn patient(hosts: &str) -> Self {
        Self::within(Duration::from_secs(3), hosts)
    }

    fn within(deadline: Duration, hosts: &str) -> Self {
        let metrics = Metrics::new("test");
        Self { client: Client::new(&hosts.parse().unwrap(), None, deadline, &metrics), metrics }
    }

    fn resolving(deadline: Duration, resolver: Resolver) -> Self {
        let metrics = Metrics::new("test");
        let hosts = "recommendations.example".parse().unwrap();
        Self { client: Client::with_resolver(&hosts, None, deadline, &metrics, resolver), metrics }
    }

    async fn ask(&self) -> Result<Vec<BookRecommendation>, CallError> {
        self.client.recommend(&TraceContext::root(0.0), 0, 0, 3).await
    }

    /// A number that `/metrics` shows; 0 if it does not.
    fn metric(&self, name: &str) -> f64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    fn serving(&self) -> usize {
        self.metric("grpc_client_backends{state=\"serving\"}") as usize
    }

    async fn until_serving(&self, count: usize) {
        until("as many servers serve", || self.serving() == count).await;
    }
}

/// Readers who ask all the time.
struct Load {
    over: Arc<AtomicBool>,
    made: Arc<AtomicUsize>,
    readers: JoinSet<Vec<CallError>>,
}

impl Load {
    fn on(client: &Client, readers: usize) -> Self {
        let (over, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut set = JoinSet::new();
        for _ in 0..readers {
            let (client, over, made) = (client.clone(), Arc::clone(&over), Arc::clone(&made));
            set.spawn(async move {
                let mut failed = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let answer = client.recommend(&TraceContext::root(0.0), 0, 0, 3).await;
                    made.fetch_add(1, Ordering::Relaxed);
                    failed.extend(answer.err());
                    // As busy as a shop, not as a benchmark: servers and other tests share the machine.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                failed
            });
        }
        Self { over, made, readers: set }
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }

    /// Until so many more calls have been made.
    async fn go_on(&self, calls: usize) {
        let goal = self.made() + calls;
        until("the calls are made", || self.made() >= goal).await;
    }

    /// Stops, and returns how many calls have failed.
    async fn failed(self) -> usize {
        self.over.store(true, Ordering::Relaxed);
        self.readers.join_all().await.iter().map(Vec::len).sum()
    }
}

/// Asks again until it is true.
async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}: not within 20 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A resolver that the test decides for.
fn addresses(now: &Arc<Mutex<Vec<SocketAddr>>>) -> Resolver {
    let now = Arc::clone(now);
    Arc::new(move |_| {
        let now = now.lock().unwrap().clone();
        Box::pin(async move { Ok(now) })
    })
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
