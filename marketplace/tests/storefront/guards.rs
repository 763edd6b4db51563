//! Headers, identifiers and limits.

use std::{collections::HashSet, time::Instant};

use crate::fixture::{marketplace, mute, shop};

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
fn a_request_is_bounded_in_time() {
    let marketplace = marketplace(mute(), &["--call-deadline", "60s"]);
    let start = Instant::now();
    let page = marketplace.get("/");
    assert_eq!(page.status, 503);
    assert!(page.text().contains("We cannot reach our shelves"));
    let seconds = start.elapsed().as_secs_f64();
    assert!((4.9..8.0).contains(&seconds), "{seconds}");
}
