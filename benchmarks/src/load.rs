//! The load: a closed loop with a fixed number of calls in flight, the same for every contender, that checks every answer.

mod grpc;
mod page;
mod summary;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    sync::oneshot,
    task::JoinSet,
    time::{sleep, sleep_until, timeout},
};

pub(crate) use self::{
    grpc::{Questions, Recommend, ask, sample},
    page::{Page, get},
    summary::Round,
};
use crate::{
    failure::Failure,
    machine::{self, Group},
};

/// How long calls may take to end after the round before the round has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// More calls than this are not made in one round: a bound on the generator's memory, 4 bytes a call.
const MOST_CALLS: usize = 20_000_000;

/// What is asked for, and what is a right answer.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// `/Recommendations/Recommend` over HTTP/2.
    Recommend(Recommend),
    /// A page over HTTP/1.1, on connections that are kept as long as the server keeps them.
    Page(Page),
}

/// How hard and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Connections, at least 1. They are opened within the warm-up.
    pub(crate) connections: usize,
    /// Calls in flight on each; 1 for pages, which HTTP/1.1 serves one by one.
    pub(crate) in_flight: usize,
    /// How long each waits after an answer before it asks again; zero for as much load as there can be.
    pub(crate) pause: Duration,
    /// What is asked before the clock starts.
    pub(crate) warm_up: Duration,
    /// What is measured.
    pub(crate) length: Duration,
}

/// The window within which calls are counted.
#[derive(Clone, Copy, Debug)]
struct Window {
    start: Instant,
    end: Instant,
    most_calls: usize,
}

/// What one loop has seen: nanoseconds of every call that ended in the window, and bytes of all of them.
#[derive(Debug, Default)]
struct Tally {
    nanoseconds: Vec<u32>,
    bytes: u64,
}

/// One round against `target`, with the processor time that `watched` spent within it.
pub(crate) async fn run(target: &Target, plan: Plan, watched: &[Group]) -> Result<Round, Failure> {
    let start = Instant::now() + plan.warm_up;
    let most_calls = MOST_CALLS / (plan.connections * plan.in_flight).max(1);
    let window = Window { start, end: start + plan.length, most_calls };
    // A thread for each core, each with its share of the connections and a scheduler of its own: a call then never
    // crosses threads within the generator.
    let threads = thread::available_parallelism().map_or(2, usize::from).min(plan.connections);
    let mut parts = Vec::with_capacity(threads);
    for index in 0..threads {
        let connections = (plan.connections + index) / threads;
        let (sender, receiver) = oneshot::channel();
        let target = target.clone();
        thread::Builder::new()
            .name(format!("load {index}"))
            .spawn(move || {
                // Nobody waits for the answer if the run was interrupted.
                let _ = sender.send(part(&target, connections, plan, window));
            })
            .map_err(Failure::file("start a thread of the load generator"))?;
        parts.push(receiver);
    }
    sleep_until(window.start.into()).await;
    let before = (machine::processor_time(watched)?, machine::own_processor_time()?);
    sleep_until(window.end.into()).await;
    let after = (machine::processor_time(watched)?, machine::own_processor_time()?);

    let stuck = || Failure::Stuck { address: target.address(), after: PATIENCE };
    let mut all = Tally::default();
    for part in parts {
        let part = timeout(PATIENCE, part).await.map_err(|_| stuck())?;
        all.add(part.expect("a thread that measures always answers")?);
    }
    if all.nanoseconds.is_empty() {
        return Err(Failure::NoCalls { address: target.address() });
    }
    Ok(Round::new(all.nanoseconds, all.bytes, plan.length, after.0 - before.0, after.1 - before.1))
}

/// What one thread does.
fn part(target: &Target, connections: usize, plan: Plan, window: Window) -> Result<Tally, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::file("start a scheduler of the load generator"))?;
    runtime.block_on(async {
        let mut loops = JoinSet::new();
        for _ in 0..connections {
            match target {
                Target::Recommend(recommend) => {
                    let caller = recommend.connect().await?;
                    for _ in 0..plan.in_flight {
                        let mut caller = caller.clone();
                        loops.spawn(repeat(window, plan.pause, async move || caller.call().await));
                    }
                }
                Target::Page(page) => {
                    let mut visitor = page.visitor();
                    loops.spawn(repeat(window, plan.pause, async move || visitor.call().await));
                }
            }
        }
        let mut all = Tally::default();
        while let Some(tally) = loops.join_next().await {
            all.add(tally.expect("no call panics")?);
        }
        Ok(all)
    })
}

/// Calls again and again until the window ends. The first wrong answer ends the round.
async fn repeat(
    window: Window,
    pause: Duration,
    mut call: impl AsyncFnMut() -> Result<usize, Failure>,
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    while tally.nanoseconds.len() < window.most_calls {
        let begin = Instant::now();
        let bytes = call().await?;
        let now = Instant::now();
        if now > window.end {
            break;
        }
        if now >= window.start {
            tally.nanoseconds.push((now - begin).as_nanos().try_into().unwrap_or(u32::MAX));
            tally.bytes += bytes as u64;
        }
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
    Ok(tally)
}

/// Asks every question once, with so many calls in flight on each of `connections`; how long that takes.
pub(crate) async fn pass(
    recommend: &Recommend,
    connections: usize,
    in_flight: usize,
) -> Result<Duration, Failure> {
    let left = Arc::new(AtomicUsize::new(recommend.questions.len()));
    let start = Instant::now();
    let mut loops = JoinSet::new();
    for _ in 0..connections {
        let caller = recommend.connect().await?;
        for _ in 0..in_flight {
            let (mut caller, left) = (caller.clone(), Arc::clone(&left));
            loops.spawn(async move {
                while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                    caller.call().await?;
                }
                Ok(())
            });
        }
    }
    while let Some(ended) = loops.join_next().await {
        ended.expect("no call panics")?;
    }
    Ok(start.elapsed())
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.nanoseconds.extend(other.nanoseconds);
        self.bytes += other.bytes;
    }
}

impl Target {
    fn address(&self) -> SocketAddr {
        match self {
            Self::Recommend(recommend) => recommend.address,
            Self::Page(page) => page.address,
        }
    }
}

fn wrong(address: SocketAddr, why: impl Into<String>) -> Failure {
    Failure::Answer { address, why: why.into() }
}

/// A bounded excerpt of what came instead.
fn excerpt(body: &Bytes) -> String {
    String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned()
}
