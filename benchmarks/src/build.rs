//! What a newcomer waits for. Everything happens in a copy: neither the checkout nor its target folder is touched.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    failure::Failure,
    ours::Suite,
    process::Process,
    report::{Bound, Section},
};

/// The file whose change is measured: a library in the middle of the workspace, linked into the suite.
const CHANGED: &str = "marketplace/src/lib.rs";

/// What is allowed with functions; before them it was half of that.
const COLD: Bound = Bound::Under(600.0);

/// Measures cold builds and changed lines in both profiles.
pub(crate) async fn measure() -> Result<Section, Failure> {
    let mut section = Section::new("build");
    let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let copy = folder.path().join("copy");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    copy_sources(sources, &copy)?;
    // Downloads are not what is measured.
    cargo(&copy, folder.path(), &["fetch", "--locked"]).await?;

    let (mut rows, mut cold_release) = (Vec::new(), f64::NAN);
    for (profile, flags) in [("release", &["--release"][..]), ("dev", &[])] {
        eprintln!("{profile}: cold build");
        let cold = cargo(&copy, folder.path(), &[&["build", "--locked"], flags].concat()).await?;
        if profile == "release" {
            cold_release = cold.as_secs_f64();
        }
        let size = fs::metadata(
            folder
                .path()
                .join("target")
                .join(if profile == "dev" { "debug" } else { profile })
                .join("shelfwise"),
        );
        let size = size.map_err(Failure::file("look at the built suite"))?.len() as f64 / 1e6;
        // The first run makes the data folder, which is not what is measured either.
        let unchanged = run(&copy, folder.path(), flags).await?;
        change(&copy.join(CHANGED))?;
        eprintln!("{profile}: a changed line");
        let changed = run(&copy, folder.path(), flags).await?;
        rows.push([
            profile.to_owned(),
            seconds(cold),
            seconds(unchanged),
            seconds(changed),
            format!("{size:.1} MB"),
        ]);
    }
    section
        .table(["profile", "cold build", "run, nothing changed", "run after a changed line", "binary"], rows);
    section.target("cold release build of the suite", cold_release, COLD, " s");
    Ok(section)
}

/// `cargo run` until the home page is there.
async fn run(copy: &Path, folder: &Path, flags: &[&str]) -> Result<Duration, Failure> {
    let mut command = command(copy, folder, &[&["run", "--locked"], flags].concat());
    command.arg("--").arg("--data").arg(folder.join("data"));
    Suite::start(command, folder).await.map(|suite| suite.started_in)
}

async fn cargo(copy: &Path, folder: &Path, arguments: &[&str]) -> Result<Duration, Failure> {
    let process = Process::start("cargo", command(copy, folder, arguments), folder)?;
    process.finish(|_| {}).await
}

fn command(copy: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(copy).env("CARGO_TARGET_DIR", folder.join("target"));
    // Set by the cargo that started this program, for this program.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("RUSTFLAGS");
    command
}

/// Every file that git knows of or would add.
fn copy_sources(from: &Path, to: &Path) -> Result<(), Failure> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(from)
        .output()
        .map_err(Failure::file("list the files of the checkout"))?;
    if !listed.status.success() {
        let log = String::from_utf8_lossy(&listed.stderr).trim().to_owned();
        return Err(Failure::Command {
            what: "git ls-files".to_owned(),
            status: listed.status.to_string(),
            log,
        });
    }
    for file in listed.stdout.split(|&byte| byte == 0).filter(|file| !file.is_empty()) {
        let file = PathBuf::from(String::from_utf8_lossy(file).into_owned());
        let (source, copy) = (from.join(&file), to.join(&file));
        // Deleted but not yet committed.
        if !source.is_file() {
            continue;
        }
        let folder = copy.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(Failure::file("copy the checkout"))?;
        fs::copy(&source, &copy).map_err(Failure::file(format!("copy {}", file.display())))?;
    }
    Ok(())
}

/// Appends a line that means something to the compiler and nothing to anybody else.
fn change(file: &Path) -> Result<(), Failure> {
    let mut file = OpenOptions::new()
        .append(true)
        .open(file)
        .map_err(Failure::file(format!("change {}", file.display())))?;
    file.write_all(b"\nconst _: u8 = 1;\n").map_err(Failure::file("change a file of the copy"))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
