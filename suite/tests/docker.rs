//! The images and the Compose file, on a real Docker engine (`deploy/testbed/docker.sh up`).

#[path = "deploy/bed.rs"]
mod bed;

use std::{
    path::Path,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bed::{PROBE, SERVICES, docker, is_home_page, output, run};
use testing::eventually;

const PROJECT: &str = "shelfwise-test";
const PASSWORD: &str = "secret";

#[test]
fn images_hold_one_program_and_no_shell() {
    if !bed::docker_is_up() {
        return;
    }
    bed::build_stage();
    for service in SERVICES {
        let image = format!("shelfwise/{service}:test");
        let build = ["build", "-q", "-f", "deploy/Dockerfile", "-t", &image, "--build-arg"];
        let arguments =
            [format!("SERVICE={service}"), "--build-arg".into(), format!("PROFILE={}", bed::profile())];
        run(docker("docker", &build).args(arguments).arg("."));

        let user = run(&mut docker("docker", &["image", "inspect", "-f", "{{.Config.User}}", &image]));
        assert_eq!(user.trim(), "65532:65532", "a number, which Kubernetes can tell from root");

        let container = format!("{PROJECT}-{service}-files");
        run(&mut docker("docker", &["create", "--name", &container, &image]));
        let list = Command::new("tar").arg("-t").stdin(export(&container)).output().unwrap();
        run(&mut docker("docker", &["rm", &container]));
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        let programs: Vec<_> = list
            .lines()
            // What Docker itself puts into a container, folders, and the C library's parts.
            .filter(|path| !path.ends_with('/') && !path.contains(".so") && !path.starts_with("etc/"))
            .filter(|path| !path.starts_with("dev/") && !path.starts_with("proc/") && *path != ".dockerenv")
            .collect();
        assert_eq!(programs, [service], "{list}");

        let shell =
            output(&mut docker("docker", &["run", "--rm", "--entrypoint", "/bin/sh", &image, "-c", "true"]));
        assert_eq!(shell.status.code(), Some(127), "there is no shell");
        let help = run(&mut docker("docker", &["run", "--rm", &image, "--help"]));
        assert!(help.contains(&format!("{}_BIND", service.to_uppercase())), "{help}");
    }
}

#[test]
fn compose_runs_all_services_with_mutual_tls() {
    if !bed::docker_is_up() || !testing::have(&["docker-compose", "grpcurl", "openssl"]) {
        return;
    }
    bed::build_stage();
    let certs = tempfile::tempdir().unwrap();
    bed::certificates(certs.path());
    let compose = Compose::new(&["deploy/compose.yaml"], certs.path());
    compose.run(&["up", "-d", "--build"]);

    // Inside the private network, as the original's integration test does.
    let (private, public) = (format!("{PROJECT}_private"), format!("{PROJECT}_public"));
    let get = |network: &str, url: &str| {
        output(&mut docker("docker", &["run", "--rm", "--network", network, PROBE, "get", url]))
    };
    let page = eventually("the home page with its list", Duration::from_secs(60), || {
        let page = String::from_utf8_lossy(&get(&private, "http://marketplace:5000/").stdout).into_owned();
        is_home_page(&page).then_some(page)
    });
    assert!(!page.contains("class=\"notice\""), "{page}");

    // Published, and nothing else is.
    let published = run(&mut docker("probe", &["get", "http://127.0.0.1:5000/"]));
    assert!(is_home_page(&published), "{published}");
    let ports = compose.ports("marketplace");
    assert!(ports.lines().all(|line| line.starts_with("5000/tcp -> ") && line.ends_with(":5000")), "{ports}");
    for (private, admin) in [("recommendations", 9091), ("functions", 9093)] {
        assert_eq!(compose.ports(private), "");
        let outside = get(&public, &format!("http://{private}:{admin}/live"));
        assert!(!outside.status.success(), "{private} is on the private network only");
    }
    let greeted = eventually("a sample of functions", Duration::from_secs(60), || {
        let answer = get(&private, "http://functions:8000/hello?name=Ada");
        answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
    });
    assert_eq!(greeted.trim(), r#"{"greeting":"Hello, Ada!"}"#);

    // Only a certificate opens the door.
    let target = format!("{}:50051", compose.address("recommendations"));
    let file = |name: &str| certs.path().join(name).display().to_string();
    let (ca, certificate, key) = (file("ca.pem"), file("client/client.pem"), file("client/client.key"));
    let list = |arguments: &[&str]| {
        let arguments =
            [arguments, &["-authority", "recommendations", "-connect-timeout", "5", &target, "list"]]
                .concat();
        output(&mut docker("grpcurl", &arguments))
    };
    let with = list(&["-cacert", &ca, "-cert", &certificate, "-key", &key]);
    assert!(String::from_utf8_lossy(&with.stdout).contains("Recommendations"), "{with:?}");
    assert!(!list(&["-cacert", &ca]).status.success(), "no certificate, no answer");
    assert!(!list(&["-plaintext"]).status.success(), "no TLS, no answer");

    // What is renewed is shown without a restart; the authority is the same.
    let shown = || {
        let ask = ["s_client", "-connect", &target, "-alpn", "h2", "-cert", &certificate, "-key", &key];
        let answer = output(docker("openssl", &ask).stdin(std::process::Stdio::null()));
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----").unwrap_or_else(|| panic!("{text}"));
        rest.split_once("-----END CERTIFICATE-----").unwrap().0.to_owned()
    };
    let first = shown();
    bed::certificates(certs.path());
    eventually("the renewed certificate", Duration::from_secs(60), || (shown() != first).then_some(()));
    assert!(list(&["-cacert", &ca, "-cert", &certificate, "-key", &key]).status.success());

    // All end by themselves when they are asked to.
    let containers = SERVICES.map(|service| compose.container(service));
    compose.run(&["stop"]);
    for container in containers {
        let code = run(&mut docker("docker", &["inspect", "-f", "{{.State.ExitCode}}", &container]));
        assert_eq!(code.trim(), "0", "{container}");
    }
}

#[test]
fn compose_keeps_the_catalogue_in_postgresql() {
    if !bed::docker_is_up()
        || !testing::have(&["docker-compose", "grpcurl", "/usr/lib/postgresql/15/bin/postgres"])
    {
        return;
    }
    bed::build_stage();
    let database = "deploy/compose.postgres.yaml";
    run(bed::bed("docker.sh").args(["postgres", database]));
    let certs = tempfile::tempdir().unwrap();
    bed::certificates(certs.path());
    let files = ["deploy/compose.yaml", database];
    let compose = Compose::new(&files, certs.path());
    compose.run(&["up", "-d", "--build"]);
    let page = |path: &str| {
        let page = output(&mut docker("probe", &["get", &format!("http://127.0.0.1:5000{path}")]));
        String::from_utf8_lossy(&page.stdout).into_owned()
    };
    let patience = Duration::from_secs(60);
    eventually("the home page with its list", patience, || is_home_page(&page("/")).then_some(()));
    assert_eq!(compose.inspect("postgres", "{{.State.Health.Status}}"), "healthy");
    assert_eq!(compose.ports("postgres"), "", "private");

    let file = |name: &str| certs.path().join(name).display().to_string();
    let recommended = || {
        let target = format!("{}:50051", compose.address("recommendations"));
        let question = r#"{"user_id": 1, "category": 1000, "max_results": 3}"#;
        let files = [file("ca.pem"), file("client/client.pem"), file("client/client.key")];
        let security =
            ["-cacert", &files[0], "-cert", &files[1], "-key", &files[2], "-authority", "recommendations"];
        let call = ["-connect-timeout", "5", "-d", question, &target, "Recommendations/Recommend"];
        String::from_utf8_lossy(&output(docker("grpcurl", &security).args(call)).stdout).into_owned()
    };
    // A shelf of the shop's own, written to the database beside the services.
    let books = certs.path().join("books.csv");
    std::fs::write(&books, "title,categories\nPlanetes,Manga\n").unwrap();
    let url = format!("postgres://shelfwise:{PASSWORD}@{}/shelfwise", compose.address("postgres"));
    let mut import = docker(env!("CARGO_BIN_EXE_shelfwise"), &["import", "books"]);
    let imported = run(import.arg(&books).env("DATABASE_URL", url));
    assert!(imported.contains("1 new"), "{imported}");
    eventually("the new shelf", patience, || recommended().contains("Planetes").then_some(()));
    eventually("its page", patience, || page("/categories/manga").contains("Planetes").then_some(()));

    // It is in the database, not in the service; and the database is in the volume, not in the container.
    compose.run(&["rm", "--force", "--stop", "recommendations", "postgres"]);
    compose.run(&["up", "-d"]);
    eventually("the new shelf again", patience, || recommended().contains("Planetes").then_some(()));
    eventually("the home page again", patience, || is_home_page(&page("/")).then_some(()));

    let containers =
        ["recommendations", "marketplace", "functions", "postgres"].map(|service| compose.container(service));
    compose.run(&["stop"]);
    for container in containers {
        let code = run(&mut docker("docker", &["inspect", "-f", "{{.State.ExitCode}}", &container]));
        assert_eq!(code.trim(), "0", "{container}");
    }
}

fn export(container: &str) -> std::process::ChildStdout {
    let mut export = docker("docker", &["export", container]);
    export.stdout(std::process::Stdio::piped()).spawn().unwrap().stdout.unwrap()
}

/// The project, removed with its volumes when it is dropped. One at a time: the port that it publishes is the engine's.
struct Compose<'a> {
    files: &'a [&'a str],
    certs: &'a Path,
    _turn: MutexGuard<'static, ()>,
}

