//! What happens to every request and answer, whatever the page.

mod answers;
mod bounds;

use std::time::Duration;

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};
use service::telemetry::CallLayer;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, CompressionLevel},
};

use self::{answers::AnswerLayer, bounds::BoundsLayer};

/// Forms are small; files have a limit of their own.
pub(crate) const MAX_BODY: usize = 16 * 1024;
/// The longest address, in bytes of path and query.
pub(crate) const MAX_ADDRESS: usize = 2048;
/// The longest head of a request, in bytes as HTTP/1.1 writes them. hyper itself refuses longer ones that come over HTTP/1.1.
pub(crate) const MAX_HEAD: usize = 16 * 1024;
/// The longest head that HTTP/2 hands on, to be refused with a page like all others, under a request's id and with a log
/// line. Longer ones h2 refuses by itself, where none of that can be had, so this is far above what a browser sends by
/// mistake; and it is memory that one connection may take before anybody has looked at what it asks.
pub(crate) const MAX_HEAD_HEARD: u32 = 256 * 1024;
/// A page that takes longer than this is given up. Calls have deadlines of their own, far below.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(5);

/// Wraps the routes. The first layer is the first to see a request.
pub(crate) fn apply(routes: Router, https: bool, calls: CallLayer) -> Router {
    // As one layer: the router boxes what it is given, and clones it for every request.
    routes.layer((
        calls,
        // The fastest level: a page is compressed for every reader anew.
        CompressionLayer::new().quality(CompressionLevel::Fastest),
        AnswerLayer::new(security_headers(https)),
        CatchPanicLayer::new(),
        BoundsLayer,
    ))
}

/// Everything a page loads comes from this host, nothing is written into it, and nobody frames it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn security_headers(https: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), browsing-topics=()",
    );
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains");
    }
    headers
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use axum::routing::get;
    use service::{
        Limits, Protocol, Server, Shutdown,
        telemetry::{Exporter, Metrics},
    };
    use testing::http;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_page_that_panics_is_a_500_and_the_others_go_on() {
        async fn broken() -> &'static str {
            panic!("secret: {}", "the inside")
        }
        let metrics = Metrics::new("test");
        let routes = Router::new().route("/broken", get(broken)).route("/fine", get(|| async { "fine" }));
        let app = apply(routes, false, CallLayer::http(&metrics, Exporter::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new(listener, Limits::new(Protocol::Both), Shutdown::never());
        tokio::spawn(server.serve(app));
        tokio::task::spawn_blocking(move || {
            for _ in 0..3 {
                let page = http::get_with(address, "/broken?q=1", "x-request-id: of-the-test\r\n").unwrap();
                assert_eq!(page.status, 500);
                assert_eq!(page.header("x-request-id"), Some("of-the-test"));
                assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
                assert_eq!(page.header("cache-control"), Some("no-store"));
                assert!(page.header("content-security-policy").is_some(), "{}", page.head);
                for said in ["Something went wrong here", "Request of-the-test", "href=\"/broken?q=1\""] {
                    assert!(page.body.contains(said), "{said} in {}", page.body);
                }
                let whole = format!("{}{}", page.head, page.body);
                assert!(!whole.contains("secret") && !whole.contains("panic"), "{whole}");
                assert_eq!(http::get(address, "/fine").unwrap().body, "fine");
            }
            // On the connection of the one that has panicked, too.
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let ask = |path: &str, close: &str| format!("GET {path} HTTP/1.1\r\nhost: test\r\n{close}\r\n");
            let both = ask("/broken", "") + &ask("/fine", "connection: close\r\n");
            stream.write_all(both.as_bytes()).unwrap();
            let mut answers = String::new();
            stream.read_to_string(&mut answers).unwrap();
            assert!(answers.starts_with("HTTP/1.1 500 ") && answers.ends_with("\r\nfine"), "{answers}");
        })
        .await
        .unwrap();
        // An answer is counted when its last byte has left.
        for line in [
            "http_server_calls_total{code=\"500\",method=\"GET /broken\"} 4\n",
            "http_server_calls_total{code=\"200\",method=\"GET /fine\"} 4\n",
            "http_server_calls_in_flight 0\n",
        ] {
            testing::eventually(line, Duration::from_secs(10), || {
                metrics.render().contains(line).then_some(())
            });
        }
    }
}
