//! What Shelfwise's tests share: real tools and databases where they are present, and skips by name where not.

mod database;
mod eventually;
pub mod http;
mod on_both;
mod postgres;
mod process;
mod s3;
mod settings;
mod signal;

use std::{
    env,
    io::Write as _,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

pub use database::Database;
pub use eventually::eventually;
pub use postgres::postgres;
pub use process::{Process, show_if_failing};
pub use s3::S3;
pub use settings::{bad_setting_is_one_line, help_shows_every_setting};
pub use signal::{Signal, signal};

/// When this variable is `1`, a missing tool fails the test instead of skipping it.
pub const REQUIRE_TOOLS: &str = "SHELFWISE_REQUIRE_TOOLS";

/// Whether every tool is present: a program on `PATH`, or a file or folder where the name holds a slash.
///
/// If one is missing, `skipped: TEST: needs TOOL` goes to the terminal (past libtest's capture) and the test returns.
///
/// # Panics
///
/// If one is missing and `SHELFWISE_REQUIRE_TOOLS` is `1`.
#[must_use]
pub fn have(tools: &[&str]) -> bool {
    let Some(tool) = tools.iter().find(|tool| find(tool).is_none()) else { return true };
    missing(tool);
    false
}

/// Says on the terminal that the running test is skipped for want of `tool`.
///
/// # Panics
///
/// If `SHELFWISE_REQUIRE_TOOLS` is `1`.
pub fn missing(tool: &str) {
    assert!(env::var(REQUIRE_TOOLS).as_deref() != Ok("1"), "{tool} is needed and {REQUIRE_TOOLS}=1 is set");
    skipped(&format!("needs {tool}"));
}

/// Says on the terminal that the running test is skipped, and why.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // A closed terminal is no reason to fail.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}

/// A port of 127.0.0.1 that nobody listens on, for a process that has to be told one. This process gives each out once, and it is
/// below those that systems give to whoever asks for any, so that it is unlikely to be taken meanwhile.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn free_port() -> u16 {
    const PORTS: u32 = 10_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Another process's tests begin elsewhere.
    let first = std::process::id().wrapping_mul(97);
    (0..PORTS)
        .map(|_| 20_000 + (first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS) as u16)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// The program's path, searched for as a shell does.
#[must_use]
pub fn find(tool: &str) -> Option<PathBuf> {
    if tool.contains('/') {
        return Some(PathBuf::from(tool)).filter(|path| path.exists());
    }
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(tool)).find(|path| path.is_file())
}
