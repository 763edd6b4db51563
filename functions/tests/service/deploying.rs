//! Deploying over HTTP: who may, what may be sent, and that what is refused changes nothing.

use std::{io::Write as _, net::TcpStream};

use serde_json::json;
use testing::http;

use crate::{
    server::{Server, TOKEN, form, json, within},
    wasm::{says, says_and_logs},
};

fn server() -> (tempfile::TempDir, Server) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-module", "100KiB"]);
    (data, server)
}

#[test]
fn only_whoever_shows_the_token_deploys() {
    let (_data, server) = server();
    let module = says("x");
    for headers in ["", "authorization: Bearer wrong\r\n", "authorization: Basic x\r\n"] {
        let headers = format!("content-type: application/wasm\r\n{headers}");
        for (method, path) in [
            ("PUT", "/functions/hello"),
            ("DELETE", "/functions/hello"),
            ("POST", "/functions/hello/rollback"),
            ("GET", "/functions/hello/logs"),
        ] {
            let answer = http::ask(server.address, method, path, &headers, &module).unwrap();
            assert_eq!(answer.status, 401, "{method} {path}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert_eq!(server.get("/hello").status, 404);
    assert_eq!(server.deploy("hello", &module).status, 201);
    // Looking takes none.
    assert_eq!(server.get("/functions").status, 200);
    assert_eq!(server.get("/functions/hello").status, 200);
}

#[test]
fn without_a_configured_token_nobody_deploys_not_even_from_this_machine() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::spawn_bare(data.path(), &[], &[]);
    server.ready();
    let answer = server.deploy("hello", &says("x"));
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("SHELFWISE_TOKEN"), "{}", answer.body);
}

#[test]
fn a_module_answers_from_the_moment_in_which_it_was_put() {
    let (_data, server) = server();
    let answer = server.deploy("hello", &says("one"));
    assert_eq!(answer.status, 201, "{}", answer.body);
    let shown = json(&answer);
    assert_eq!(
        (&shown["name"], &shown["kind"], &shown["state"]),
        (&json!("hello"), &json!("wasi-command"), &json!("answers"))
    );
    let first = shown["version"].as_str().unwrap().to_owned();
    assert!(first.starts_with("1-") && first.len() == 14, "{first}");
    assert_eq!(server.get("/hello").body, "one");

    let second = server.deploy("hello", &says("two"));
    assert_eq!((second.status, server.get("/hello").body.as_str()), (200, "two"));
    let second = json(&second)["version"].as_str().unwrap().to_owned();
    assert!(second.starts_with("2-") && second[2..] != first[2..], "{second}");
    // The same again is the same version.
    let again = server.deploy("hello", &says("two"));
    assert_eq!((again.status, &json(&again)["version"]), (200, &json!(second)));
    assert_eq!(server.shown("hello")["versions"].as_array().unwrap().len(), 2);

    assert_eq!(server.ask("DELETE", "/functions/hello", "", b"").status, 204);
    assert_eq!(server.get("/hello").status, 404);
    assert_eq!(server.get("/functions/hello").status, 404);
    assert_eq!(server.ask("DELETE", "/functions/hello", "", b"").status, 404);
    assert_eq!(
        json(&server.deploy("hello", &says("two")))["version"].as_str().unwrap().split('-').next(),
        Some("1")
    );
}

#[test]
fn a_manifest_comes_along_or_stays_or_is_taken_away() {
    let (_data, server) = server();
    let kind = || server.get("/hello").header("content-type").unwrap().to_owned();
    let (content_type, body) =
        form(Some(&says("one")), Some("content-type = \"text/csv\"\ndescription = \"Says one\""));
    let answer = server.ask("PUT", "/functions/hello", &content_type, &body);
    assert_eq!((answer.status, kind().as_str()), (201, "text/csv"), "{}", answer.body);
    assert_eq!(json(&answer)["description"], "Says one");
    // The module alone.
    assert_eq!(server.deploy("hello", &says("two")).status, 200);
    assert_eq!((server.get("/hello").body.as_str(), kind().as_str()), ("two", "text/csv"));
    // The manifest alone.
    let answer =
        server.ask("PUT", "/functions/hello", "application/toml", b"content-type = \"text/markdown\"");
    assert_eq!(
        (answer.status, server.get("/hello").body.as_str(), kind().as_str()),
        (200, "two", "text/markdown")
    );
    let answer = server.ask("PUT", "/functions/hello", "application/toml", b"");
    assert_eq!((answer.status, kind().as_str()), (200, "text/plain; charset=utf-8"));
    // There is no module that it could stand beside.
    assert_eq!(server.ask("PUT", "/functions/other", "application/toml", b"").status, 404);
}

#[test]
fn what_is_refused_changes_nothing() {
    let (data, server) = server();
    assert_eq!(server.deploy("hello", &says("old")).status, 201);
    let before = server.shown("hello");
    let good = says("new");
    let wrong_kind = form(Some(&good), Some("kind = \"ranker\""));
    let unknown_key = form(Some(&good), Some("\nkynd = \"ranker\""));
    let no_part = form(None, None);
    let other_part = (
        wrong_kind.0.clone(),
        String::from_utf8_lossy(&no_part.1)
            .replace("--edge--", "--edge\r\ncontent-disposition: form-data; name=\"x\"\r\n\r\nx\r\n--edge--")
            .into_bytes(),
    );
    let long = vec![0; (100 << 10) + 1];
    let cases: [(u16, &str, &str, &[u8], &str); 15] = [
        (422, "hello", "application/wasm", b"\0asm", "hello.wasm: it does not compile"),
        (422, "hello", "application/wasm", b"", "hello.wasm: it does not compile"),
        (
            422,
            "hello",
            &wrong_kind.0,
            &wrong_kind.1,
            "hello.toml: kind: the manifest says ranker, the module is wasi-command",
        ),
        (422, "hello", &unknown_key.0, &unknown_key.1, "hello.toml:2: kynd: unknown; did you mean kind?"),
        (422, "hello", "application/toml", b"x = 1", "hello.toml:1: x: unknown"),
        (400, "hello", "application/toml", b"\xff", "the manifest is no UTF-8 text"),
        (400, "hello", "text/plain", &good, "expected application/wasm"),
        (400, "hello", "", &good, "expected application/wasm"),
        (400, "hello", &no_part.0, &no_part.1, "expected a part called module or manifest"),
        (400, "hello", &no_part.0, &other_part.1, "expected the parts module and manifest"),
        (400, "hello", "multipart/form-data", &no_part.1, "multipart/form-data without a boundary"),
        (413, "hello", "application/wasm", &long, "the body is longer than 102400 bytes"),
        (400, "Hello", "application/wasm", &good, "a function's name is"),
        (400, "tasks", "application/wasm", &good, "functions, tasks, static"),
        (400, "..%2Fhello", "application/wasm", &good, "a function's name is"),
    ];
    for (status, name, kind, body, title) in cases {
        let answer = server.ask("PUT", &format!("/functions/{name}"), kind, body);
        assert_eq!(answer.status, status, "{title}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(json(&answer)["title"].as_str().unwrap().starts_with(title), "{title}: {}", answer.body);
    }
    let (kind, body) = form(Some(&long), None);
    assert_eq!(server.ask("PUT", "/functions/hello", &kind, &body).status, 413);
    let (kind, body) = form(Some(&good), Some(&"#".repeat(65 << 10)));
    assert_eq!(server.ask("PUT", "/functions/hello", &kind, &body).status, 413);
    assert_eq!(server.ask("POST", "/functions/hello", "application/wasm", &good).status, 405);
    assert_eq!(server.ask("POST", "/functions", "application/wasm", &good).status, 405);
    assert_eq!(server.get("/hello").body, "old");
    let after = server.shown("hello");
    assert_eq!(
        (&after["version"], &after["versions"], &after["refused"]),
        (&before["version"], &before["versions"], &json!(null))
    );
    let files = std::fs::read_dir(data.path().join("functions/versions/hello")).unwrap().count();
    assert_eq!(files, 2, "a module and its record");
}

#[test]
fn two_modules_may_be_on_their_way_at_a_time_and_a_third_is_asked_to_wait() {
    let (_data, server) = server();
    let begin = || {
        let stream = TcpStream::connect(server.address).unwrap();
        write!(
            &stream,
            "PUT /functions/slow HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/wasm\r\ncontent-length: 1000\r\n\r\n\0asm"
        )
        .unwrap();
        stream
    };
    // One that comes while another is being deployed may be sent away itself.
    let mut on_their_way = Vec::new();
    within("a third is refused", || {
        on_their_way.push(begin());
        (server.deploy("hello", &says("x")).status == 503).then_some(())
    });
    let refused = server.deploy("hello", &says("x"));
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.body);
    assert_eq!(server.get("/functions").status, 200);
    drop(on_their_way);
    // What was deployed before the two came is not deployed anew.
    within("there is room again", || {
        [200, 201].contains(&server.deploy("hello", &says("x")).status).then_some(())
    });
    assert_eq!(server.get("/slow").status, 404);
}

#[test]
fn where_versions_or_manifests_cannot_be_written_nothing_changes() {
    let (data, server) = server();
    let folder = data.path().join("functions");
    server.deploy("hello", &says("one"));
    // A folder where the manifest should be: it can be neither written nor removed.
    std::fs::create_dir(folder.join("hello.toml")).unwrap();
    std::fs::write(folder.join("hello.toml/x"), "").unwrap();
    let (kind, body) = form(Some(&says("two")), Some("description = \"two\""));
    let refused = server.ask("PUT", "/functions/hello", &kind, &body);
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(!refused.body.contains("hello.toml"), "{}", refused.body);
    assert_eq!(
        (server.get("/hello").body.as_str(), &server.shown("hello")["description"]),
        ("one", &json!(""))
    );
    std::fs::remove_dir_all(folder.join("hello.toml")).unwrap();
    assert_eq!(server.ask("PUT", "/functions/hello", &kind, &body).status, 200);
    assert_eq!(
        (server.get("/hello").body.as_str(), &server.shown("hello")["description"]),
        ("two", &json!("two"))
    );

    // A file where the versions should be.
    std::fs::remove_dir_all(folder.join("versions")).unwrap();
    std::fs::write(folder.join("versions"), "").unwrap();
    assert_eq!(server.deploy("hello", &says("three")).status, 503);
    assert_eq!(server.deploy("new", &says("new")).status, 503);
    assert_eq!((server.get("/hello").body.as_str(), server.get("/new").status), ("two", 404));
    std::fs::remove_file(folder.join("versions")).unwrap();
    assert_eq!(server.deploy("hello", &says("three")).status, 200);
}

#[test]
fn what_a_function_writes_is_found_by_the_request() {
    let (_data, server) = server();
    server.deploy("hello", &says_and_logs("fine", "first line\n\x1b[31mred\n"));
    let answer = server.get("/hello");
    assert_eq!(answer.body, "fine");
    let id = answer.header("x-request-id").unwrap().to_owned();
    assert_eq!(server.get("/hello").status, 200);
    let lines = |query: &str| {
        let answer = json(&server.ask("GET", &format!("/functions/hello/logs{query}"), "", b""));
        answer["lines"].as_array().unwrap().clone()
    };
    assert_eq!(lines("").len(), 4);
    assert_eq!(lines("?lines=1").len(), 1);
    let own = lines(&format!("?request={id}"));
    let texts: Vec<_> = own.iter().map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["first line", "\u{1b}[31mred"]);
    assert!(
        own.iter().all(|line| line["request"] == id.as_str() && line["at"].as_str().unwrap().ends_with('Z'))
    );
    assert_eq!(server.ask("GET", "/functions/hello/logs?lines=x", "", b"").status, 400);
    assert_eq!(server.ask("GET", "/functions/other/logs", "", b"").status, 404);
    // What guests write is shown to nobody else.
    assert!(!server.get("/functions").body.contains("first line"));
}

