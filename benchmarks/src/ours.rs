//! Shelfwise's own binaries, with their defaults but for ports and folders.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    failure::Failure,
    functions,
    load::{self, Page},
    process::{Process, free_addresses},
};

/// The folder with the binaries that were built in the same profile as this one.
#[derive(Debug)]
pub(crate) struct Binaries {
    folder: PathBuf,
}

/// Every binary of the project that a user runs.
pub(crate) const NAMES: [&str; 4] = ["shelfwise", "recommendations", "marketplace", "functions"];

/// What R1's integration test counts on the home page: the books.
pub(crate) const BOOKS_ON_HOME: (&str, usize) = ("<li>", 3);

/// A server that is up.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    /// Where it serves: gRPC or pages.
    pub(crate) address: SocketAddr,
    /// From its start until it was ready and had answered a call.
    pub(crate) started_in: Duration,
}

/// What a server is started by.
struct Starting {
    address: SocketAddr,
    admin: SocketAddr,
    command: Command,
}

/// The suite in one process.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) process: Process,
    pub(crate) pages: SocketAddr,
    pub(crate) grpc: SocketAddr,
    /// From its start until it was ready and had served the home page.
    pub(crate) started_in: Duration,
}

impl Server {
    /// Starts it, and asks `probe` until it is up.
    pub(crate) async fn start<F: Future<Output = Result<(), Failure>>>(
        name: &str,
        command: Command,
        logs: &Path,
        address: SocketAddr,
        probe: impl FnMut() -> F,
    ) -> Result<Self, Failure> {
        let mut process = Process::start(name, command, logs)?;
        let started_in = process.until(probe).await?;
        Ok(Self { process, address, started_in })
    }
}

impl Binaries {
    /// Looks beside this program.
    pub(crate) fn find() -> Result<Self, Failure> {
        let own = env::current_exe().map_err(Failure::file("find the folder of this program"))?;
        let binaries = Self { folder: own.parent().map(Path::to_owned).unwrap_or_default() };
        for name in NAMES {
            let path = binaries.path(name);
            if !path.is_file() {
                return Err(Failure::NoBinary { path });
            }
        }
        Ok(binaries)
    }

    /// Where a binary is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The recommendations server on the catalogue in `data`. `sample` says whether an empty store is given the embedded one.
    pub(crate) async fn recommendations(&self, data: &Path, sample: bool) -> Result<Server, Failure> {
        let sample = sample.to_string();
        let Starting { address, admin, command } =
            self.starting_recommendations(data, &[("RECOMMENDATIONS_SAMPLE_CATALOGUE", &sample)])?;
        let up = async || {
            ready(admin).await?;
            load::ask(address).await.map(drop)
        };
        Server::start("recommendations", command, data, address, up).await
    }

