//! The Python peers, in the virtual environment that `peers/setup.sh` makes, and the constant servers of this program.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    failure::Failure,
    load,
    ours::{self, Server},
    process::{Process, free_addresses},
};

/// The virtual environment.
#[derive(Debug)]
pub(crate) struct Python {
    home: PathBuf,
}

impl Python {
    /// What to do where there is none.
    pub(crate) const ADVICE: &str = "run benchmarks/peers/setup.sh";

    /// `None` if it was never made.
    pub(crate) fn find() -> Option<Self> {
        let cache = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
        let home = cache.join("shelfwise-benchmarks");
        let complete = ["bin/python", "bin/gunicorn", "generated/recommendations_pb2_grpc.py"];
        complete.iter().all(|file| home.join(file).exists()).then_some(Self { home })
    }

    /// A grpcio server with 10 worker threads.
    pub(crate) async fn recommendations(&self, logs: &Path) -> Result<Server, Failure> {
        let [address] = free_addresses()?;
        let mut command = self.command("bin/python");
        command.arg(sources().join("recommendations.py")).arg(address.to_string());
        let mut process = Process::start("Python grpcio", command, logs)?;
        let started_in = process.until(async || load::ask(address).await.map(drop)).await?;
        Ok(Server { process, address, started_in })
    }

    /// Flask under gunicorn with 2 workers.
    pub(crate) async fn marketplace(
        &self,
        recommendations: SocketAddr,
        logs: &Path,
    ) -> Result<Server, Failure> {
        let [address] = free_addresses()?;
        let mut command = self.command("bin/gunicorn");
        command
            .args(["--workers", "2", "--no-control-socket", "--bind", &address.to_string(), "--chdir"])
            .arg(sources())
            .arg("marketplace:app")
            .env("RECOMMENDATIONS_HOST", recommendations.to_string());
        let mut process = Process::start("Flask", command, logs)?;
        let started_in = process.until(async || load::get(ours::home(address)).await.map(drop)).await?;
        Ok(Server { process, address, started_in })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.home.join(program));
        // No caches of compiled modules in the checkout.
        command.env("PYTHONPATH", self.home.join("generated")).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// A bare tonic server that always answers with the message in `file`.
pub(crate) async fn constant_answer(file: &Path, logs: &Path) -> Result<Server, Failure> {
    let (mut process, address) = this_program("constant-answer", "bare tonic", file, logs)?;
    let started_in = process.until(async || load::ask(address).await.map(drop)).await?;
    Ok(Server { process, address, started_in })
}

/// axum with the page in `file`.
pub(crate) async fn constant_page(file: &Path, logs: &Path) -> Result<Server, Failure> {
    let (mut process, address) = this_program("constant-page", "constant axum", file, logs)?;
    let started_in = process.until(async || load::get(ours::home(address)).await.map(drop)).await?;
    Ok(Server { process, address, started_in })
}

fn this_program(what: &str, name: &str, file: &Path, logs: &Path) -> Result<(Process, SocketAddr), Failure> {
    let [address] = free_addresses()?;
    let own = env::current_exe().map_err(Failure::file("find this program"))?;
    let mut command = Command::new(own);
    command.arg(what).arg(address.to_string()).arg(file);
    Ok((Process::start(name, command, logs)?, address))
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}