#[test]
fn a_list_shows_what_a_function_is_and_may_and_nothing_secret() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--folders", "/usr"]);
    let manifest = "accepts = [\"image/*\"]\n[limits]\ntime = \"2s\"\ncalls = 3\n[grants]\nclock = true\n\
        environment = { API_KEY = \"s3cret\" }\nfolders = [{ host = \"/usr\", guest = \"/usr\" }]\n\
        [[routes]]\npath = \"/api/x\"\n[[schedule]]\ncron = \"0 3 * * *\"";
    let (kind, body) = form(Some(&says("x")), Some(manifest));
    let answer = server.ask("PUT", "/functions/hello", &kind, &body);
    assert_eq!(answer.status, 201, "{}", answer.body);
    server.get("/hello");
    let answer = server.get("/functions");
    assert!(!answer.body.contains("s3cret"), "{}", answer.body);
    let list = json(&answer);
    let shown = &list["functions"][0];
    assert_eq!(shown["limits"]["time_ms"], 2_000.0);
    assert_eq!(shown["limits"]["calls"], 3);
    assert_eq!(shown["limits"]["memory"], 128 << 20);
    assert_eq!(
        shown["grants"],
        json!({"clock": true, "environment": ["API_KEY"], "folders": [{"guest": "/usr", "write": false}]})
    );
    assert_eq!(shown["accepts"], json!(["image/*"]));
    assert_eq!((&shown["routes"][0], &shown["schedule"]), (&json!("any /api/x"), &json!(["0 3 * * *"])));
    assert_eq!((&shown["calls"]["answered"], &shown["calls"]["failed"]), (&json!(1), &json!(0)));
    assert!(shown["calls"]["p50_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn who_deploys_grants_no_folder_that_the_settings_do_not_name() {
    let (data, server) = server();
    let put = |server: &Server, name: &str, folder: &str| {
        let manifest = format!("[grants]\nfolders = [{{ host = {folder:?}, guest = \"/x\" }}]");
        let (kind, body) = form(Some(&says("x")), Some(&manifest));
        (server.ask("PUT", &format!("/functions/{name}"), &kind, &body), manifest)
    };
    let (answer, manifest) = put(&server, "hello", "/usr");
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert!(answer.body.contains("FUNCTIONS_FOLDERS names none"), "{}", answer.body);
    assert_eq!(server.get("/hello").status, 404);

    // Whoever writes where modules lie may; nobody puts another module in that one's place, or brings it back, over HTTP.
    let folder = data.path().join("functions");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("own.toml"), manifest).unwrap();
    std::fs::write(folder.join("own.wasm"), says("own")).unwrap();
    server.comes_to_say("own", "own");
    assert_eq!(server.deploy("own", &says("other")).status, 422);
    assert_eq!(server.get("/own").body, "own");
    std::fs::remove_file(folder.join("own.toml")).unwrap();
    within("it has no folder", || server.shown("own")["grants"]["folders"].is_null().then_some(()));
    within("both versions are kept", || {
        (server.shown("own")["versions"].as_array()?.len() == 2).then_some(())
    });
    assert_eq!(server.ask("POST", "/functions/own/rollback", "", b"").status, 422);
    assert!(server.shown("own")["grants"]["folders"].is_null());
    drop(server);

    let server = Server::start(data.path(), &["--folders", "/usr"]);
    assert_eq!(put(&server, "hello", "/usr").0.status, 201);
    assert_eq!(put(&server, "hello", "/").0.status, 422);
}

#[test]
fn two_servers_over_one_folder_agree() {
    let data = tempfile::tempdir().unwrap();
    let (one, other) = (Server::start(data.path(), &[]), Server::start(data.path(), &[]));
    let version = json(&one.deploy("hello", &says("one")))["version"].clone();
    other.comes_to_say("hello", "one");
    assert_eq!(other.shown("hello")["version"], version);
    let version = json(&other.deploy("hello", &says("two")))["version"].clone();
    one.comes_to_say("hello", "two");
    assert_eq!(one.shown("hello")["version"], version);
    assert_eq!(one.ask("POST", "/functions/hello/rollback", "", b"").status, 200);
    other.comes_to_say("hello", "one");
    within("both have the same label", || {
        (other.shown("hello")["version"] == one.shown("hello")["version"]).then_some(())
    });
    assert_eq!(one.shown("hello")["versions"].as_array().unwrap().len(), 2);
    assert_eq!(other.ask("DELETE", "/functions/hello", "", b"").status, 204);
    within("it is gone", || (one.get("/hello").status == 404).then_some(()));
}
