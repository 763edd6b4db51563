//! Real Dapr sidecars, one beside each service: by app id, with secrets and state from them, and with one of them gone.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use functions::store::Store;
use serde_json::{Value, json};
use testing::{
    eventually, free_port,
    http::{self, Answer},
};

use crate::{functions::put, process::Suite};

const PATIENCE: Duration = Duration::from_secs(30);
/// What only the secret store says.
const TOKEN: &str = "a-token-of-the-secret-store";
/// One pixel.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\
    \0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\rIDATx\xdacd\xf8\xcfP\x0f\0\x03\x86\x01\x80Z4}k\
    \0\0\0\0IEND\xaeB`\x82";
/// Calls of a client in a minute.
const CALLS: usize = 40;

/// What all sidecars share: where they find each other, a state store and a secret store.
struct Mesh {
    folder: tempfile::TempDir,
    database: String,
}

/// A sidecar. It is killed when this is dropped.
struct Sidecar<'a> {
    mesh: &'a Mesh,
    app: &'static str,
    /// Further arguments: where its service is.
    arguments: Vec<String>,
    /// Where it says that it is.
    host: &'static str,
    http: SocketAddr,
    grpc: SocketAddr,
    internal: u16,
    child: Option<Child>,
}

impl Mesh {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let database = format!("sqlite://{}", file("shelfwise.db"));
        let secrets = json!({"shelfwise": {
            "token": TOKEN, "cookies": "0123456789abcdef0123456789abcdef", "database": database,
        }});
        fs::write(file("secrets.json"), secrets.to_string()).unwrap();
        let component = |name: &str, kind: &str, metadata: Value| {
            json!({
                "apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": name},
                "spec": {"type": kind, "version": "v1", "metadata": metadata},
            })
        };
        let secrets = json!([
            {"name": "secretsFile", "value": file("secrets.json")}, {"name": "multiValued", "value": "true"},
        ]);
        let state = json!([{"name": "connectionString", "value": file("state.db")}]);
        fs::create_dir(folder.path().join("components")).unwrap();
        for (name, kind, metadata) in
            [("secrets", "secretstores.local.file", secrets), ("state", "state.sqlite", state)]
        {
            // JSON is YAML, too.
            let component = component(name, kind, metadata).to_string();
            fs::write(folder.path().join("components").join(name).with_extension("yaml"), component).unwrap();
        }
        let names = json!({
            "apiVersion": "dapr.io/v1alpha1", "kind": "Configuration", "metadata": {"name": "names"},
            "spec": {"nameResolution": {
                "component": "sqlite", "configuration": {"connectionString": file("names.db")},
            }},
        });
        fs::write(file("config.yaml"), names.to_string()).unwrap();
        Self { folder, database }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One on ports of its own, not started yet.
    fn sidecar(&self, app: &'static str, host: &'static str) -> Sidecar<'_> {
        let local = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (http, grpc, internal) = (local(), local(), free_port());
        Sidecar { mesh: self, app, arguments: Vec::new(), host, http, grpc, internal, child: None }
    }
}

impl Sidecar<'_> {
    /// The one of a service.
    fn beside(mut self, service: SocketAddr, protocol: &str) -> Self {
        self.arguments
            .extend(["--app-port", &service.port().to_string(), "--app-protocol", protocol].map(Into::into));
        self
    }

    /// One that asks its service how it is, every second.
    fn watching(mut self) -> Self {
        let flags = ["--enable-app-health-check", "--app-health-probe-interval", "1"];
        self.arguments.extend(flags.map(Into::into));
        self
    }

    fn start(&mut self) {
        let log = self.log();
        let log = File::options().create(true).append(true).open(log).unwrap();
        let mut command = Command::new("daprd");
        command.args(["--app-id", self.app, "--dapr-http-port", &self.http.port().to_string()]);
        command.args(["--dapr-grpc-port", &self.grpc.port().to_string()]);
        command.args(["--dapr-internal-grpc-port", &self.internal.to_string()]);
        command.args([
            "--dapr-listen-addresses",
            "127.0.0.1",
            "--dapr-internal-grpc-listen-address",
            "127.0.0.1",
        ]);
        command.arg("--resources-path").arg(self.mesh.path("components"));
        command.arg("--config").arg(self.mesh.path("config.yaml"));
        command
            .arg("--enable-metrics=false")
            .args(&self.arguments)
            .env("DAPR_HOST_IP", self.host)
            .current_dir(self.mesh.folder.path());
        let child =
            command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.child = Some(child);
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn log(&self) -> PathBuf {
        self.mesh.path(self.app).with_extension("log")
    }

    /// Asks the sidecar itself.
    fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> std::io::Result<Answer> {
        http::ask(self.http, method, path, &format!("content-type: {kind}\r\n"), body)
    }

    /// Asks functions by its app id.
    fn function(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> std::io::Result<Answer> {
        self.ask(method, &format!("/v1.0/invoke/functions/method{path}"), kind, body)
    }
}

impl Drop for Sidecar<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("{}:\n{}", self.app, lines[lines.len().saturating_sub(25)..].join("\n"));
        }
        self.kill();
    }
}

#[test]
fn services_find_each_other_through_sidecars_and_outlive_one() {
    if !testing::have(&["daprd"]) {
        return;
    }
    let mesh = Mesh::new();
    // Where a sidecar says that it is, is what the called side knows its callers by.
    let mut recommendations = mesh.sidecar("recommendations", "127.0.0.1");
    let mut functions = mesh.sidecar("functions", "127.0.0.1");
    let mut marketplace = mesh.sidecar("marketplace", "127.0.0.2");
    let mut visitor = mesh.sidecar("visitor", "127.0.0.3");
    let vault = format!("http://{}/v1.0/secrets/secrets", recommendations.http);
    let (calls, sidecar) = (CALLS.to_string(), marketplace.grpc.to_string());
    let invoked = format!("http://{}/v1.0/invoke/functions/method", marketplace.http);
    let suite = Suite::spawn(
        tempfile::tempdir().unwrap(),
        &[
            ("SHELFWISE_SECRETS", &vault),
            ("SHELFWISE_TOKEN", "secret:shelfwise/token"),
            ("MARKETPLACE_COOKIE_KEY", "secret:shelfwise/cookies"),
            ("DATABASE_URL", "secret:shelfwise/database"),
            ("RECOMMENDATIONS_HOST", &sidecar),
            ("RECOMMENDATIONS_APP_ID", "recommendations"),
            ("FUNCTIONS_URL", &invoked),
            ("MARKETPLACE_CALL_DEADLINE", "2s"),
            ("FUNCTIONS_CLIENT_CALLS", &calls),
            ("FUNCTIONS_TRUSTED_PROXIES", "127.0.0.1"),
        ],
    );
    recommendations = recommendations.beside(suite.grpc, "grpc");
    functions = functions.beside(suite.functions, "http").watching();
    marketplace = marketplace.beside(suite.pages, "http");
    for sidecar in [&mut recommendations, &mut functions, &mut marketplace, &mut visitor] {
        sidecar.start();
    }
    suite.ready();

    // The storefront asks recommendations, over gRPC, by its app id.
    let home = || http::get(suite.pages, "/").unwrap();
    eventually("the home page with its list", PATIENCE, || is_whole(&home()).then_some(()));

    // Functions answer what sidecars ask, and are called over HTTP by their app id.
    let health = http::get(suite.functions, "/healthz").unwrap();
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    let subscriptions = http::get(suite.functions, "/dapr/subscribe").unwrap();
    assert_eq!((subscriptions.status, subscriptions.body.as_str()), (200, "[]"));
    put(&suite, "greet", "hello", "");
    let grant = format!("[grants]\nhosts = [\"{}\"]\n", functions.http);
    put(&suite, "keep", "echo", &grant);
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/guests/built/grayscale.toml");
    put(&suite, "grayscale", "grayscale", &fs::read_to_string(built).unwrap());
    eventually("a function through two sidecars", PATIENCE, || {
        let answer = visitor.function("GET", "/greet?name=Ada", "", b"").ok()?;
        (answer.status == 200 && answer.body.trim() == r#"{"greeting":"Hello, Ada!"}"#).then_some(())
    });

    // The token is the secret store's.
    let logs = |token: &str| {
        http::get_with(
            suite.functions,
            "/functions/greet/logs",
            &format!("authorization: Bearer {token}\r\n"),
        )
    };
    assert_eq!(logs(TOKEN).unwrap().status, 200);
    assert_eq!(logs("secret:shelfwise/token").unwrap().status, 401);

    // The storefront asks functions, over HTTP, by their app id; what they answered is remembered in the store's database.
    eventually("the studio has the function", PATIENCE, || {
        let page = http::get(suite.pages, "/studio").ok()?;
        (page.status == 200 && page.body.contains("Grayscale")).then_some(())
    });
    let shown = studio(&suite, "grayscale", PICTURE);
    assert_eq!(shown.status, 303, "{shown:?}");
    let after = format!("{}/after", shown.header("location").unwrap());
    let after = http::get(suite.pages, &after).unwrap();
    assert_eq!((after.status, after.header("content-type")), (200, Some("image/png")));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(Store::connect(&mesh.database)).unwrap();
    let event = eventually("the image is remembered", PATIENCE, || {
        runtime.block_on(store.latest_images(1)).unwrap().pop()
    });
    assert_eq!((event.function.as_str(), event.kind.as_str()), ("grayscale", "image/png"));
    assert_eq!(event.bytes, PICTURE.len() as u64);

    // A guest reads the state store through the sidecar.
    let state = json!([{"key": "visits", "value": 7}]).to_string();
    let kept = functions.ask("POST", "/v1.0/state/state", "application/json", state.as_bytes()).unwrap();
    assert_eq!(kept.status, 204, "{kept:?}");
    let place = format!("/keep/fetch?http://{}/v1.0/state/state/visits", functions.http);
    let answer = visitor.function("GET", &place, "", b"").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "7"), "{answer:?}");

    // Each caller has its share.
    let mut refused = None;
    for _ in 0..=CALLS {
        let answer = visitor.function("GET", "/greet", "", b"").unwrap();
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the visitor calls too often");
    assert!(refused.body.contains("urn:shelfwise:functions:too-often"), "{}", refused.body);
    assert!(refused.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    let other = marketplace.function("GET", "/greet?name=Eve", "", b"").unwrap();
    assert_eq!((other.status, other.body.trim()), (200, r#"{"greeting":"Hello, Eve!"}"#));

    outlives(&mut recommendations, &suite, &marketplace);
}

/// Without the sidecar of recommendations, pages say what is missing, and functions answer; both are whole again with it.
fn outlives(recommendations: &mut Sidecar<'_>, suite: &Suite, marketplace: &Sidecar<'_>) {
    let home = || http::get(suite.pages, "/").unwrap();
    recommendations.kill();
    let page = eventually("the page says that its list is missing", PATIENCE, || {
        Some(home()).filter(|page| page.body.contains("class=\"notice\""))
    });
    assert_eq!(page.status, 200);
    let answer = marketplace.function("GET", "/greet?name=Eve", "", b"").unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");

    recommendations.start();
    let started = Instant::now();
    eventually("the home page is whole again", PATIENCE, || is_whole(&home()).then_some(()));
    println!("the home page was whole {:?} after the sidecar was started again", started.elapsed());
}

/// Sends a picture as the storefront's form does.
fn studio(suite: &Suite, function: &str, picture: &[u8]) -> Answer {
    let mut body =
        format!("--xyz\r\ncontent-disposition: form-data; name=\"function\"\r\n\r\n{function}\r\n")
            .into_bytes();
    let file = "--xyz\r\ncontent-disposition: form-data; name=\"picture\"; filename=\"cover.png\"\r\ncontent-type: image/png\r\n\r\n";
    body.extend(file.bytes().chain(picture.iter().copied()).chain(*b"\r\n--xyz--\r\n"));
    let headers = "sec-fetch-site: same-origin\r\ncontent-type: multipart/form-data; boundary=xyz\r\n";
    http::ask(suite.pages, "POST", "/studio", headers, &body).unwrap()
}

fn is_whole(page: &Answer) -> bool {
    page.status == 200 && page.body.matches("<li>").count() == 3 && !page.body.contains("class=\"notice\"")
}

#[test]
fn a_secret_that_cannot_be_had_ends_the_start_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let start = |store: Option<&str>, secret: &str| {
        let mut command = crate::process::shelfwise();
        command.arg("--data").arg(folder.path()).env("SHELFWISE_TOKEN", secret);
        store.map(|store| command.env("SHELFWISE_SECRETS", store));
        crate::process::run(&mut command)
    };
    let ended = start(None, "secret:shelfwise/token");
    assert_eq!((ended.code, ended.err.lines().count()), (Some(64), 1), "{}", ended.err);
    assert!(
        ended.err.contains("SHELFWISE_TOKEN: ") && ended.err.contains("needs SHELFWISE_SECRETS"),
        "{}",
        ended.err
    );
    let ended = start(Some("vault"), "secret:shelfwise/token");
    assert!(ended.code == Some(64) && ended.err.contains("SHELFWISE_SECRETS: \"vault\""), "{}", ended.err);

    // A store that answers everything with this.
    let answering = |answer: &'static str| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    asked.push(byte[0]);
                }
                assert!(asked.starts_with(b"GET /v1.0/secrets/vault/shelfwise HTTP/1.0\r\n"));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        format!("http://{address}/v1.0/secrets/vault")
    };
    for (answer, said) in [
        ("HTTP/1.0 403 Forbidden\r\n\r\n{\"a\": \"hidden\"}", "answers with status 403"),
        ("HTTP/1.0 200 OK\r\n\r\n{\"other\": \"hidden\"}", "has no \"token\" in shelfwise"),
        ("HTTP/1.0 200 OK\r\n\r\nhidden", "cannot be read"),
    ] {
        let ended = start(Some(&answering(answer)), "secret:shelfwise/token");
        assert_eq!((ended.code, ended.err.lines().count()), (Some(74), 1), "{}", ended.err);
        assert!(ended.err.contains("SHELFWISE_TOKEN: ") && ended.err.contains(said), "{}", ended.err);
        assert!(!ended.err.contains("hidden"), "{}", ended.err);
    }
}
