//! Further addresses: the example file starts the three servers of a well-known image application.

use std::{fs, net::SocketAddr};

use testing::http::{self, Answer};

use crate::{
    server::{Server, json},
    wasm::says,
};

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn post(address: SocketAddr, path: &str, headers: &str) -> Answer {
    http::ask(address, "POST", path, headers, b"a picture").unwrap()
}

#[test]
fn the_example_file_starts_three_servers_beside_the_services_own() {
    let folder = tempfile::tempdir().unwrap();
    let [rs, go, web] = [(); 3].map(|()| testing::free_port());
    let ports = [("127.0.0.1:9004", rs), ("127.0.0.1:9003", go), ("127.0.0.1:8080", web)];
    let example = include_str!("../../../deploy/functions.toml");
    let file = ports.iter().fold(example.to_owned(), |file, (example, port)| {
        assert!(file.contains(example));
        file.replace(example, &at(*port).to_string())
    });
    let path = folder.path().join("functions.toml");
    fs::write(&path, file).unwrap();
    let server = Server::start(folder.path(), &["--config", path.to_str().unwrap()]);
    assert_eq!(server.deploy("grayscale", &says("grey")).status, 201);
    assert_eq!(
        server
            .deploy(
                "classify",
                &says("It likely a <a href='https://search.example/?q=cat'>cat</a> in the picture")
            )
            .status,
        201
    );

    for (port, expected) in
        [(rs, "grey"), (go, "It likely a <a href='https://search.example/?q=cat'>cat</a> in the picture")]
    {
        let answer = post(at(port), "/api/image", "origin: https://anywhere.example\r\n");
        assert_eq!((answer.status, answer.body.as_str()), (200, expected));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
        // Any GET is answered with nothing: no function, no list, no page.
        for path in ["/", "/api/image", "/functions", "/grayscale", "/static/", "/healthz?x=1"] {
            let answer = http::get(at(port), path).unwrap();
            assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{path}");
        }
        // But a sidecar before it gets a list, which is empty.
        assert_eq!(http::get(at(port), "/dapr/subscribe").unwrap().body, "[]");
        let preflight = "origin: https://anywhere.example\r\naccess-control-request-method: POST\r\n";
        let answer = http::ask(at(port), "OPTIONS", "/api/image", preflight, b"").unwrap();
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("*")));
        assert_eq!(answer.header("access-control-allow-methods"), Some("GET, HEAD, POST"));
        for (method, path, status) in
            [("POST", "/grayscale", 404), ("PUT", "/functions/grayscale", 404), ("PUT", "/api/image", 405)]
        {
            let answer =
                http::ask(at(port), method, path, "authorization: Bearer a-token-of-the-tests\r\n", b"")
                    .unwrap();
            assert_eq!(answer.status, status, "{method} {path}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
    }

    for address in [at(web), server.address] {
        let page = http::get(address, "/static/").unwrap();
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(page.body.contains("<input type=\"file\"") && !page.body.contains("<style"), "{}", page.body);
        for name in ["page.js", "page.css"] {
            assert_eq!(http::get(address, &format!("/static/{name}")).unwrap().status, 200);
        }
        assert_eq!(http::get(address, "/static/../functions").unwrap().status, 404);
        assert_eq!(post(address, "/api/hello", "api: rs\r\n").body, "grey");
        assert!(post(address, "/api/hello", "api: go\r\n").body.contains("cat"));
        for headers in ["", "api: js\r\n"] {
            let answer = post(address, "/api/hello", headers);
            assert_eq!(answer.status, 400);
            let title = json(&answer)["title"].as_str().unwrap().to_owned();
            assert!(title.contains("api") && !title.contains("js"), "{title}");
        }
        let answer = post(address, "/api/hello", "api: rs\r\norigin: https://anywhere.example\r\n");
        assert_eq!(answer.header("access-control-allow-origin"), None, "nobody may, unless it is set");
    }
    assert_eq!(http::get(at(web), "/").unwrap().status, 404);
    assert_eq!(http::get(at(web), "/grayscale").unwrap().status, 404);
    assert_eq!(server.get("/grayscale").body, "grey");
    // All of them end with the service.
    assert!(server.end().success());
    for port in [rs, go, web] {
        assert!(std::net::TcpStream::connect(at(port)).is_err());
    }
}

#[test]
fn an_address_that_is_taken_keeps_the_service_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let path = folder.path().join("functions.toml");
    fs::write(&path, format!("[[listeners]]\nbind = '{address}'\nstatic = true\n")).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_functions"))
        .env_clear()
        .args(["--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .arg("--config")
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(74), "{said}");
    assert_eq!(said, format!("error: listeners[1]: {address} is taken already\n"));
    assert_eq!(output.stdout, b"", "nothing was said to be listening");
}
