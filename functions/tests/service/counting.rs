//! Every call is counted, once, as what it came to.

use std::{io::Write as _, net::TcpStream};

use serde_json::json as value;
use testing::http;

use crate::{
    server::{Server, form, json, within},
    wasm::{says, says_after},
};

/// Counts for many minutes, which is longer than anybody here waits.
const LONG: u64 = 10_000_000_000_000;

fn deploy(server: &Server, name: &str, module: &[u8], manifest: &str) {
    let (kind, form) = form(Some(module), Some(manifest));
    assert_eq!(server.ask("PUT", &format!("/functions/{name}"), &kind, &form).status, 201);
}

/// What was counted, for whoever scrapes.
fn metrics(server: &Server) -> String {
    http::get(server.admin, "/metrics").unwrap().body
}

#[test]
fn a_call_that_is_given_up_is_counted_and_logged_once() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let limits = "[limits]\ntime = \"1h\"\ncpu = \"1h\"\n";
    deploy(&server, "slow", &says_after(LONG, "late"), limits);
    let calls = || server.shown("slow")["calls"].clone();
    let mut client = TcpStream::connect(server.address).unwrap();
    write!(client, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    within("the call runs", || (calls()["running"] == 1).then_some(()));
    drop(client);
    within("the call is counted", || (calls()["given_up"] == 1).then_some(()));
    let counted = calls();
    assert_eq!((&counted["answered"], &counted["failed"]), (&value!(0), &value!(0)), "{counted}");
    assert_eq!((&counted["running"], &counted["refused"]), (&value!(0), &value!(0)), "{counted}");
    let scraped = metrics(&server);
    assert!(scraped.contains(r#"function_calls_total{function="slow",outcome="given-up"} 1"#), "{scraped}");
    let lines = json(&server.ask("GET", "/functions/slow/logs", "", b""))["lines"].clone();
    let lines = lines.as_array().unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let text = lines[0]["text"].as_str().unwrap();
    assert!(text.starts_with("(it was given up while it ran, after "), "{text}");
    within("a line in the log", || (server.log().matches("a call was given up").count() == 1).then_some(()));
}

#[test]
fn an_answer_that_cannot_be_used_is_no_answer_to_those_who_count() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    deploy(&server, "odd", &says("no json"), "content-type = \"application/json\"");
    let answer = server.get("/odd");
    assert_eq!((answer.status, &json(&answer)["type"]), (502, &value!("urn:shelfwise:functions:bad-answer")));
    let counted = server.shown("odd")["calls"].clone();
    assert_eq!((&counted["answered"], &counted["failed"]), (&value!(0), &value!(1)), "{counted}");
    let scraped = metrics(&server);
    assert!(scraped.contains(r#"function_calls_total{function="odd",outcome="failed"} 1"#), "{scraped}");
    assert!(!scraped.contains(r#"function_calls_total{function="odd",outcome="answered"} 1"#), "{scraped}");
}
