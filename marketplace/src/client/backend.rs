use std::{net::SocketAddr, sync::Arc, time::Duration};

use h2::PingPong;
use http::HeaderValue;
use rand::RngExt as _;
use service::tls::ClientTls;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use tonic::Code;

use super::{
    Host,
    grpc::{Fault, Watch},
    line::{ConnectError, Line, MANY_LATE, ping},
    rotation::Seat,
};

/// From the first packet until the server has said how it is.
const OPEN: Duration = Duration::from_secs(2);
/// Between two attempts to connect: from, to, give or take a fifth. A server that is back is found within a third of a
/// second.
const LEAST_PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSE: Duration = Duration::from_millis(250);
/// How long a connection must have lasted to be tried again at once.
const LASTING: Duration = Duration::from_secs(1);
/// How often a server is asked whether it is still there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(5);
const PONG: Duration = Duration::from_millis(500);
/// How long a server whose calls were late is asked last.
const BENCH: Duration = Duration::from_secs(1);
/// How long after its end a health stream is opened again.
const REWATCH: Duration = Duration::from_millis(250);

/// Keeps one connection to one address.
pub(crate) struct Backend {
    pub(crate) host: Host,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<ClientTls>,
    pub(crate) app_id: Option<HeaderValue>,
    pub(crate) seat: Seat,
    /// Asks for the hosts to be resolved again.
    pub(crate) stale: watch::Sender<()>,
}

/// A connection whose server has said how it is.
struct Opened {
    line: Arc<Line>,
    pings: PingPong,
    health: Health,
    serving: bool,
}

enum Health {
    Watched(Watch),
    /// It has no health service, or has said its last word for the moment.
    Unwatched {
        again: Option<Instant>,
    },
}

impl Backend {
    /// Until the task is aborted.
    pub(crate) async fn keep(self) {
        let mut pause = LEAST_PAUSE;
        let mut reachable = true;
        loop {
            let opened = timeout(OPEN, self.open()).await.unwrap_or(Err(ConnectError::Late));
            match opened {
                Ok(opened) => {
                    reachable = true;
                    let start = Instant::now();
                    tracing::info!(address = %self.address, host = %self.host, "recommendations is connected");
                    self.serve(opened).await;
                    tracing::info!(address = %self.address, host = %self.host, "recommendations has gone");
                    self.seat.connecting();
                    self.stale.send_replace(());
                    if start.elapsed() >= LASTING {
                        pause = LEAST_PAUSE;
                        continue;
                    }
                }
                Err(error) => {
                    self.seat.down();
                    if std::mem::replace(&mut reachable, false) {
                        if self.host.is_localhost() {
                            // Nearly always only one of its two addresses listens.
                            tracing::debug!(address = %self.address, %error, "recommendations cannot be reached");
                        } else {
                            tracing::info!(address = %self.address, host = %self.host, %error, "recommendations cannot be reached");
                        }
                        self.stale.send_replace(());
                    }
                }
            }
            let jitter = rand::rng().random_range(0.8..1.2);
            sleep(pause.mul_f64(jitter)).await;
            pause = (pause * 2).min(MOST_PAUSE);
        }
    }

    async fn open(&self) -> Result<Opened, ConnectError> {
        let (line, pings) =
            Line::open(&self.host, self.address, self.tls.as_ref(), self.app_id.as_ref()).await?;
        let (health, serving) = watch(&line).await.map_err(ConnectError::Health)?;
        Ok(Opened { line, pings, health, serving })
    }

    /// Until the connection takes no more calls.
    async fn serve(&self, opened: Opened) {
        let Opened { line, mut pings, mut health, mut serving } = opened;
        let mut benched: Option<Instant> = None;
        let mut next_ping = Instant::now() + PING;
        self.seat.connected(&line, serving);
        loop {
            tokio::select! {
                () = line.over() => return,
                said = health.next(&line) => {
                    let now = match said {
                        Ok((now, next)) => {
                            if let Some(next) = next {
                                health = next;
                            }
                            now
                        }
                        Err(_) => return,
                    };
                    if now != serving {
                        serving = now;
                        tracing::info!(address = %self.address, serving, "recommendations says how it is");
                        if !serving {
                            self.stale.send_replace(());
                        }
                        self.seat.connected(&line, serving && benched.is_none());
                    }
                }
                () = line.doubted() => {
                    if line.late() >= MANY_LATE && benched.is_none() {
                        tracing::info!(address = %self.address, "recommendations is late");
                        self.seat.connected(&line, false);
                        benched = Some(Instant::now() + BENCH);
                    }
                    if !ping(&mut pings, PONG).await {
                        return;
                    }
                    next_ping = Instant::now() + PING;
                }
                () = sleep_until(next_ping) => {
                    if !ping(&mut pings, PONG).await {
                        return;
                    }
                    next_ping = Instant::now() + PING;
                }
                () = sleep_until(benched.unwrap_or(next_ping)), if benched.is_some() => {
                    benched = None;
                    line.give_a_chance();
                    self.seat.connected(&line, serving);
                }
            }
        }
    }
}

impl Health {
    /// Whether the server wants calls, when that changes, and how to go on. May be dropped and called again.
    async fn next(&mut self, line: &Line) -> Result<(bool, Option<Self>), Fault> {
        let last_word = || Self::Unwatched { again: Some(Instant::now() + REWATCH) };
        match self {
            // It serves no less for not being able to say so.
            Self::Unwatched { again: None } => std::future::pending().await,
            Self::Unwatched { again: Some(again) } => {
                sleep_until(*again).await;
                watch(line).await.map(|(health, serving)| (serving, Some(health)))
            }
            Self::Watched(watch) => match watch.next().await {
                Ok(Some(serving)) => Ok((serving, None)),
                // Streams end when a server drains.
                Ok(None) | Err(Fault::Status { .. } | Fault::Cut(_)) => Ok((false, Some(last_word()))),
                Err(fault) => Err(fault),
            },
        }
    }
}

/// What a server says first.
async fn watch(line: &Line) -> Result<(Health, bool), Fault> {
    let said = async {
        let mut watch = line.watch().await?;
        match watch.next().await? {
            Some(serving) => Ok((Health::Watched(watch), serving)),
            None => Err(Fault::Wrong("no word".to_owned())),
        }
    };
    match said.await {
        Err(Fault::Status { code: Code::Unimplemented, .. }) => Ok((Health::Unwatched { again: None }, true)),
        said => said,
    }
}
