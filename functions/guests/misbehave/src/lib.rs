//! Does what functions must not do, and says what came of it. What all kinds of guest try alike is here; `Attempt` is what a
//! test names in `{"do": "…"}`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use serde_json::{Value, json};

/// What to try. Numbers that are left out mean "without end" or what the attempt says.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Attempt {
    /// Computes without end.
    Loop,
    /// Computes for about this many additions: `{"turns": N}`. Answers the sum.
    Work { turns: u64 },
    /// Takes memory by the MiB, and writes to it, until there is no more or `mebibytes` are taken. Answers how many it got.
    Allocate { mebibytes: Option<usize> },
    /// Takes memory until the program ends of it.
    Exhaust,
    /// Executes the instruction that always traps.
    Trap,
    /// Panics, with this text on stderr.
    Panic { text: Option<String> },
    /// Calls itself without end.
    Recurse,
    /// Writes to stdout, without end or so many bytes.
    Stdout { bytes: Option<u64> },
    /// Writes to stderr, without end or so many bytes. Answers how many went.
    Stderr { bytes: Option<u64> },
    /// Reads all of stdin. Answers how many bytes there were.
    Stdin,
    /// Opens, lists and writes files. Answers what came of each path; of a file that could be read, its beginning.
    Files { paths: Option<Vec<String>> },
    /// Connects, listens, sends and looks names up. Answers what came of each.
    Sockets { address: Option<String> },
    /// Starts a process. Answers what came of it.
    Fork,
    /// Reads the clocks. Answers seconds since 1970 and nanoseconds between two looks at the steady clock.
    Clock,
    /// Answers the environment's variables.
    Environment,
    /// Answers the command line's arguments.
    Arguments,
    /// Waits so many milliseconds. Answers that it has.
    Sleep { milliseconds: u64 },
    /// Writes what looks like a secret to stderr and then traps.
    Secret { text: String },
}

/// What is tried by default: files that every machine has, ways out of the sandbox, and folders of preopened files.
const PATHS: [&str; 8] = [
    "/etc/passwd",
    "../etc/passwd",
    "../../../../etc/passwd",
    "/proc/self/environ",
    "/",
    ".",
    "/tmp/misbehave",
    "written",
];

impl Attempt {
    /// Does it, if it can, and says what came of it. What is an answer of its own (a flood of stdout) answers `null`.
    pub fn perform(self) -> Value {
        match self {
            Self::Loop => loop {
                std::hint::black_box(());
            },
            Self::Work { turns } => {
                json!({ "sum": (0..turns).fold(0u64, |sum, turn| std::hint::black_box(sum.wrapping_add(turn))) })
            }
            Self::Allocate { mebibytes } => json!({ "mebibytes": allocate(mebibytes.unwrap_or(usize::MAX)) }),
            Self::Exhaust => exhaust(),
            Self::Trap => trap(),
            Self::Panic { text } => panic!("{}", text.as_deref().unwrap_or("as asked")),
            Self::Recurse => json!({ "depth": recurse(0) }),
            Self::Stdout { bytes } => {
                flood(&mut std::io::stdout().lock(), bytes);
                Value::Null
            }
            Self::Stderr { bytes } => json!({ "bytes": flood(&mut std::io::stderr().lock(), bytes) }),
            Self::Stdin => json!({ "bytes": drain() }),
            Self::Files { paths } => files(paths.unwrap_or_else(|| PATHS.map(str::to_owned).to_vec())),
            Self::Sockets { address } => sockets(address.as_deref().unwrap_or("127.0.0.1:80")),
            Self::Fork => {
                json!({ "process": outcome(Command::new("/bin/sh").args(["-c", "echo misbehaved"]).output().map(|_| "started")) })
            }
            Self::Clock => clock(),
            Self::Environment => std::env::vars().map(|(name, value)| (name, Value::from(value))).collect(),
            Self::Arguments => std::env::args().collect(),
            Self::Sleep { milliseconds } => {
                std::thread::sleep(Duration::from_millis(milliseconds));
                json!({ "slept": milliseconds })
            }
            Self::Secret { text } => {
                eprintln!("the secret is {text}");
                trap()
            }
        }
    }
}

/// Ends as no program should.
pub fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}

fn allocate(most: usize) -> usize {
    let mut held: Vec<Vec<u8>> = Vec::new();
    while held.len() < most {
        let mut chunk = Vec::new();
        if chunk.try_reserve_exact(1 << 20).is_err() {
            break;
        }
        chunk.resize(1 << 20, 0xa5);
        held.push(std::hint::black_box(chunk));
    }
    held.len()
}

fn exhaust() -> ! {
    loop {
        std::mem::forget(std::hint::black_box(vec![0xa5u8; 1 << 20]));
    }
}

#[expect(unconditional_recursion, reason = "what is asked for")]
fn recurse(depth: u64) -> u64 {
    // Something is left to do after the call, and it uses the stack, so that it is no loop.
    let room = std::hint::black_box([depth; 32]);
    recurse(depth + 1) + std::hint::black_box(room)[7]
}

fn flood(out: &mut impl Write, bytes: Option<u64>) -> u64 {
    let chunk = [b'x'; 4096];
    let mut written = 0;
    while bytes.is_none_or(|bytes| written < bytes) {
        let most = bytes.map_or(chunk.len() as u64, |bytes| (bytes - written).min(chunk.len() as u64));
        if out.write_all(&chunk[..most as usize]).is_err() {
            break;
        }
        written += most;
    }
    let _ = out.flush();
    written
}

fn drain() -> u64 {
    let mut chunk = vec![0; 1 << 16];
    let mut bytes = 0;
    while let Ok(read @ 1..) = std::io::stdin().read(&mut chunk) {
        bytes += read as u64;
    }
    bytes
}

fn files(paths: Vec<String>) -> Value {
    paths
        .into_iter()
        .map(|path| {
            let read = std::fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned());
            let list = std::fs::read_dir(&path).map(|entries| {
                let names: Vec<String> = entries.flatten().take(100).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
                names.join(" ")
            });
            let write = std::fs::write(&path, "misbehaved").map(|()| "written");
            let link = std::fs::hard_link("/etc/passwd", format!("{path}.link")).map(|()| "linked");
            let came = json!({ "read": outcome(read), "list": outcome(list), "write": outcome(write), "link": outcome(link) });
            (path, came)
        })
        .collect()
}

fn sockets(address: &str) -> Value {
    let send = || {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.send_to(b"misbehaved", address)
    };
    json!({
        "connect": outcome(TcpStream::connect(address).map(|_| "connected")),
        "listen": outcome(TcpListener::bind("127.0.0.1:0").map(|_| "listening")),
        "send": outcome(send().map(|_| "sent")),
        "look up": outcome("localhost:80".to_socket_addrs().map(|_| "found")),
    })
}

fn clock() -> Value {
    let before = Instant::now();
    let seconds =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let nanoseconds = u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX);
    json!({ "seconds": seconds, "nanoseconds": nanoseconds })
}

/// What came of an attempt: `{"done": …}` or `{"error": …}`.
fn outcome(result: std::io::Result<impl Into<Value>>) -> Value {
    match result {
        Ok(done) => json!({ "done": done.into() }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}
