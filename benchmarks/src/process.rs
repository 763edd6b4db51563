//! Processes that a measurement starts: each in a group of its own, ended with it whatever happens.

use std::{
    fs::{self, File},
    future::Future,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use crate::{failure::Failure, machine::Group};

/// How long a server may take to come up.
const STARTS_WITHIN: Duration = Duration::from_secs(120);
/// How long a process may take to end after SIGTERM.
const ENDS_WITHIN: Duration = Duration::from_secs(12);

/// A running process. Dropping it ends its whole group.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    started: Instant,
    log: PathBuf,
}

impl Process {
    /// Starts `command`. What it writes to standard error is kept in `folder`; standard output goes to /dev/null.
    pub(crate) fn start(name: &str, mut command: Command, folder: &Path) -> Result<Self, Failure> {
        let log = folder.join(format!("{}.log", name.replace(' ', "-")));
        let errors = File::create(&log).map_err(Failure::file("make a log file"))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).process_group(0);
        let started = Instant::now();
        let child = command.spawn().map_err(|source| Failure::Start { name: name.to_owned(), source })?;
        Ok(Self { name: name.to_owned(), child, started, log })
    }

    /// It and its descendants.
    pub(crate) fn group(&self) -> Group {
        Group(self.child.id())
    }

    /// Asks `probe` every millisecond until it succeeds; the time since the start.
    pub(crate) async fn until<F>(&mut self, mut probe: impl FnMut() -> F) -> Result<Duration, Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        loop {
            let answer = probe().await;
            let after = self.started.elapsed();
            let Err(failure) = answer else { return Ok(after) };
            if let Some(status) = self.ended()? {
                return Err(Failure::Ended {
                    name: self.name.clone(),
                    status: status.to_string(),
                    log: self.tail(),
                });
            }
            if after > STARTS_WITHIN {
                return Err(Failure::NotUp { name: self.name.clone(), after, last: failure.to_string() });
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits for its own end, which must be a success, calling `watch` meanwhile; the time since the start.
    pub(crate) async fn finish(mut self, mut watch: impl FnMut(Group)) -> Result<Duration, Failure> {
        loop {
            if let Some(status) = self.ended()? {
                let (after, what) = (self.started.elapsed(), self.name.clone());
                if status.success() {
                    return Ok(after);
                }
                return Err(Failure::Command { what, status: status.to_string(), log: self.tail() });
            }
            watch(self.group());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The end of what it wrote to standard error.
    pub(crate) fn tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(2000)..]).trim().to_owned()
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(Failure::file(format!("wait for {}", self.name)))
    }

    /// Sends a signal to the group. Only while the leader has not been waited for: its number is nobody else's.
    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.child.id());
        let kill = Command::new("sh").args(["-c", r#"kill -s "$1" -- "$2""#, "sh", signal, &group]).status();
        if let Err(error) = kill {
            eprintln!("benchmarks: cannot end {}: {error}", self.name);
        }
    }
}

/// Runs a command to its end, which must be a success; what it wrote to standard output. Dropping the future ends it.
pub(crate) async fn output(what: &str, command: Command) -> Result<String, Failure> {
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let ended = command.output().await;
    let ended = ended.map_err(|source| Failure::Start { name: what.to_owned(), source })?;
    if !ended.status.success() {
        let log = String::from_utf8_lossy(&ended.stderr[ended.stderr.len().saturating_sub(2000)..]);
        return Err(Failure::Command {
            what: what.to_owned(),
            status: ended.status.to_string(),
            log: log.trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.signal("TERM");
        let deadline = Instant::now() + ENDS_WITHIN;
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.signal("KILL");
        // It cannot refuse; a zombie would keep its number until this process ends.
        let _ = self.child.wait();
    }
}

/// Ports of 127.0.0.1 that were free a moment ago, all different.
pub(crate) fn free_addresses<const COUNT: usize>() -> Result<[SocketAddr; COUNT], Failure> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut addresses = [any; COUNT];
    let mut held = Vec::with_capacity(COUNT);
    for address in &mut addresses {
        let listener = TcpListener::bind(any).map_err(Failure::file("find a free port"))?;
        *address = listener.local_addr().map_err(Failure::file("find a free port"))?;
        held.push(listener);
    }
    Ok(addresses)
}

/// Resolves at SIGINT or SIGTERM.
pub(crate) async fn interrupted() {
    let wait = async |kind| match signal(kind) {
        Ok(mut signals) => signals.recv().await,
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        _ = wait(SignalKind::interrupt()) => {}
        _ = wait(SignalKind::terminate()) => {}
    }
}
