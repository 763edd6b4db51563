//! The images and the Compose file, on a real Docker engine (`deploy/testbed/docker.sh up`).

#[path = "deploy/bed.rs"]
mod bed;

use std::{path::Path, process::Command, time::Duration};

use bed::{PROBE, SERVICES, docker, is_home_page, output, run};
use testing::eventually;

const PROJECT: &str = "shelfwise-test";

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
fn compose_runs_both_services_with_mutual_tls() {
    if !bed::docker_is_up() || !testing::have(&["docker-compose", "grpcurl"]) {
        return;
    }
    bed::build_stage();
    let certs = tempfile::tempdir().unwrap();
    bed::certificates(certs.path());
    let compose = Compose { certs: certs.path() };
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
    assert_eq!(compose.ports("recommendations"), "");
    let outside = get(&public, "http://recommendations:9091/live");
    assert!(!outside.status.success(), "recommendations is on the private network only");

    // Only a certificate opens the door.
    let format = format!("{{{{(index .NetworkSettings.Networks \"{private}\").IPAddress}}}}");
    let container = compose.container("recommendations");
    let address = run(&mut docker("docker", &["inspect", "-f", &format, &container]));
    let target = format!("{}:50051", address.trim());
    let file = |name: &str| certs.path().join(name).display().to_string();
    let (ca, certificate, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
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

    // Both end by themselves when they are asked to.
    let containers = SERVICES.map(|service| compose.container(service));
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

/// The project, removed with its volumes when it is dropped.
struct Compose<'a> {
    certs: &'a Path,
}

impl Compose<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = docker("docker-compose", &["-p", PROJECT, "-f", "deploy/compose.yaml"]);
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
