//! Servers on free ports, and a client that sees every byte.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::LazyLock,
    thread,
    time::Duration,
};

use clap::Parser as _;
use protobufs::recommendations::{
    RecommendationRequest, RecommendationResponse,
    recommendations_server::{Recommendations, RecommendationsServer},
};
use recommendations::{
    import::{self, Format},
    store::Store,
};
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot};
use tonic::transport::{Server, server::TcpIncoming};

/// A server in a thread of its own, which ends with it.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// Where it says how it is.
    pub(crate) admin: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server did not panic");
        }
    }
}

/// Both servers, with the sample catalogue; one for all tests that only read.
pub(crate) fn shop() -> &'static Running {
    static BOTH: LazyLock<(Running, Running)> = LazyLock::new(|| {
        let recommendations = recommendations(0, "sqlite::memory:", true);
        let marketplace = marketplace(recommendations.address, &[]);
        (recommendations, marketplace)
    });
    &BOTH.1
}

/// A recommendation server; port 0 takes a free one.
pub(crate) fn recommendations(port: u16, database: &str, sample: bool) -> Running {
    let sample = if sample { "true" } else { "false" };
    recommendations_with(port, &["--database-url", database, "--sample-catalogue", sample])
}

/// A recommendation server with these arguments.
pub(crate) fn recommendations_with(port: u16, more: &[&str]) -> Running {
    let arguments = ["recommendations", "--shutdown-grace", "1s"];
    let config = recommendations::Config::parse_from(arguments.iter().chain(more));
    let server = run(port, move |listener, admin, stop| recommendations::run(config, listener, admin, stop));
    // gRPC answers once the catalogue is in memory.
    testing::eventually("the catalogue is served", Duration::from_secs(60), || {
        TcpStream::connect(server.address).ok().filter(greeted)
    });
    server
}

/// An HTTP/2 server begins with a SETTINGS frame.
fn greeted(mut stream: &TcpStream) -> bool {
    let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut answer = [0; 9];
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(hello).is_ok() && stream.read_exact(&mut answer).is_ok()
}

/// A function to deploy: its name, the guest that it is, and its manifest.
pub(crate) type Guest<'a> = (&'a str, &'a str, &'a str);

/// A functions server with these guests, which lie in the folder. `None`, and said on the terminal, if one of them is not built.
pub(crate) fn functions(guests: &[Guest<'_>]) -> Option<(Running, tempfile::TempDir)> {
    functions_with(guests, &[])
}

/// One that is told more.
pub(crate) fn functions_with(guests: &[Guest<'_>], more: &[&str]) -> Option<(Running, tempfile::TempDir)> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/guests/built");
    let module = |guest: &str| built.join(format!("{guest}.wasm")).display().to_string();
    let modules: Vec<_> = guests.iter().map(|(_, guest, _)| module(guest)).collect();
    if !testing::have(&modules.iter().map(String::as_str).collect::<Vec<_>>()) {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("functions");
    fs::create_dir(&place).unwrap();
    for ((name, _, manifest), module) in guests.iter().zip(&modules) {
        fs::write(place.join(format!("{name}.toml")), manifest).unwrap();
        fs::copy(module, place.join(format!("{name}.wasm"))).unwrap();
    }
    let server = functions_at(0, folder.path(), more);
    testing::eventually("all functions answer", Duration::from_secs(120), || {
        let list = server.get("/functions");
        assert!(!list.text().contains("\"reason\""), "{}", list.text());
        (list.text().matches("\"answers\"").count() > guests.len()).then_some(())
    });
    Some((server, folder))
}

/// One that comes back with the modules that lie in the folder.
pub(crate) fn functions_again(address: SocketAddr, folder: &Path) -> Running {
    functions_at(address.port(), folder, &[])
}

fn functions_at(port: u16, folder: &Path, more: &[&str]) -> Running {
    let url = format!("file://{}", folder.display());
    let arguments = ["functions", "--objects-url", &url, "--poll", "100ms", "--graceful-timeout", "1s"];
    let arguments = arguments.iter().chain(more).map(Into::into).collect();
    let config = functions::Config::read(arguments).unwrap_or_else(|failure| panic!("{failure}"));
    run(port, move |listener, admin, stop| functions::run(config, listener, admin, stop))
}

/// A storefront in front of the server at `recommendations`.
pub(crate) fn marketplace(recommendations: SocketAddr, more: &[&str]) -> Running {
    let host = recommendations.to_string();
    let arguments = ["marketplace", "--recommendations-host", &host, "--shutdown-grace", "1s"];
    // Unoptimised, and beside browsers and other tests, an answer may take longer than readers are to wait for it.
    let patience: &[&str] = if more.contains(&"--call-deadline") { &[] } else { &["--call-deadline", "2s"] };
    // Nobody listens there; a suite that somebody runs on this machine is none of the tests' business.
    let alone: &[&str] =
        if more.contains(&"--functions-url") { &[] } else { &["--functions-url", "http://127.0.0.1:9"] };
    let config = marketplace::Config::parse_from(arguments.iter().chain(patience).chain(alone).chain(more));
    run(0, move |listener, admin, stop| marketplace::run(config, listener, admin, stop))
}

/// The address of a database in this folder.
pub(crate) fn database(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("shelfwise.db").display())
}

/// A storefront in front of a catalogue that holds only these books, one JSON object a line.
pub(crate) fn shop_with(books: &str, more: &[&str]) -> (Running, Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = database(&folder);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::connect(&url).await.unwrap();
        let rows = std::io::Cursor::new(books.to_owned());
        let report = import::books(rows, Format::Jsonl, &store, |_| {}).await.unwrap();
        assert_eq!(report.new, books.lines().count() as u64);
    });
    drop(runtime);
    let recommendations = recommendations(0, &url, false);
    let marketplace = marketplace(recommendations.address, more);
    (recommendations, marketplace, folder)
}

