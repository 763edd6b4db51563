//! What the settings of a file do, and what SIGHUP does to them.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use testing::{Signal, http};

use crate::{
    server::{Server, json, within},
    wasm::{says, says_after},
};

/// Counts for some seconds.
const LONG: u64 = 20_000_000_000;

fn hang_up(server: &Server) {
    testing::signal(server.id(), Signal::HUP);
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn sighup_takes_over_what_may_change_and_a_bad_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let (file, log, access) = (place("functions.toml"), place("error.log"), place("access.log"));
    let settings = |threads: u32, level: &str, time: &str, function: &str| {
        format!(
            "threads = {threads}\nloglevel = '{level}'\nerrorlog = '{}'\naccesslog = '{}'\n[limits]\ntime = '{time}'\n\
             cpu = '1m'\n[[routes]]\npath = '/api/a'\nfunction = '{function}'\n",
            log.display(),
            access.display()
        )
    };
    fs::write(&file, settings(4, "warning", "1m", "one")).unwrap();
    let server = Server::start(folder.path(), &["--config", file.to_str().unwrap()]);
    for (name, module) in [("one", says("one")), ("two", says("two")), ("slow", says_after(LONG, "late"))] {
        assert_eq!(server.deploy(name, &module).status, 201);
    }
    assert_eq!(server.get("/api/a").body, "one");
    within("a line in the access log", || {
        read(&access).contains("\"GET /api/a HTTP/1.1\" 200 3 ").then_some(())
    });
    assert_eq!(read(&log), "", "nothing to warn of");

    fs::rename(&access, place("access.log.1")).unwrap();
    fs::write(&file, settings(5, "info", "100ms", "two")).unwrap();
    hang_up(&server);
    within("the route leads to another function", || (server.get("/api/a").body == "two").then_some(()));
    within("the access log is a new file", || {
        read(&access).contains("\"GET /api/a HTTP/1.1\" 200 3 ").then_some(())
    });
    within("the log says what waits for the next start", || {
        let log = read(&log);
        (log.contains("takes effect at the next start") && log.contains("threads")).then_some(())
    });
    within("the log has another level", || read(&log).contains("settings read again").then_some(()));
    within("new limits are told", || (server.shown("slow")["limits"]["time_ms"] == 100.0).then_some(()));
    assert_eq!(server.get("/slow").status, 504, "and hold");
    assert_eq!(
        server.shown("slow")["version"].as_str().map(|version| &version[..2]),
        Some("1-"),
        "it is the same version"
    );

    fs::write(&file, "daemon = true\n").unwrap();
    hang_up(&server);
    within("the log says what is wrong", || {
        read(&log).contains("functions.toml:1: daemon = true: not a setting here").then_some(())
    });
    assert_eq!(server.get("/api/a").body, "two");
    fs::remove_file(&file).unwrap();
    hang_up(&server);
    within("the log says that there is no file", || {
        read(&log).contains("functions.toml: No such file").then_some(())
    });
    assert_eq!(server.get("/api/a").body, "two");
    assert!(server.end().success());
}

#[test]
fn a_pid_file_is_held_while_the_process_lives() {
    let folder = tempfile::tempdir().unwrap();
    let pidfile = folder.path().join("functions.pid");
    let flags = ["--pidfile", pidfile.to_str().unwrap()];
    let server = Server::start(folder.path(), &flags);
    let id = server.id();
    assert_eq!(read(&pidfile), format!("{id}\n"));
    let second = Command::new(env!("CARGO_BIN_EXE_functions"))
        .env_clear()
        .args(["--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0"])
        .arg("--data")
        .arg(folder.path())
        .args(flags)
        .output()
        .unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(74), "{said}");
    assert!(
        said.contains(&format!("functions.pid: process {id} holds it")) && said.lines().count() == 1,
        "{said}"
    );
    assert!(server.end().success());
    assert!(!pidfile.exists());
    // After a kill it lies there still, and is in nobody's way.
    drop(Server::start(folder.path(), &flags));
    assert!(pidfile.exists());
    let server = Server::start(folder.path(), &flags);
    assert_eq!(read(&pidfile), format!("{}\n", server.id()));
}

