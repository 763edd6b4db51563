use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use testing::{
    Signal,
    http::{self, Answer},
};

/// What deploying takes.
pub(crate) const TOKEN: &str = "a-token-of-the-tests";

/// A process of the service. It is killed when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts one that keeps everything in a folder, and waits until it is ready.
    pub(crate) fn start(data: &Path, settings: &[&str]) -> Self {
        Self::start_with(data, settings, &[])
    }

    /// As [`Self::start`], with further variables.
    pub(crate) fn start_with(data: &Path, settings: &[&str], variables: &[(&str, &str)]) -> Self {
        let server = Self::spawn(data, settings, variables);
        server.ready();
        server
    }

    /// As [`Self::start_with`], and does not wait.
    pub(crate) fn spawn(data: &Path, settings: &[&str], variables: &[(&str, &str)]) -> Self {
        let token = [("SHELFWISE_TOKEN", TOKEN)];
        Self::spawn_bare(data, settings, &[&token, variables].concat())
    }

    /// With no token, and does not wait.
    pub(crate) fn spawn_bare(data: &Path, settings: &[&str], variables: &[(&str, &str)]) -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (address, admin) = (local(testing::free_port()), local(testing::free_port()));
        let log = data.join(format!("log-{}", address.port()));
        let out = File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_functions"))
            .env_clear()
            .envs(variables.iter().copied())
            .args(["--bind", &address.to_string(), "--admin-bind", &admin.to_string(), "--poll", "100ms"])
            .arg("--data")
            .arg(data)
            .args(settings)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        Self { address, admin, child, log }
    }

    /// Waits until it is ready.
    pub(crate) fn ready(&self) {
        within("it is ready", || {
            http::get(self.admin, "/ready").ok().filter(|answer| answer.status == 200).map(drop)
        });
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end after a signal, and says how it ended.
    pub(crate) fn end(mut self) -> std::process::ExitStatus {
        testing::signal(self.child.id(), Signal::TERM);
        self.child.wait().unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        http::get(self.address, path).unwrap()
    }

    /// Shows the token.
    pub(crate) fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        let mut headers = format!("authorization: Bearer {TOKEN}\r\n");
        if !kind.is_empty() {
            headers += &format!("content-type: {kind}\r\n");
        }
        http::ask(self.address, method, path, &headers, body).unwrap()
    }

    pub(crate) fn deploy(&self, name: &str, module: &[u8]) -> Answer {
        self.ask("PUT", &format!("/functions/{name}"), "application/wasm", module)
    }

    /// As `GET /functions/{name}` shows it.
    pub(crate) fn shown(&self, name: &str) -> Value {
        json(&self.get(&format!("/functions/{name}")))
    }

    /// Waits until a function says this.
    pub(crate) fn comes_to_say(&self, name: &str, text: &str) {
        within(&format!("{name} says {text}"), || {
            let answer = self.get(&format!("/{name}"));
            (answer.status == 200 && answer.body == text).then_some(())
        });
    }

    /// Waits until what lies under a name is refused for a reason that begins so.
    pub(crate) fn comes_to_refuse(&self, name: &str, reason: &str) {
        within(&format!("{name} is refused: {reason}"), || {
            let shown = json(&self.get("/functions"));
            let all = shown["functions"].as_array()?.clone();
            let found = all.into_iter().find(|function| function["name"] == name)?;
            found["refused"]["reason"].as_str()?.starts_with(reason).then_some(())
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        testing::show_if_failing(&self.log);
    }
}

/// Asks again until there is an answer.
pub(crate) fn within<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    testing::eventually(what, Duration::from_secs(120), ask)
}

pub(crate) fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// Two parts of a form.
pub(crate) fn form(module: Option<&[u8]>, manifest: Option<&str>) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    let parts = [("module", module), ("manifest", manifest.map(str::as_bytes))];
    for (name, bytes) in parts.into_iter().filter_map(|(name, bytes)| Some((name, bytes?))) {
        body.extend(format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n").bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    ("multipart/form-data; boundary=edge".to_owned(), body)
}
