//! Whatever is not answered is told in the same form.

use testing::http;

use crate::{
    server::{Server, TOKEN, json},
    wasm::says,
};

#[test]
fn an_address_that_is_no_text_is_a_problem_like_any_other() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.deploy("hello", &says("hello")).status, 201);
    for (method, path, status) in [
        ("GET", "/%ff", 404),
        ("POST", "/%ff/", 404),
        ("GET", "/%ff/x", 404),
        ("GET", "/hello/%ff", 404),
        ("GET", "/static/%ff", 404),
        ("GET", "/static/none", 404),
        ("GET", "/tasks/%ff", 404),
        ("POST", "/functions/%ff/try", 404),
        ("GET", "/functions/%ff", 400),
        ("GET", "/functions/%ff/logs", 400),
        ("PUT", "/functions/%ff", 400),
        ("DELETE", "/functions/%ff", 400),
        ("POST", "/functions/%ff/rollback", 400),
    ] {
        let answer = server.ask(method, path, "", b"");
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{method} {path}");
        assert_eq!(json(&answer)["status"], status, "{method} {path}");
    }
}

#[test]
fn what_follows_the_name_of_a_function_that_speaks_http_is_its_own() {
    let echo = format!("{}/guests/built/echo.wasm", env!("CARGO_MANIFEST_DIR"));
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.deploy("echo", &std::fs::read(echo).unwrap()).status, 201);
    let answer = server.get("/echo/a/%ff?b=%ff");
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = json(&answer);
    assert_eq!((&seen["path"], &seen["query"]), (&"/a/%ff".into(), &"b=%ff".into()));
    // It is asked for a head as such.
    let head = http::ask(server.address, "HEAD", "/echo/a", "", b"").unwrap();
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/json")));
    assert!(head.body.is_empty());
}

#[test]
fn a_method_that_is_not_taken_is_a_problem_that_names_those_that_are() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for (path, allowed) in [
        ("/healthz", "GET, HEAD"),
        ("/dapr/subscribe", "GET, HEAD"),
        ("/static", "GET, HEAD"),
        ("/static/", "GET, HEAD"),
        ("/functions/page.css", "GET, HEAD"),
        ("/functions/icon.svg", "GET, HEAD"),
        ("/functions", "GET, HEAD"),
        ("/functions/hello", "GET, HEAD, PUT, DELETE"),
        ("/functions/hello/try", "POST"),
        ("/functions/hello/rollback", "POST"),
        ("/functions/hello/logs", "GET, HEAD"),
        ("/tasks", "GET, HEAD"),
        ("/tasks/1", "GET, HEAD, DELETE"),
        ("/tasks/1/result", "GET, HEAD"),
    ] {
        let headers = format!("authorization: Bearer {TOKEN}\r\n");
        let answer = http::ask(server.address, "PATCH", path, &headers, b"").unwrap();
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        assert_eq!(json(&answer)["title"], format!("this address takes {allowed}"), "{path}");
    }
}