#[test]
fn a_head_is_as_long_as_it_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(
        folder.path(),
        &["--limit-request-line", "100", "--limit-request-fields", "10", "--limit-request-field-size", "200"],
    );
    server.deploy("x", &says("x"));
    // `GET ` and ` HTTP/1.1` are 13 bytes.
    let path = |length: usize| format!("/x?{}", "a".repeat(length - 13 - 3));
    // Two fields come with each request.
    let fields = |count: usize| (2..count).map(|number| format!("x-{number}: 1\r\n")).collect::<String>();
    let field = |length: usize| format!("x: {}\r\n", "v".repeat(length - 3));
    for (path, headers, status) in [
        (path(100), String::new(), 200),
        (path(101), String::new(), 414),
        ("/x".to_owned(), fields(10), 200),
        ("/x".to_owned(), fields(11), 431),
        ("/x".to_owned(), field(200), 200),
        ("/x".to_owned(), field(201), 431),
    ] {
        let answer = http::get_with(server.address, &path, &headers).unwrap();
        assert_eq!(answer.status, status, "{path} {headers}");
        if status != 200 {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert_eq!(json(&answer)["type"], "urn:shelfwise:functions:long-head");
            assert!(answer.header("x-request-id").is_some());
        }
    }
}

#[test]
fn a_request_takes_no_longer_than_the_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--timeout", "500ms"]);
    server.deploy("slow", &says_after(LONG, "late"));
    let began = Instant::now();
    let answer = server.get("/slow");
    assert_eq!(
        (answer.status, json(&answer)["type"].as_str()),
        (504, Some("urn:shelfwise:functions:out-of-time"))
    );
    assert!(
        began.elapsed() >= Duration::from_millis(500) && began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn workers_times_threads_calls_run_at_a_time_and_the_backlog_waits() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(
        folder.path(),
        &["--workers", "1", "--threads", "2", "--backlog", "1", "--timeout", "2"],
    );
    server.deploy("slow", &says_after(LONG, "late"));
    let statuses = thread::scope(|scope| {
        let calls: Vec<_> = (0..6).map(|_| scope.spawn(|| server.get("/slow"))).collect();
        let answers = calls.into_iter().map(|call| call.join().unwrap());
        answers.map(|answer| (answer.status, answer.header("retry-after").is_some())).collect::<Vec<_>>()
    });
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    // Two run and one waits until their time is over; there is no place for more.
    assert_eq!((count((504, false)), count((503, true))), (3, 3), "{statuses:?}");
}

#[test]
fn systemd_is_told_when_it_is_ready_and_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let server = Server::spawn(folder.path(), &[], &[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    let told = || {
        let mut message = [0; 64];
        let length = systemd.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    assert_eq!(told(), "READY=1\n");
    assert_eq!(http::get(server.admin, "/ready").unwrap().status, 200);
    assert!(server.end().success());
    assert_eq!(told(), "STOPPING=1\n");
}

#[test]
fn a_client_that_calls_too_often_waits_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ["--client-calls", "3", "--trusted-proxies", "127.0.0.1"];
    let server = Server::start(folder.path(), &limits);
    assert_eq!(server.deploy("one", &says("one")).status, 201);
    let from = |client: &str| {
        let headers = format!("x-forwarded-for: 203.0.113.1, {client}\r\n");
        http::get_with(server.address, "/one", &headers).unwrap()
    };
    for _ in 0..3 {
        assert_eq!(from("192.0.2.1").status, 200);
    }
    let refused = from("192.0.2.1");
    assert_eq!(refused.status, 429);
    assert_eq!(json(&refused)["type"], "urn:shelfwise:functions:too-often");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!((from("192.0.2.2").status, server.get("/one").status), (200, 200));
    // What is no call is not counted.
    for _ in 0..5 {
        assert_eq!((server.get("/healthz").status, server.get("/functions").status), (200, 200));
    }
    assert_eq!(server.get("/dapr/subscribe").body, "[]");
}

#[test]
fn the_systemd_unit_is_one() {
    if !testing::have(&["systemd-analyze"]) {
        return;
    }
    let unit = include_str!("../../../deploy/systemd/shelfwise-functions.service");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shelfwise-functions.service");
    fs::write(&path, unit.replace("/usr/local/bin/functions", env!("CARGO_BIN_EXE_functions"))).unwrap();
    let output = Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(&path).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    // Whatever is wrong with other units of the machine is not ours.
    let said = String::from_utf8_lossy(&said);
    let ours: Vec<_> = said.lines().filter(|line| line.contains("shelfwise")).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}
