//! The operator's commands for functions, at a running suite.

use std::{fs, path::PathBuf, process::Command};

use testing::{Signal, http};

use crate::process::{Suite, run, shelfwise};

/// A module of the repository's own.
fn guest(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../functions/guests/built").join(name)
}

/// A command beside a suite: it finds the token in the data folder.
fn functions(suite: &Suite, arguments: &[&str]) -> Command {
    let mut command = shelfwise();
    command
        .env("FUNCTIONS_URL", format!("http://{}", suite.functions))
        .arg("--data")
        .arg(suite.data.path())
        .arg("functions")
        .args(arguments);
    command
}

#[test]
fn a_function_is_deployed_called_rolled_back_and_deleted() {
    let suite = Suite::start();
    let ask = |arguments: &[&str]| run(&mut functions(&suite, arguments));
    let done = |arguments: &[&str]| {
        let ended = ask(arguments);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{arguments:?}: {}", ended.out);
        ended.out
    };
    assert_eq!(done(&["list"]), "");

    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("greet.wasm");
    fs::copy(guest("hello.wasm"), &module).unwrap();
    let path = module.to_str().unwrap().to_owned();
    let deployed = done(&["deploy", &path]);
    assert!(
        deployed.starts_with("greet\t1-") && deployed.contains("\tanswers\twasi-command\t"),
        "{deployed}"
    );
    assert_eq!(http::get(suite.functions, "/greet").unwrap().status, 200);

    // The manifest that lies beside the module goes along.
    fs::write(folder.path().join("greet.toml"), "content-type = \"text/csv\"").unwrap();
    assert!(done(&["deploy", &path]).starts_with("greet\t2-"));
    assert_eq!(http::get(suite.functions, "/greet").unwrap().header("content-type"), Some("text/csv"));
    let echo = guest("echo.wasm").to_str().unwrap().to_owned();
    assert!(done(&["deploy", &echo, "--name", "mirror"]).starts_with("mirror\t1-"));

    let list = done(&["list"]);
    let names: Vec<_> = list.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(names, ["greet", "mirror"], "{list}");
    let plain = done(&["call", "greet"]);
    assert_eq!(plain, http::get(suite.functions, "/greet").unwrap().body);
    assert!(done(&["call", "greet", "--input", r#"{"name":"Ada"}"#]).contains("Ada"));

    assert!(done(&["rollback", "greet"]).starts_with("greet\t1-"));
    assert_ne!(http::get(suite.functions, "/greet").unwrap().header("content-type"), Some("text/csv"));
    assert!(done(&["rollback", "greet", "2"]).starts_with("greet\t2-"));
    let versions = done(&["versions", "greet"]);
    let states: Vec<_> = versions.lines().map(|line| line.split('\t').nth(1).unwrap()).collect();
    assert_eq!(states, ["answers", "kept"], "{versions}");
    done(&["logs", "greet"]);
    assert_eq!(done(&["delete", "mirror"]), "mirror\tdeleted\n");
    assert_eq!(http::get(suite.functions, "/mirror").unwrap().status, 404);
}

#[test]
fn what_is_refused_is_one_line_with_a_code() {
    let suite = Suite::start();
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none.wasm");
    fs::write(&none, "no module").unwrap();
    let none = none.to_str().unwrap();
    let hello = guest("hello.wasm").to_str().unwrap().to_owned();
    let manifest = folder.path().join("wrong.toml");
    fs::write(&manifest, "\nkynd = \"ranker\"").unwrap();
    let manifest = manifest.to_str().unwrap();
    for (code, expected, arguments) in [
        (64, "none.wasm: it does not compile", &["deploy", none][..]),
        (64, "hello.toml:2: kynd: unknown; did you mean kind?", &["deploy", &hello, "--manifest", manifest]),
        (64, "a function's name is", &["deploy", &hello, "--name", "Hello"]),
        (64, "functions, tasks, static", &["deploy", &hello, "--name", "tasks"]),
        (74, "/nowhere.wasm: ", &["deploy", "/nowhere.wasm"]),
        (64, "there is no function other", &["rollback", "other"]),
        (64, "there is no function other", &["logs", "other"]),
        (64, "there is no function other", &["delete", "other"]),
        (64, "there is no such function", &["call", "other"]),
        (64, "this needs the server's token", &["--token", "wrong", "deploy", &hello]),
        (74, "FUNCTIONS_URL http://127.0.0.1:9/: ", &["--url", "http://127.0.0.1:9", "list"]),
        (64, "FUNCTIONS_URL: \"ftp://x/\": expected http:// or https://", &["--url", "ftp://x", "list"]),
        (64, "FUNCTIONS_URL: \"http://x/y\"", &["--url", "http://x/y", "list"]),
    ] {
        let ended = run(&mut functions(&suite, arguments));
        assert_eq!((ended.code, ended.err.lines().count()), (Some(code), 1), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(expected), "{arguments:?}: {}", ended.err);
    }
    // Whoever cannot read the data folder has no token.
    let mut bare = shelfwise();
    bare.env("FUNCTIONS_URL", format!("http://{}", suite.functions)).env("HOME", folder.path());
    let ended = run(bare.args(["functions", "deploy", &hello]));
    assert_eq!(ended.code, Some(64), "{}", ended.err);
    assert!(!folder.path().join(".local").exists(), "a command that asks a server makes no folder");
}

#[test]
fn the_token_is_made_once_for_its_owner_alone_and_shown_to_nobody() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut suite = Suite::start();
    let file = suite.data.path().join("token");
    let token = fs::read_to_string(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let printed = suite.printed();
    assert!(printed.contains(&file.display().to_string()) && !printed.contains(token.trim()), "{printed}");
    // Only deploying takes it: operators' commands from this machine do without, as before.
    let mut models = shelfwise();
    models.env("RECOMMENDATIONS_HOST", suite.grpc.to_string()).arg("models");
    assert_eq!(run(&mut models).code, Some(0));
    suite.signal(Signal::TERM);
    assert!(suite.end().success());
    assert_eq!(fs::read_to_string(&file).unwrap(), token);
}

#[test]
fn a_newcomer_finds_functions_to_try_and_whoever_removes_them_is_rid_of_them() {
    let suite = Suite::start_with(&[("FUNCTIONS_SAMPLES", "true")]);
    let names = |suite: &Suite| {
        let list = run(&mut functions(suite, &["list"])).out;
        list.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    testing::eventually("there are functions", std::time::Duration::from_secs(30), || {
        (names(&suite) == ["count", "grayscale", "hello", "words"]).then_some(())
    });
    let hello = http::get(suite.functions, "/hello?name=Ada").unwrap();
    assert_eq!((hello.status, hello.body.trim()), (200, r#"{"greeting":"Hello, Ada!"}"#));
    for name in ["count", "grayscale", "hello", "words"] {
        assert_eq!(run(&mut functions(&suite, &["delete", name])).code, Some(0));
    }
    let data = suite.stop();
    let suite = Suite::spawn(data, &[("FUNCTIONS_SAMPLES", "true")]);
    suite.ready();
    assert!(names(&suite).is_empty());
}
