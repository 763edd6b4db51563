//! The end of the process, with calls in flight and without.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use testing::{Signal, eventually, http};

use crate::process::Suite;

#[test]
fn sigterm_and_sigint_end_it_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut suite = Suite::start();
        suite.signal(signal);
        let status = suite.end();
        assert!(status.success(), "{signal:?}: {status}\n{}", suite.printed());
    }
}

#[test]
fn while_leaving_it_is_not_ready_but_serves() {
    let delay = [("RECOMMENDATIONS_SHUTDOWN_DELAY", "1h"), ("MARKETPLACE_SHUTDOWN_DELAY", "1h")];
    let suite = Suite::start_with(&delay);
    suite.signal(Signal::TERM);
    for admin in [suite.grpc_admin, suite.pages_admin] {
        eventually("not ready", Duration::from_secs(10), || {
            http::get(admin, "/ready").ok().filter(|answer| answer.status == 503)
        });
        assert_eq!(http::get(admin, "/live").unwrap().status, 200);
    }
    let page = http::get(suite.pages, "/").unwrap();
    assert_eq!((page.status, page.body.matches("<li>").count()), (200, 3));
}

#[test]
fn a_request_that_never_ends_does_not_keep_it_alive() {
    let grace = [("MARKETPLACE_SHUTDOWN_GRACE", "500ms"), ("RECOMMENDATIONS_SHUTDOWN_GRACE", "500ms")];
    let mut suite = Suite::start_with(&grace);
    let mut stuck = TcpStream::connect(suite.grpc).unwrap();
    // An HTTP/2 connection with a call whose message never comes: preface, empty SETTINGS, HEADERS of a POST.
    let mut call = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/Recommendations/Recommend"),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let mut block = Vec::new();
    for (name, value) in headers {
        // Literal without indexing, both strings raw.
        block.extend([0, u8::try_from(name.len()).unwrap()]);
        block.extend(name.bytes());
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.bytes());
    }
    call.extend([0, 0, u8::try_from(block.len()).unwrap(), 1, 4, 0, 0, 0, 1]);
    call.extend(block);
    stuck.write_all(&call).unwrap();
    // The server has the call once it has answered the settings.
    stuck.read_exact(&mut [0; 9]).unwrap();
    eventually("the call is in flight", Duration::from_secs(10), || {
        let metrics = http::get(suite.grpc_admin, "/metrics").ok()?.body;
        metrics.contains("grpc_server_calls_in_flight 2").then_some(())
    });

    let start = Instant::now();
    suite.signal(Signal::TERM);
    assert!(suite.end().success());
    assert!(start.elapsed() >= Duration::from_millis(500), "it had its time");
    assert!(suite.printed().contains("cut_off"), "{}", suite.printed());
}
