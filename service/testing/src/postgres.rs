//! A real PostgreSQL server for one test binary.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

static SERVER: OnceLock<Option<Server>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

struct Server {
    port: u16,
}

/// The URL of a fresh, empty database on a real server, or `None` (and a skip by name) where PostgreSQL is not installed.
///
/// One server a test binary is started on a free port of 127.0.0.1. It ends with the binary, also when that panics or is
/// killed: a watching shell waits for the binary's end.
#[must_use]
pub fn postgres() -> Option<String> {
    let Some(server) = SERVER.get_or_init(|| programs().map(|programs| start(&programs))) else {
        crate::missing("PostgreSQL (initdb, postgres, psql)");
        return None;
    };
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    run(Command::new("psql").args([
        "-q",
        "-h",
        "127.0.0.1",
        "-p",
        &server.port.to_string(),
        "-U",
        "postgres",
        "-c",
        &format!("create database {name}"),
    ]));
    Some(format!("postgres://postgres@127.0.0.1:{}/{name}", server.port))
}

/// The folder of `initdb` and `postgres`: on `PATH`, or where Debian keeps the newest version.
fn programs() -> Option<PathBuf> {
    if let Some(initdb) = crate::find("initdb") {
        return initdb.parent().map(Path::to_owned);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<_> = versions.flatten().map(|version| version.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").is_file());
    folders.sort();
    folders.pop()
}

fn start(programs: &Path) -> Server {
    let folder =
        tempfile::Builder::new().prefix("shelfwise-postgres-").tempdir().expect("a temporary folder").keep();
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
    let root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    // PostgreSQL refuses to run as root.
    let become_user = if root { "runuser -u postgres --" } else { "" };
    if root {
        run(Command::new("chown").arg("postgres").arg(&folder));
    }
    let script = format!(
        "set -e
        {become_user} {bin}/initdb -D {data}/db -U postgres -A trust --no-sync >{data}/initdb.log
        {become_user} {bin}/pg_ctl -D {data}/db -w -l {data}/log -o \
          '-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off' start >{data}/start.log
        (while kill -0 {me} 2>/dev/null; do sleep 0.5; done
         {become_user} {bin}/pg_ctl -D {data}/db -m immediate stop; rm -rf {data}) >/dev/null 2>&1 </dev/null &",
        bin = programs.display(),
        data = folder.display(),
        me = std::process::id(),
    );
    run(Command::new("sh").current_dir("/").arg("-c").arg(script));
    Server { port }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
