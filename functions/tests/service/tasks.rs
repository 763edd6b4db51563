//! Tasks of real functions, as their manifests say: how they are tried again, how far they are, that they end when they are
//! cancelled, and when the clock makes them.

use std::fs;

use chrono::DateTime;
use serde_json::Value;
use testing::http::{self, Answer};

use crate::{
    server::{Server, form, json, within},
    wasm::{logs_and_says_after, says},
};

/// Counts for longer than any test waits.
const LONG: u64 = 1_000_000_000_000;

fn deploy(server: &Server, name: &str, module: &[u8], manifest: &str) {
    let (kind, body) = form(Some(module), Some(manifest));
    let answer = server.ask("PUT", &format!("/functions/{name}"), &kind, &body);
    assert_eq!(answer.status, 201, "{}", answer.body);
}

fn prefer(server: &Server, name: &str, preference: &str, body: &str) -> Answer {
    let headers = format!("prefer: {preference}\r\ncontent-type: application/json\r\n");
    http::ask(server.address, "POST", &format!("/{name}"), &headers, body.as_bytes()).unwrap()
}

/// Makes a task and says where it is.
fn task(server: &Server, name: &str, body: &str) -> String {
    let made = prefer(server, name, "respond-async", body);
    assert_eq!(made.status, 202, "{}", made.body);
    made.header("location").unwrap().to_owned()
}

/// The task once it is in this state.
fn once(server: &Server, path: &str, state: &str) -> Value {
    within(&format!("{path} {state}"), || Some(json(&server.get(path))).filter(|task| task["state"] == state))
}

#[test]
fn a_running_function_says_how_far_it_is_and_ends_when_its_task_is_cancelled() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let module = logs_and_says_after("progress: 0.5 half of it\n", LONG, "never");
    deploy(&server, "slow", &module, "[limits]\ncpu = \"5m\"\n[tasks]\ntime = \"5m\"");
    let path = task(&server, "slow", "");
    within("it is half done", || {
        let task = json(&server.get(&path));
        (task["progress"] == 0.5 && task["step"] == "half of it" && task["state"] == "running").then_some(())
    });
    assert_eq!(server.shown("slow")["calls"]["running"], 1);
    let answer = http::ask(server.address, "DELETE", &path, "", b"").unwrap();
    // 202 only where the machine is too slow to end it within seconds.
    assert!(matches!(answer.status, 200 | 202), "{}", answer.body);
    let ended = once(&server, &path, "cancelled");
    assert_eq!(ended["attempts"], 1, "{ended}");
    within("the guest is gone", || (server.shown("slow")["calls"]["running"] == 0).then_some(()));
    assert_eq!(server.get(&format!("{path}/result")).status, 409);
}

#[test]
fn a_manifest_says_how_often_a_task_is_tried_and_how_long_its_result_is_kept() {
    let built = format!("{}/guests/built/misbehave.wasm", env!("CARGO_MANIFEST_DIR"));
    if !testing::have(&[&built]) {
        return;
    }
    let module = fs::read(built).unwrap();
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    deploy(
        &server,
        "again",
        &module,
        "idempotent = true\n[tasks]\nattempts = 3\nbackoff = \"10ms\"\nexpires = \"2h\"",
    );
    deploy(&server, "once", &module, "");
    for (name, attempts, kept) in [("again", 3, 2), ("once", 1, 24)] {
        let path = task(&server, name, r#"{"do":"trap"}"#);
        let ended = once(&server, &path, "failed");
        assert_eq!(
            (&ended["attempts"], &ended["problem"]["status"]),
            (&attempts.into(), &502.into()),
            "{ended}"
        );
        let time = |name: &str| DateTime::parse_from_rfc3339(ended[name].as_str().unwrap()).unwrap();
        assert_eq!((time("expires_at") - time("ended_at")).num_hours(), kept, "{ended}");
        assert_eq!(server.get(&format!("{path}/result")).status, 502);
    }
}

#[test]
fn a_caller_may_wait_for_the_answer_or_not() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    deploy(&server, "hello", &says("hello"), "");
    let plain = prefer(&server, "hello", "handling=lenient", "");
    assert_eq!((plain.status, plain.body.as_str(), plain.header("preference-applied")), (200, "hello", None));
    let waited = prefer(&server, "hello", "respond-async, wait=30", "");
    assert_eq!((waited.status, waited.body.as_str()), (200, "hello"));
    assert_eq!(waited.header("preference-applied"), Some("wait=30"));
    assert_eq!(waited.header("content-security-policy"), Some("sandbox"), "as any guest's answer");
    let path = task(&server, "hello", "");
    once(&server, &path, "succeeded");
    let result = server.get(&format!("{path}/result"));
    assert_eq!((result.status, result.body.as_str()), (200, "hello"));
    assert_eq!(result.header("content-security-policy"), Some("sandbox"));
}

#[test]
fn the_clock_calls_what_a_manifest_schedules_with_its_input() {
    let built = format!("{}/guests/built/misbehave.wasm", env!("CARGO_MANIFEST_DIR"));
    if !testing::have(&[&built]) {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let manifest = "[[schedule]]\ncron = \"* * * * * *\"\ninput = { do = \"input\" }";
    deploy(&server, "often", &fs::read(built).unwrap(), manifest);
    let done = within("it was called", || {
        let all = json(&server.ask("GET", "/tasks", "", b""));
        let mut tasks = all["tasks"].as_array()?.clone().into_iter();
        tasks.find(|task| task["function"] == "often" && task["state"] == "succeeded")
    });
    assert_eq!(done["schedule"], "* * * * * *");
    let result = server.get(done["result_url"].as_str().unwrap());
    assert!(result.body.contains(r#"{\"do\":\"input\"}"#), "{}", result.body);
}
