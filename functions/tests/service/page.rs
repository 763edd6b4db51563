//! `GET /functions` in a browser, and what its forms send.

use std::fs;

use testing::http::{self, Answer};

use crate::{
    server::{Server, json},
    wasm::says,
};

/// What a browser says that it takes.
const BROWSER: &str = "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";

fn page(server: &Server, path: &str) -> Answer {
    http::ask(server.address, "GET", path, BROWSER, b"").unwrap()
}

fn built(guest: &str) -> Option<Vec<u8>> {
    let path = format!("{}/guests/built/{guest}.wasm", env!("CARGO_MANIFEST_DIR"));
    testing::have(&[&path]).then(|| fs::read(path).unwrap())
}

/// A form with one part.
fn send(server: &Server, name: &str, part: &str, kind: &str, bytes: &[u8]) -> Answer {
    let mut body =
        format!("--xyz\r\ncontent-disposition: form-data; name=\"{part}\"; filename=\"f\"\r\n{kind}\r\n")
            .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--xyz--\r\n");
    let headers = "content-type: multipart/form-data; boundary=xyz\r\n";
    http::ask(server.address, "POST", &format!("/functions/{name}/try"), headers, &body).unwrap()
}

#[test]
fn browsers_see_a_page_and_programs_json() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let empty = page(&server, "/functions");
    assert!(empty.body.contains("There is no function yet"), "{}", empty.body);
    let manifest = "description = \"<b>Greets</b>\"\ninput = { name = \"a&b\", many = 2 }\n[grants]\nclock = true\n\
         environment = { SECRET = \"hunter2\" }\n[limits]\nmemory = \"3MiB\"\ntime = \"1500ms\"\n";
    let (kind, form) = crate::server::form(Some(&says("hello")), Some(manifest));
    assert_eq!(server.ask("PUT", "/functions/hello", &kind, &form).status, 201);
    for _ in 0..3 {
        assert_eq!(server.get("/hello").status, 200);
    }
    for accept in ["", "accept: */*\r\n", "accept: application/json\r\n"] {
        let list = http::ask(server.address, "GET", "/functions", accept, b"").unwrap();
        assert_eq!(list.header("content-type"), Some("application/json"), "{accept}");
        assert_eq!(list.header("vary"), Some("accept"));
        assert_eq!(json(&list)["functions"][0]["name"], "hello");
    }
    let page = page(&server, "/functions");
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!((page.header("vary"), page.header("cache-control")), (Some("accept"), Some("no-store")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; ")
            && !policy.contains("unsafe")
            && !policy.contains("script")
    );
    let text = &page.body;
    let version = server.shown("hello")["version"].as_str().unwrap().to_owned();
    for part in [
        "1 function answers",
        "wasi-command",
        &version,
        "<td class=\"figure\">3</td><td class=\"figure\">0 %</td>",
        "<dt>Memory</dt><dd>3 MiB</dd>",
        "<dt>Time</dt><dd>1.5 s</dd>",
        "the clock, the variable SECRET",
        "<form action=\"/hello\"",
        "name=\"name\" value=\"a&#38;b\"",
        "name=\"many\" value=\"2\"",
        "action=\"/functions/hello/try\"",
        "&#60;b&#62;Greets",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("hunter2") && !text.contains("<b>Greets") && !text.contains("style=\""), "{text}");
    let style = text.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let style = server.get(style);
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    let known = format!("if-none-match: {}\r\n", style.header("etag").unwrap());
    assert_eq!(http::ask(server.address, "GET", "/functions/page.css", &known, b"").unwrap().status, 304);
}

#[test]
fn what_is_refused_is_listed_with_its_reason() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.deploy("hello", &says("old")).status, 201);
    let place = data.path().join("functions");
    fs::write(place.join("hello.wasm"), "<b>no module</b>").unwrap();
    fs::write(place.join("other.wasm"), "no module").unwrap();
    for name in ["hello", "other"] {
        server.comes_to_refuse(name, "");
    }
    let text = page(&server, "/functions").body;
    for part in ["answers, newer refused", " still</td>", "<td>nothing</td>", "<th scope=\"row\">other</th>"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(server.get("/hello").body, "old");
}

#[test]
fn a_form_sends_what_is_in_it_and_nothing_else() {
    let Some(words) = built("words") else { return };
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.deploy("words", &words).status, 201);
    let file = send(&server, "words", "file", "content-type: text/plain\r\n", b"one two");
    assert_eq!((file.status, file.body.as_str()), (200, "eno owt"));
    assert_eq!(file.header("content-security-policy"), Some("sandbox"));
    assert_eq!(send(&server, "words", "json", "", b"[1, 23]").status, 200);
    assert_eq!(send(&server, "words", "json", "", b"[1, 23").status, 400);
    for (part, bytes, why) in
        [("file", &b""[..], "the form is empty"), ("other", b"x", "the form is not whole")]
    {
        let answer = send(&server, "words", part, "", bytes);
        assert_eq!(answer.status, 400, "{part}");
        assert!(answer.body.contains(why), "{part}: {}", answer.body);
    }
    assert_eq!(send(&server, "nothing", "file", "", b"x").status, 404);
    let plain = http::ask(server.address, "POST", "/functions/words/try", "", b"x").unwrap();
    assert_eq!(plain.status, 400);
    let read = server.get("/functions/words/try");
    assert_eq!((read.status, read.header("allow")), (405, Some("POST")));

    let (kind, form) = crate::server::form(None, Some("[limits]\nbody = 5\n"));
    assert_eq!(server.ask("PUT", "/functions/words", &kind, &form).status, 200);
    assert_eq!(send(&server, "words", "file", "", b"12345").status, 200);
    for long in [&b"123456"[..], &[b'x'; 100_000]] {
        assert_eq!(send(&server, "words", "file", "", long).status, 413);
    }
}

#[test]
fn a_long_list_has_pages() {
    let data = tempfile::tempdir().unwrap();
    let place = data.path().join("functions");
    fs::create_dir_all(&place).unwrap();
    for number in 0..51 {
        fs::write(place.join(format!("f{number:02}.wasm")), says("x")).unwrap();
    }
    let server = Server::start(data.path(), &[]);
    let (first, second) = (page(&server, "/functions").body, page(&server, "/functions?page=2").body);
    assert!(first.contains("51 functions answer") && first.contains("Page 1 of 2"), "{first}");
    assert_eq!(first.matches("<details").count(), 50);
    assert!(second.contains("id=\"of-f50\"") && second.matches("<details").count() == 1, "{second}");
    for (path, status) in [("/functions?page=3", 404), ("/functions?page=0", 404), ("/functions?page=x", 400)]
    {
        assert_eq!(page(&server, path).status, status, "{path}");
    }
}
