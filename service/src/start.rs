use std::{
    fmt::Display,
    future::Future,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{CommandFactory, FromArgMatches};

use crate::{
    Failure,
    config::{self, LogSettings},
    telemetry,
};

/// How long work that blocks a thread may take to end once everything else has.
const LAST_WORK: Duration = Duration::from_millis(500);

/// The whole `main` of a service: reads its settings, opens the log, runs, and says in one line why it could not.
pub fn start<C, F>(prefix: &str, log: impl FnOnce(&C) -> &LogSettings, run: impl FnOnce(C) -> F) -> ExitCode
where
    C: CommandFactory + FromArgMatches,
    F: Future<Output = Result<(), Failure>>,
{
    let ended = config::parse::<C>(prefix).and_then(|config| {
        let _log = telemetry::init(log(&config))?;
        block_on(run(config))
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Runs a future on as many threads as the machine has processors.
///
/// # Errors
///
/// What the future gives, or that threads cannot be started.
pub fn block_on<F: Future<Output = Result<(), Failure>>>(future: F) -> Result<(), Failure> {
    crate::memory::keep_little();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io(format!("cannot start threads: {error}")))?;
    let ended = runtime.block_on(future);
    // Work that blocks a thread, such as making an index, cannot be cancelled; the process does not wait for it.
    runtime.shutdown_timeout(LAST_WORK);
    ended
}

/// The folder where data is kept: the one given, else `shelfwise` in the platform's data folder; none if this user has no such.
/// It may not be there.
#[must_use]
pub fn data_place(given: Option<&Path>) -> Option<PathBuf> {
    given.map(Path::to_owned).or_else(|| dirs::data_dir().map(|folder| folder.join("shelfwise")))
}

/// The folder where data is kept, as [`data_place`] has it. Made if absent.
///
/// # Errors
///
/// If there is none, or it cannot be written.
pub fn data_folder(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let folder = data_place(given.as_deref());
    let folder =
        folder.ok_or_else(|| Failure::usage("SHELFWISE_DATA: not set, and this user has no home folder"))?;
    let refused = |error: &dyn Display| Failure::io(format!("data folder {}: {error}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(|error| refused(&error))?;
    // Permissions tell less than trying does: read-only mounts, quotas, other users' folders.
    // Another process, or another service of this one, may be trying at this moment.
    let probe = folder.join(format!(".writable-{}", std::process::id()));
    let tried = std::fs::File::create(&probe).and_then(|mut file| file.write_all(b"?"));
    let tried = tried.and_then(|()| match std::fs::remove_file(&probe) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    });
    tried.map_err(|error| refused(&error))?;
    Ok(folder)
}
