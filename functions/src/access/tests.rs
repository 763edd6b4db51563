use std::{convert::Infallible, fs, net::SocketAddr, path::Path, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use service::{
    Peer,
    telemetry::{LogTarget, Metrics, RequestId},
};
use testing::eventually;
use tower::{Layer as _, Service as _, service_fn};

use super::{AccessLayer, AccessLog};

fn request(path: &str) -> Request<()> {
    let address: SocketAddr = "[::ffff:192.0.2.7]:5".parse().unwrap();
    let mut request = Request::get(path).header("user-agent", "test/1").body(()).unwrap();
    request.extensions_mut().insert(Peer { address, certificate: false });
    request.extensions_mut().insert(RequestId(HeaderValue::from_static("abc")));
    request
}

async fn ask(log: &AccessLog, path: &str) {
    let answer = |_: Request<()>| async {
        let answer = Response::builder().status(201).body(Full::new(Bytes::from_static(b"hello"))).unwrap();
        Ok::<_, Infallible>(answer)
    };
    let mut service = AccessLayer::new(Some(log.clone())).layer(service_fn(answer));
    let answer = service.call(request(path)).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn wait_for(path: &Path, count: usize) -> Vec<String> {
    eventually("a line in the access log", Duration::from_secs(10), || {
        let lines = lines(path);
        (lines.len() == count).then_some(lines)
    })
}

#[tokio::test]
async fn a_request_is_a_line_and_a_moved_file_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let log = AccessLog::open(&LogTarget::File(path.clone()), &Metrics::new("test")).unwrap();
    ask(&log, "/one?a=%22").await;
    let written = wait_for(&path, 1);
    assert!(written[0].starts_with("192.0.2.7 - - ["), "{}", written[0]);
    assert!(written[0].contains("] \"GET /one?a=%22 HTTP/1.1\" 201 5 \"-\" \"test/1\" "), "{}", written[0]);
    assert!(written[0].ends_with(" abc"), "{}", written[0]);

    fs::rename(&path, &old).unwrap();
    log.reopen().reopen().unwrap();
    ask(&log, "/two").await;
    assert!(wait_for(&path, 1)[0].contains("/two"));
    assert_eq!(lines(&old).len(), 1);
    // What is queued is written before it ends.
    for _ in 0..100 {
        ask(&log, "/three").await;
    }
    drop(log);
    assert_eq!(lines(&path).len(), 101);
}

#[tokio::test]
async fn a_client_that_goes_away_is_a_line_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = AccessLog::open(&LogTarget::File(path.clone()), &Metrics::new("test")).unwrap();
    let never = |_: Request<()>| std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>();
    let mut service = AccessLayer::new(Some(log)).layer(service_fn(never));
    let answer = service.call(request("/gone"));
    drop(answer);
    assert!(wait_for(&path, 1)[0].contains("\"GET /gone HTTP/1.1\" 499 - "));
}

#[tokio::test]
async fn a_disk_that_takes_nothing_costs_lines_and_no_request() {
    if !testing::have(&["/dev/full"]) {
        return;
    }
    let metrics = Metrics::new("test");
    let log = AccessLog::open(&LogTarget::File("/dev/full".into()), &metrics).unwrap();
    ask(&log, "/one").await;
    eventually("a lost line is counted", Duration::from_secs(10), || {
        metrics.render().contains("\nfunctions_access_log_lost_total 1\n").then_some(())
    });
    ask(&log, "/two").await;
    let nowhere = LogTarget::File("/nowhere/access.log".into());
    let told = AccessLog::open(&nowhere, &Metrics::new("test")).unwrap_err().to_string();
    assert!(told.starts_with("accesslog /nowhere/access.log: "), "{told}");
}
