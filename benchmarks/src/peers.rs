//! The Python peers, in the virtual environment that `peers/setup.sh` makes, and the constant servers of this program.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    failure::Failure,
    functions,
    load::{self, Page, Questions, Recommend},
    ours::{self, Server},
    process::free_addresses,
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

    /// What to do where the venv lacks what models or functions need.
    pub(crate) const MODELS_ADVICE: &str = "run benchmarks/peers/setup.sh again";

    /// Whether the usual tools for models are there.
    pub(crate) fn has_models(&self) -> bool {
        self.has("implicit")
    }

    /// Whether FastAPI and wasmtime are there.
    pub(crate) fn has_functions(&self) -> bool {
        self.has("wasmtime")
    }

    /// Whether onnxruntime and Pillow are there.
    pub(crate) fn has_onnxruntime(&self) -> bool {
        self.has("onnxruntime") && self.has("PIL")
    }

    fn has(&self, package: &str) -> bool {
        let installed = |library: &PathBuf| library.join("site-packages").join(package).is_dir();
        let libraries = fs::read_dir(self.home.join("lib")).into_iter().flatten().flatten();
        libraries.map(|entry| entry.path()).any(|library| installed(&library))
    }

    /// `models.py MODEL TRAIN RANKING`.
    pub(crate) fn model(&self, model: &str, train: &Path, ranking: &Path) -> Command {
        let mut command = self.command("bin/python");
        command.arg(sources().join("models.py")).arg(model).arg(train).arg(ranking);
        // numpy's BLAS knows this processor better than whoever set these; each alone would mislead it.
        command.env_remove("OPENBLAS_CORETYPE").env_remove("OPENBLAS_L2_SIZE");
        command
    }

    /// A grpcio server with 10 worker threads.
    pub(crate) async fn recommendations(&self, logs: &Path) -> Result<Server, Failure> {
        let [address] = free_addresses()?;
        let mut command = self.command("bin/python");
        command.arg(sources().join("recommendations.py")).arg(address.to_string());
        let up = async || load::ask(address).await.map(drop);
        Server::start("Python grpcio", command, logs, address, up).await
    }

    /// Flask under gunicorn with 2 workers; the same books are in the storefront of ours at `shop`.
    pub(crate) async fn marketplace(
        &self,
        recommendations: SocketAddr,
        shop: SocketAddr,
        logs: &Path,
    ) -> Result<Server, Failure> {
        let [address] = free_addresses()?;
        let mut command = self.command("bin/gunicorn");
        command
            .args(["--workers", "2", "--no-control-socket", "--bind", &address.to_string(), "--chdir"])
            .arg(sources())
            .arg("marketplace:app")
            .env("RECOMMENDATIONS_HOST", recommendations.to_string())
            .env("SHOP", format!("http://{shop}"));
        let up = async || load::get(ours::home(address)).await.map(drop);
        Server::start("Flask", command, logs, address, up).await
    }

    /// `classify.py FOLDER CALLS`.
    pub(crate) fn classify(&self, folder: &Path, calls: &str) -> Command {
        let mut command = self.command("bin/python");
        command.arg(sources().join("classify.py")).arg(folder).arg(calls);
        command
    }

    /// FastAPI under uvicorn, with the modules in a folder.
    pub(crate) async fn functions(&self, modules: &Path, logs: &Path) -> Result<Server, Failure> {
        let [address] = free_addresses()?;
        let mut command = self.command("bin/python");
        command.arg(sources().join("functions.py")).arg(address.to_string()).arg(modules);
        let up = async || functions::ask(Page { path: functions::CACHED, ..functions::page(address) }).await;
        Server::start("FastAPI", command, logs, address, up).await
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.home.join(program));
        // No caches of compiled modules in the checkout.
        command.env("PYTHONPATH", self.home.join("generated")).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// The page of R1's tutorial, which the Flask peer has beside the whole storefront: a title and three books.
pub(crate) fn list(address: SocketAddr) -> Page {
    Page { path: "/list", ..ours::home(address) }
}

/// A bare tonic server that always answers with the message in `file`, which is three books.
pub(crate) async fn constant_answer(file: &Path, logs: &Path) -> Result<Server, Failure> {
    constant_answer_of(file, logs, Questions::mysteries()).await
}

/// The same with a message that is right for these questions.
pub(crate) async fn constant_answer_of(
    file: &Path,
    logs: &Path,
    questions: Questions,
) -> Result<Server, Failure> {
    let (command, address) = this_program("constant-answer", Some(file))?;
    let asked = Recommend { address, questions, exactly: None };
    let up = async || load::sample(&asked, 1).await.map(drop);
    Server::start("bare tonic", command, logs, address, up).await
}

/// axum with the page in `file`.
pub(crate) async fn constant_page(file: &Path, logs: &Path) -> Result<Server, Failure> {
    let (command, address) = this_program("constant-page", Some(file))?;
    let up = async || load::get(ours::home(address)).await.map(drop);
    Server::start("constant axum", command, logs, address, up).await
}

/// axum that does what the function does.
pub(crate) async fn native_function(logs: &Path) -> Result<Server, Failure> {
    let (command, address) = this_program("native-function", None)?;
    let up = async || functions::ask(functions::page(address)).await;
    Server::start("native axum", command, logs, address, up).await
}

/// axum that starts a process for each call of the module in `file`.
pub(crate) async fn process_a_call(file: &Path, logs: &Path) -> Result<Server, Failure> {
    let (command, address) = this_program("process-a-call", Some(file))?;
    let up = async || functions::ask(functions::page(address)).await;
    Server::start("a process a call", command, logs, address, up).await
}

fn this_program(what: &str, file: Option<&Path>) -> Result<(Command, SocketAddr), Failure> {
    let [address] = free_addresses()?;
    let own = env::current_exe().map_err(Failure::file("find this program"))?;
    let mut command = Command::new(own);
    command.arg(what).arg(address.to_string()).args(file);
    Ok((command, address))
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}
