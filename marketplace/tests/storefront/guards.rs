//! Headers, identifiers and limits.

use std::{
    collections::HashSet,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::fixture::{marketplace, mute, recommendations, shop};

#[test]
fn every_answer_carries_the_security_headers() {
    for path in ["/", "/books/1", "/nowhere", "/favicon.svg", "/covers/1.svg", "/robots.txt"] {
        let page = shop().get(path);
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "strict-origin-when-cross-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(page.header(name), value, "{path}: {name}");
        }
        assert!(page.header("permissions-policy").contains("camera=()"), "{path}");
        // A plaintext shop must not tie its readers to HTTPS.
        assert_eq!(page.header("strict-transport-security"), "", "{path}");
    }
}

#[test]
fn every_answer_has_a_request_id() {
    let ids: HashSet<_> =
        (0..20).map(|_| shop().get("/robots.txt").header("x-request-id").to_owned()).collect();
    assert_eq!(ids.len(), 20, "{ids:?}");
    let given = shop().send("GET", "/nowhere", "x-request-id: from-a-proxy_1\r\n");
    assert_eq!(given.header("x-request-id"), "from-a-proxy_1");
    assert!(given.text().contains("Request from-a-proxy_1"));
    let hostile = shop().send("GET", "/nowhere", "x-request-id: <script>\r\n");
    assert!(!hostile.text().contains("<script>"));
}

#[test]
fn addresses_are_bounded() {
    let longest = format!("/search?page={}", "1".repeat(2048 - "/search?page=".len()));
    assert_eq!(longest.len(), 2048);
    assert_eq!(shop().get(&longest).status, 404);
    let page = shop().get(&format!("{longest}1"));
    assert_eq!(page.status, 414);
    assert!(page.text().contains("The address is too long"));
}

#[test]
fn a_request_says_once_which_host_it_means() {
    for (head, status) in [
        ("GET /robots.txt HTTP/1.1\r\nhost: shop\r\n", 200),
        ("GET /robots.txt HTTP/1.1\r\n", 400),
        ("GET /robots.txt HTTP/1.1\r\nhost: shop\r\nhost: other\r\n", 400),
        ("GET /robots.txt HTTP/1.0\r\n", 200),
    ] {
        let mut stream = TcpStream::connect(shop().address).unwrap();
        write!(stream, "{head}connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status.to_string().as_str()), "{head}");
        assert!(status == 200 || answer.contains("That did not work"), "{head}");
    }
}

#[test]
fn bodies_are_bounded() {
    let body = "x".repeat(16 * 1024);
    let fits = shop().send("POST", "/", &format!("content-length: {}\r\n\r\n{body}", body.len()));
    assert_eq!(fits.status, 405);
    let large = shop().send("POST", "/", &format!("content-length: {}\r\n", body.len() + 1));
    assert_eq!(large.status, 413);
    assert!(large.text().contains("That was too much"));
}

#[test]
fn heads_are_bounded() {
    let head = |length: usize| format!("x-much: {}\r\n", "x".repeat(length));
    assert_eq!(shop().send("GET", "/robots.txt", &head(15 * 1024)).status, 200);
    assert_eq!(shop().send("GET", "/robots.txt", &head(17 * 1024)).status, 431);
}

#[test]
fn heads_are_bounded_over_http2_too_and_the_refusal_is_a_page() {
    let address = shop().address;
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let stream = TokioIo::new(tokio::net::TcpStream::connect(address).await.unwrap());
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let ask = async |length: usize| {
            let request = hyper::Request::get(format!("http://{address}/robots.txt"));
            let request = request.header("x-much", "x".repeat(length)).body(Empty::<Bytes>::new()).unwrap();
            sender.clone().send_request(request).await.unwrap()
        };
        assert_eq!(ask(15 * 1024).await.status(), 200);
        for length in [17 * 1024, 200 * 1024] {
            let (head, body) = ask(length).await.into_parts();
            assert_eq!(head.status, 431);
            assert!(head.headers.contains_key("content-security-policy"), "{head:?}");
            let id = head.headers["x-request-id"].to_str().unwrap();
            let page = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
            assert!(page.contains("That was too much") && page.contains(&format!("Request {id}")), "{page}");
        }
        assert_eq!(ask(0).await.status(), 200, "the connection goes on");
    });
}

#[test]
fn a_request_is_bounded_in_time() {
    let marketplace = marketplace(mute(), &["--call-deadline", "60s"]);
    let start = Instant::now();
    let page = marketplace.get("/");
    assert_eq!(page.status, 503);
    assert!(page.text().contains("We cannot reach our shelves"));
    let seconds = start.elapsed().as_secs_f64();
    assert!((4.9..30.0).contains(&seconds), "{seconds}");
}

#[test]
fn pages_are_served_over_https_and_stay_there() {
    let folder = tempfile::tempdir().unwrap();
    service::certs::write(folder.path(), &["localhost".to_owned()]).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let recommendations = recommendations(0, "sqlite::memory:", true);
    let (certificate, key) = (file("server.pem"), file("server.key"));
    let arguments = ["--https", "true", "--tls-cert", &certificate, "--tls-key", &key];
    let marketplace = marketplace(recommendations.address, &arguments);

    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(&fs::read(folder.path().join("ca.pem")).unwrap()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(marketplace.address).unwrap());
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = Vec::new();
    stream.read_to_end(&mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("strict-transport-security: max-age="));
    assert_eq!(page.matches("<li>").count(), 3);
}
