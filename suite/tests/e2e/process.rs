use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tempfile::TempDir;
use testing::{Signal, eventually, free_port, http};

/// The program under test.
pub(crate) fn shelfwise() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shelfwise"));
    // Nothing of the machine that runs the tests may matter.
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("SHELFWISE_LOG", "info")
        // Of all services the one that few tests ask.
        .env("FUNCTIONS_BIND", "127.0.0.1:0")
        .env("FUNCTIONS_ADMIN_BIND", "127.0.0.1:0");
    command.stdin(Stdio::null());
    command
}

/// A running suite, with ports and data of its own. Killed when it is dropped.
pub(crate) struct Suite {
    pub(crate) child: Child,
    pub(crate) grpc: SocketAddr,
    pub(crate) grpc_admin: SocketAddr,
    pub(crate) pages: SocketAddr,
    pub(crate) pages_admin: SocketAddr,
    pub(crate) functions: SocketAddr,
    pub(crate) functions_admin: SocketAddr,
    pub(crate) data: TempDir,
}

impl Suite {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With further variables.
    pub(crate) fn start_with(variables: &[(&str, &str)]) -> Self {
        let suite = Self::spawn(tempfile::tempdir().unwrap(), variables);
        suite.ready();
        suite
    }

    /// Without waiting for it to be ready.
    pub(crate) fn spawn(data: TempDir, variables: &[(&str, &str)]) -> Self {
        Self::spawn_at(
            std::array::from_fn(|_| SocketAddr::from(([127, 0, 0, 1], free_port()))),
            data,
            variables,
        )
    }

    /// Starts one that has ended again: on the same ports, with data of its own.
    pub(crate) fn again(&self) -> Self {
        let places =
            [self.grpc, self.grpc_admin, self.pages, self.pages_admin, self.functions, self.functions_admin];
        Self::spawn_at(places, tempfile::tempdir().unwrap(), &[])
    }

    fn spawn_at(places: [SocketAddr; 6], data: TempDir, variables: &[(&str, &str)]) -> Self {
        let [grpc, grpc_admin, pages, pages_admin, functions, functions_admin] = places;
        let log = std::fs::File::create(data.path().join("log")).unwrap();
        let child = shelfwise()
            .arg("--data")
            .arg(data.path())
            .env("RECOMMENDATIONS_BIND", grpc.to_string())
            .env("RECOMMENDATIONS_ADMIN_BIND", grpc_admin.to_string())
            .env("MARKETPLACE_BIND", pages.to_string())
            .env("MARKETPLACE_ADMIN_BIND", pages_admin.to_string())
            .env("FUNCTIONS_BIND", functions.to_string())
            .env("FUNCTIONS_ADMIN_BIND", functions_admin.to_string())
            .env("FUNCTIONS_SAMPLES", "false")
            .envs(variables.iter().copied())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, grpc, grpc_admin, pages, pages_admin, functions, functions_admin, data }
    }

    pub(crate) fn ready(&self) {
        for admin in [self.grpc_admin, self.pages_admin, self.functions_admin] {
            eventually("ready", Duration::from_secs(60), || {
                http::get(admin, "/ready").ok().filter(|answer| answer.status == 200)
            });
        }
    }

    /// Everything it has printed so far.
    pub(crate) fn printed(&self) -> String {
        std::fs::read_to_string(self.data.path().join("log")).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        testing::signal(self.child.id(), signal);
    }

    /// Ends it, and gives back its data.
    pub(crate) fn stop(mut self) -> TempDir {
        self.signal(Signal::TERM);
        self.end();
        std::mem::replace(&mut self.data, tempfile::tempdir().unwrap())
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        eventually("the process ends", Duration::from_secs(30), || self.child.try_wait().unwrap())
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        testing::show_if_failing(&self.data.path().join("log"));
    }
}

/// What a command printed, and how it ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command to its end. One that should have ended long ago is killed, so that its test fails.
pub(crate) fn run(command: &mut Command) -> Ended {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let id = child.id();
    let (ended, waiting) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if waiting.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
            testing::signal(id, Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    watch.join().unwrap();
    Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The checkout.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
