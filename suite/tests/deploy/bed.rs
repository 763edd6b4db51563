//! The test beds of `deploy/testbed`, and images for them from `deploy/Dockerfile`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
    time::SystemTime,
};

/// The services that have an image each.
pub(crate) const SERVICES: [&str; 3] = ["recommendations", "marketplace", "functions"];

/// The packages that are packaged, with the program of each: the services, and the suite, which trains in a cluster.
pub(crate) const IMAGES: [(&str, &str); 4] = [
    ("recommendations", "recommendations"),
    ("marketplace", "marketplace"),
    ("functions", "functions"),
    ("suite", "shelfwise"),
];

/// A folder (`debug` or `release`) with binaries that are to be packaged as they are, instead of being built now.
const BINARIES: &str = "SHELFWISE_BINARIES";

/// The image of the test beds' own client.
pub(crate) const PROBE: &str = "shelfwise-testbed/probe:1";

/// The checkout.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A test bed's script.
pub(crate) fn bed(name: &str) -> Command {
    let mut command = Command::new(workspace().join("deploy/testbed").join(name));
    command.current_dir(workspace());
    command
}

/// A command in the Docker engine's network.
pub(crate) fn docker(program: &str, arguments: &[&str]) -> Command {
    let mut command = bed("docker.sh");
    command.args(["run", program]).args(arguments);
    command
}

/// Whether the Docker engine is up; else the test is skipped.
pub(crate) fn docker_is_up() -> bool {
    up("docker.sh", docker("docker", &["version"]))
}

/// Whether a test bed is up; else the test is skipped.
pub(crate) fn up(script: &str, mut question: Command) -> bool {
    let up = question.output().is_ok_and(|output| output.status.success());
    if !up {
        testing::missing(&format!("`deploy/testbed/{script} up`"));
    }
    up
}

/// What a command that succeeds printed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a command did.
pub(crate) fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// cargo's name for the profile of this very test, which is what the images are built with.
pub(crate) fn profile() -> String {
    match binaries().file_name().unwrap().to_str().unwrap() {
        "debug" => "dev".to_owned(),
        other => other.to_owned(),
    }
}

/// Makes what the Dockerfile's build stage starts from: an image of that name whose `cargo` hands out the binaries that the
/// same command builds here. No image registry is reached, and nothing is compiled twice: what `cargo test --workspace` has
/// just built is taken as it is.
pub(crate) fn build_stage() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let changed =
            ["Cargo.lock", "protobufs", "service", "recommendations", "marketplace", "functions", "suite"]
                .iter()
                .filter_map(|path| changed(&workspace().join(path)))
                .max();
        for (package, program) in IMAGES {
            let built = binaries().join(program).metadata().and_then(|binary| binary.modified()).ok();
            if built >= changed || std::env::var_os(BINARIES).is_some() {
                continue;
            }
            let profile = profile();
            let build = ["build", "--locked", "--profile", &profile, "--package", package, "--bin", program];
            run(Command::new(env!("CARGO")).current_dir(workspace()).args(build));
        }
        run(bed("docker.sh")
            .args(["build", "deploy/Dockerfile", &profile()])
            .args(IMAGES.map(|(_, program)| binaries().join(program))));
    });
}

/// When the newest file of a crate was written, without what is no part of its program.
fn changed(path: &Path) -> Option<SystemTime> {
    if path.is_file() {
        return path.metadata().and_then(|file| file.modified()).ok();
    }
    let entries = path.read_dir().ok()?.flatten().map(|entry| entry.path());
    entries
        .filter(|path| !["tests", "examples", "fuzz", "target"].iter().any(|folder| path.ends_with(folder)))
        .filter_map(|path| changed(&path))
        .max()
}

/// Where cargo put what it built for this test, or the folder that the variable names.
fn binaries() -> PathBuf {
    if let Some(folder) = std::env::var_os(BINARIES) {
        return folder.into();
    }
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().to_owned()
}

/// A development authority, and in the folders `server` and `client` what each side needs, readable by the user of the images, as
/// `deploy/README.md` says.
pub(crate) fn certificates(folder: &Path) {
    let sides = ["server", "client"].map(|side| folder.join(side));
    let mut make = Command::new(env!("CARGO_BIN_EXE_shelfwise"));
    run(make.arg("certs").arg(folder).arg("--server").arg(&sides[0]).arg("--client").arg(&sides[1]));
    run(Command::new("chown").args(["-R", "65532"]).args(&sides));
}

/// R1's integration test: counts strings.
pub(crate) fn is_home_page(page: &str) -> bool {
    page.matches("<title>Online Books For You</title>").count() == 1
        && page.contains("Mystery books you may like")
        && page.matches("<li>").count() == 3
}
