//! A PostgreSQL server of the run's own, with its defaults: what is committed is on the disk.

use std::{
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    failure::Failure,
    process::{self, Process, free_addresses},
};

/// A server that is up. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Postgres {
    // The order is that in which they go.
    _process: Process,
    _folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl Postgres {
    /// What to do where there is none.
    pub(crate) const ADVICE: &str = "install PostgreSQL (initdb, postgres, psql)";

    /// Starts one; `None` where it is not installed. `logs` is a folder.
    pub(crate) async fn start(logs: &Path) -> Result<Option<Self>, Failure> {
        let Some(programs) = programs() else { return Ok(None) };
        let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
        let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        // PostgreSQL refuses to run as root.
        let command = |program: &str| {
            let program = programs.join(program);
            let mut command = Command::new(if root { "runuser".as_ref() } else { program.as_os_str() });
            if root {
                command.args(["-u", "postgres", "--"]).arg(program);
            }
            command.current_dir("/");
            command
        };
        if root {
            let mut chown = Command::new("chown");
            chown.arg("postgres").arg(folder.path());
            process::output("chown", chown).await?;
        }
        let data = folder.path().join("db");
        let mut initdb = command("initdb");
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust"]);
        process::output("initdb", initdb).await?;
        let [address] = free_addresses()?;
        let port = address.port();
        let mut postgres = command("postgres");
        postgres.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        let mut process = Process::start("PostgreSQL", postgres, logs)?;
        process.until(async || sql(&programs, port, "select 1").await).await?;
        Ok(Some(Self { _process: process, _folder: folder, programs, port }))
    }

    /// The URL of an empty database of this name.
    pub(crate) async fn database(&self, name: &str) -> Result<String, Failure> {
        sql(&self.programs, self.port, &format!("create database {name}")).await?;
        Ok(format!("postgres://postgres@127.0.0.1:{}/{name}", self.port))
    }
}

async fn sql(programs: &Path, port: u16, sql: &str) -> Result<(), Failure> {
    let mut command = Command::new(programs.join("psql"));
    command.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres", "-c", sql]);
    process::output("psql", command).await.map(drop)
}

/// The folder of `initdb`, `postgres` and `psql`: on `PATH`, or where Debian keeps the newest version.
fn programs() -> Option<PathBuf> {
    let on_path = env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let complete =
        |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|it| folder.join(it).is_file());
    env::split_paths(&on_path).chain(debian.into_iter().rev()).find(complete)
}