impl<'a> Compose<'a> {
    fn new(files: &'a [&'a str], certs: &'a Path) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        // Whoever panicked before has removed its project.
        Self { files, certs, _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = docker("docker-compose", &["-p", PROJECT]);
        command.args(self.files.iter().flat_map(|file| ["-f", file])).env("POSTGRES_PASSWORD", PASSWORD);
        command.args(arguments).env("SHELFWISE_CERTS", self.certs).env("PROFILE", bed::profile());
        command.env("SHELFWISE_TAG", "test");
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        run(&mut self.command(arguments))
    }

    fn container(&self, service: &str) -> String {
        self.run(&["ps", "-q", service]).trim().to_owned()
    }

    fn inspect(&self, service: &str, format: &str) -> String {
        let found = run(&mut docker("docker", &["inspect", "-f", format, &self.container(service)]));
        found.trim().to_owned()
    }

    /// Where a service is on the private network.
    fn address(&self, service: &str) -> String {
        self.inspect(
            service,
            &format!("{{{{(index .NetworkSettings.Networks \"{PROJECT}_private\").IPAddress}}}}"),
        )
    }

    fn ports(&self, service: &str) -> String {
        run(&mut docker("docker", &["port", &self.container(service)]))
    }
}

impl Drop for Compose<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = output(&mut self.command(&["logs", "--no-color", "--tail=50"]));
            eprintln!("{}", String::from_utf8_lossy(&logs.stdout));
        }
        // A panic here, during another one, would hide it.
        let _ = self.command(&["down", "-v", "-t", "1"]).output();
    }
}