    /// The same with these settings, on whatever catalogue: it is up when it says so.
    pub(crate) async fn recommendations_with(
        &self,
        data: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Server, Failure> {
        let Starting { address, admin, command } = self.starting_recommendations(data, settings)?;
        Server::start("recommendations", command, data, address, async || ready(admin).await).await
    }

    fn starting_recommendations(&self, data: &Path, settings: &[(&str, &str)]) -> Result<Starting, Failure> {
        let [address, admin] = free_addresses()?;
        let mut command = clean(Command::new(self.path("recommendations")));
        command
            .env("RECOMMENDATIONS_BIND", address.to_string())
            .env("RECOMMENDATIONS_ADMIN_BIND", admin.to_string())
            .env("SHELFWISE_DATA", data)
            .envs(settings.iter().copied());
        Ok(Starting { address, admin, command })
    }

    /// `shelfwise ARGUMENTS`, without the settings of whoever runs the benchmark.
    pub(crate) fn shelfwise(&self, arguments: &[&str]) -> Command {
        let mut command = clean(Command::new(self.path("shelfwise")));
        command.args(arguments);
        command
    }

    /// The storefront in front of `recommendations`. `logs` is a folder.
    pub(crate) async fn marketplace(
        &self,
        recommendations: SocketAddr,
        logs: &Path,
    ) -> Result<Server, Failure> {
        let [address, admin] = free_addresses()?;
        let mut command = clean(Command::new(self.path("marketplace")));
        command
            .env("MARKETPLACE_BIND", address.to_string())
            .env("MARKETPLACE_ADMIN_BIND", admin.to_string())
            .env("RECOMMENDATIONS_HOST", recommendations.to_string());
        let up = async || {
            ready(admin).await?;
            load::get(home(address)).await.map(drop)
        };
        Server::start("marketplace", command, logs, address, up).await
    }

    /// The host of the functions in `data`, `hello` among them.
    pub(crate) async fn functions(&self, data: &Path) -> Result<Server, Failure> {
        let [address, admin] = free_addresses()?;
        let mut command = clean(Command::new(self.path("functions")));
        command
            .env("FUNCTIONS_BIND", address.to_string())
            .env("FUNCTIONS_ADMIN_BIND", admin.to_string())
            .env("SHELFWISE_DATA", data);
        let up = async || {
            ready(admin).await?;
            functions::ask(functions::page(address)).await
        };
        Server::start("functions", command, data, address, up).await
    }

    /// Everything in one process, with its data in `data`; logs go to `logs`.
    pub(crate) async fn suite(&self, data: &Path, logs: &Path) -> Result<Suite, Failure> {
        let mut command = Command::new(self.path("shelfwise"));
        command.arg("--data").arg(data);
        Suite::start(command, logs).await
    }

    /// `shelfwise import books FILE --data DATA`, to be waited for.
    pub(crate) fn import(&self, file: &Path, data: &Path, logs: &Path) -> Result<Process, Failure> {
        let mut command = clean(Command::new(self.path("shelfwise")));
        command.args(["import", "books"]).arg(file).arg("--data").arg(data);
        Process::start("import", command, logs)
    }
}

impl Suite {
    /// Starts the suite by `command`, which may build it first.
    pub(crate) async fn start(command: Command, logs: &Path) -> Result<Self, Failure> {
        let [grpc, pages, admin, pages_admin, guests, guests_admin] = free_addresses()?;
        let mut command = clean(command);
        command
            .env("RECOMMENDATIONS_BIND", grpc.to_string())
            .env("RECOMMENDATIONS_ADMIN_BIND", admin.to_string())
            .env("MARKETPLACE_BIND", pages.to_string())
            .env("MARKETPLACE_ADMIN_BIND", pages_admin.to_string())
            .env("FUNCTIONS_BIND", guests.to_string())
            .env("FUNCTIONS_ADMIN_BIND", guests_admin.to_string())
            .env("RECOMMENDATIONS_HOST", grpc.to_string());
        let mut process = Process::start("shelfwise", command, logs)?;
        let started_in = process
            .until(async || {
                ready(admin).await?;
                ready(pages_admin).await?;
                ready(guests_admin).await?;
                load::get(home(pages)).await.map(drop)
            })
            .await?;
        Ok(Self { process, pages, grpc, started_in })
    }
}

/// The home page with its three books.
pub(crate) fn home(address: SocketAddr) -> Page {
    Page { address, path: "/", contains: BOOKS_ON_HOME }
}

/// Whether the server says so itself.
async fn ready(admin: SocketAddr) -> Result<(), Failure> {
    load::get(Page { address: admin, path: "/ready", contains: ("ready", 1) }).await.map(drop)
}

/// Without the settings of whoever runs the benchmark: what is measured are the defaults.
fn clean(mut command: Command) -> Command {
    const OURS: [&str; 6] =
        ["SHELFWISE_", "RECOMMENDATIONS_", "MARKETPLACE_", "FUNCTIONS_", "OTEL_", "DATABASE_URL"];
    for (name, _) in env::vars_os() {
        if OURS.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}