/// A server that accepts and never says a word.
pub(crate) fn silent() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A server that says it is well, and never answers.
pub(crate) fn mute() -> SocketAddr {
    let (tell, address) = std::sync::mpsc::channel();
    // It ends with the test binary.
    thread::spawn(move || {
        Runtime::new().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let (_reporter, health) = tonic_health::server::health_reporter();
            let server = Server::builder().add_service(health).add_service(RecommendationsServer::new(Mute));
            server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
    });
    address.recv().unwrap()
}

struct Mute;

#[tonic::async_trait]
impl Recommendations for Mute {
    async fn recommend(
        &self,
        _request: tonic::Request<RecommendationRequest>,
    ) -> Result<tonic::Response<RecommendationResponse>, tonic::Status> {
        std::future::pending().await
    }
}

fn run<F>(port: u16, serve: impl FnOnce(TcpListener, TcpListener, Stop) -> F + Send + 'static) -> Running
where
    F: Future<Output = Result<(), service::Failure>>,
{
    let (stop, stopped) = oneshot::channel();
    let (tell, address) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        Runtime::new().unwrap().block_on(async {
            let listener = service::bind("TEST", SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
            let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send((listener.local_addr().unwrap(), admin.local_addr().unwrap())).unwrap();
            serve(listener, admin, Box::pin(async { drop(stopped.await) })).await.unwrap();
        });
    });
    let (address, admin) = address.recv().unwrap();
    Running { address, admin, stop: Some(stop), thread: Some(thread) }
}

type Stop = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    /// What the browser is told to keep, in order.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Running {
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    /// Sends a request with further header lines, each ended by `\r\n`.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &str) -> Answer {
        Self::ask(self.address, "shop", method, path, headers, b"")
    }

    /// Sends a body of any bytes.
    pub(crate) fn post(&self, path: &str, headers: &str, body: &[u8]) -> Answer {
        let headers = format!("{headers}content-length: {}\r\n", body.len());
        Self::ask(self.address, "shop", "POST", path, &headers, body)
    }

    /// As [`Running::send`], at its own address: what a browser on this machine asks.
    pub(crate) fn send_here(&self, method: &str, path: &str, headers: &str) -> Answer {
        Self::ask(self.address, &self.address.to_string(), method, path, headers, b"")
    }

    /// Posts something that takes this long to come.
    pub(crate) fn post_slowly(&self, path: &str, headers: &str, time: Duration) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let request = format!("POST {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n{headers}\r\n");
        let pieces = request.as_bytes().chunks(request.len().div_ceil(20));
        for piece in pieces {
            stream.write_all(piece).unwrap();
            thread::sleep(time / 20);
        }
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        parse(&bytes)
    }

    /// What it says of itself.
    pub(crate) fn metrics(&self) -> String {
        Self::ask(self.admin, "shop", "GET", "/metrics", "", b"").text().to_owned()
    }

    fn ask(address: SocketAddr, host: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut bytes = Vec::new();
        // A server that refuses what it has not read may reset the connection after its answer.
        let end = stream.read_to_end(&mut bytes);
        assert!(end.is_ok() || !bytes.is_empty(), "{end:?}");
        parse(&bytes)
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of the head");
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let lines: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let cookies =
        lines.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.clone()).collect();
    let mut headers = BTreeMap::new();
    for (name, value) in lines {
        let line = headers.entry(name).or_insert_with(String::new);
        let more = if line.is_empty() { value } else { format!("{line}, {value}") };
        *line = more;
    }
    let body = &bytes[end + 4..];
    let chunked = headers.get("transfer-encoding").is_some_and(|encoding| encoding == "chunked");
    let body = if chunked { unchunk(body) } else { body.to_vec() };
    Answer { status, headers, cookies, body }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|window| window == b"\r\n").expect("a chunk's size");
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[line + 2..line + 2 + size]);
        bytes = &bytes[line + 4 + size..];
    }
}

/// Header lines of a form, and the form.
pub(crate) fn with_form(headers: &str, form: &[(&str, &str)]) -> String {
    let mut body = form_urlencoded::Serializer::new(String::new());
    let body = body.extend_pairs(form).finish();
    let length = body.len();
    format!(
        "{headers}content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// The values of an attribute that begin with `prefix`, in the order of the page.
pub(crate) fn links<'a>(page: &'a str, prefix: &str) -> Vec<&'a str> {
    let values = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    values.filter(|value| value.starts_with(prefix)).collect()
}

/// What a browser keeps from answers and shows with requests.
#[derive(Default)]
pub(crate) struct Cookies(pub(crate) Vec<(String, String)>);

impl Cookies {
    /// The header line, if there is anything to show.
    pub(crate) fn header(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { String::new() } else { format!("cookie: {}\r\n", pairs.join("; ")) }
    }

    pub(crate) fn keep(&mut self, answer: &Answer) {
        for cookie in &answer.cookies {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.0.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}
