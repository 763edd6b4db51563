//! Log lines, metrics and traces of one page, over both services.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use testing::{Signal, eventually, http};
use tonic::{Request, Response, Status};

use crate::process::{Suite, run};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The receiving half of OTLP, which is all that the suite sees of a collector.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let service = format!("{:?}", resource.resource);
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.0.lock().unwrap().extend(spans.map(|span| (service.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_page_is_one_trace_through_both_services() {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = TraceServiceServer::new(collector.clone());
    tokio::spawn(tonic::transport::Server::builder().add_service(server).serve_with_incoming(incoming));

    tokio::task::block_in_place(|| {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("SHELFWISE_LOG_FORMAT", "json"),
            // OpenTelemetry takes what is empty for absent, and what is not true for false.
            ("OTEL_SERVICE_NAME", ""),
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", ""),
            ("OTEL_SDK_DISABLED", "yes"),
        ];
        let suite = Suite::start_with(&variables);
        assert!(suite.printed().matches("neither true nor false").count() >= 2, "{}", suite.printed());
        let headers = format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\nx-request-id: abc-123\r\n");
        let page = http::get_with(suite.pages, "/", &headers).unwrap();
        assert_eq!(page.header("x-request-id"), Some("abc-123"));

        let of_trace = |(_, span): &&(String, Span)| hex(&span.trace_id) == TRACE;
        let spans = eventually("both spans arrive", Duration::from_secs(20), || {
            let spans = collector.0.lock().unwrap();
            let ours: Vec<_> = spans.iter().filter(of_trace).cloned().collect();
            (ours.len() >= 2).then_some(ours)
        });
        let find = |name: &str| {
            spans.iter().find(|(_, span)| span.name == name).unwrap_or_else(|| panic!("{spans:#?}"))
        };
        let (marketplace, page) = find("GET /");
        let (recommendations, call) = find("/Recommendations/Recommend");
        assert_eq!(hex(&page.parent_span_id), "00f067aa0ba902b7");
        assert_eq!(hex(&call.parent_span_id), hex(&page.span_id), "the page asked");
        assert!(marketplace.contains("shelfwise-marketplace"), "{marketplace}");
        assert!(recommendations.contains("shelfwise-recommendations"), "{recommendations}");

        let printed = eventually("both lines", Duration::from_secs(10), || {
            Some(suite.printed()).filter(|printed| printed.matches(TRACE).count() >= 2)
        });
        let lines: Vec<serde_json::Value> = printed
            .lines()
            .filter(|line| line.contains(TRACE))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let page = lines.iter().find(|line| line["method"] == "GET /").unwrap();
        assert_eq!((&page["code"], &page["request"]), (&"200".into(), &"abc-123".into()), "{page}");
        let call = lines.iter().find(|line| line["method"] == "/Recommendations/Recommend").unwrap();
        assert_eq!(call["code"], "OK", "{call}");
        assert!(call["ms"].is_f64() && call["peer"].is_string(), "{call}");
    });
}

#[test]
fn a_collector_that_stays_away_is_mentioned_once_by_each_service() {
    let endpoint = format!("http://127.0.0.1:{}", testing::free_port());
    let mut suite = Suite::start_with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20key,x-shop=1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1"),
    ]);
    let mentioned = |suite: &Suite| suite.printed().matches("the collector did not take spans").count();
    eventually("both have failed to export", Duration::from_secs(30), || {
        http::get(suite.pages, "/").unwrap();
        (mentioned(&suite) >= 2).then_some(())
    });
    // Each of these is another export, or several.
    for _ in 0..50 {
        http::get(suite.pages, "/").unwrap();
    }
    suite.signal(Signal::TERM);
    suite.end();
    assert_eq!(mentioned(&suite), 2, "{}", suite.printed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_long_is_a_page_with_a_name_and_a_line_over_http2_too() {
    let suite = tokio::task::block_in_place(|| Suite::start_with(&[("SHELFWISE_LOG_FORMAT", "json")]));
    let stream = tokio::net::TcpStream::connect(suite.pages).await.unwrap();
    let connection = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = connection.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get(format!("http://{}/", suite.pages)).header("x-big", "a".repeat(20_000));
    let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    assert_eq!(head.status, 431);
    assert!(head.headers.contains_key("content-security-policy"), "{head:?}");
    let id = head.headers["x-request-id"].to_str().unwrap();
    let page = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(page.contains(&format!("Request {id}")), "{page}");
    tokio::task::block_in_place(|| {
        let line: serde_json::Value = eventually("the line", Duration::from_secs(10), || {
            let printed = suite.printed();
            printed.lines().find(|line| line.contains(id)).and_then(|line| serde_json::from_str(line).ok())
        });
        assert_eq!((&line["target"], &line["method"]), (&"call".into(), &"GET /".into()), "{line}");
        assert_eq!((&line["code"], &line["request"]), (&"431".into(), &id.into()), "{line}");
    });
}

#[test]
fn metrics_count_calls_by_method_and_code() {
    let suite = Suite::start();
    assert_eq!(http::get(suite.pages, "/").unwrap().status, 200);
    assert_eq!(http::get(suite.pages, "/no/such/page").unwrap().status, 404);
    let mut stranger = std::net::TcpStream::connect(suite.pages).unwrap();
    std::io::Write::write_all(
        &mut stranger,
        b"INVENTED / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n",
    )
    .unwrap();
    std::io::Read::read_to_end(&mut stranger, &mut Vec::new()).unwrap();
    let (grpc, pages) = eventually("the calls are counted", Duration::from_secs(10), || {
        let grpc = http::get(suite.grpc_admin, "/metrics").ok()?.body;
        let pages = http::get(suite.pages_admin, "/metrics").ok()?.body;
        let counted = grpc
            .contains(r#"grpc_server_calls_total{code="OK",method="/Recommendations/Recommend"}"#)
            && pages.contains(r#"http_server_calls_total{code="404",method="unknown"} 1"#)
            && pages.contains(r#"http_server_calls_total{code="405",method="unknown"} 1"#);
        counted.then_some((grpc, pages))
    });
    assert!(
        grpc.contains(r#"grpc_server_call_seconds_bucket{method="/Recommendations/Recommend",le="0.001"}"#),
        "{grpc}"
    );
    assert!(pages.contains(r#"http_server_calls_total{code="200",method="GET /"} 1"#), "{pages}");

    if !testing::have(&["promtool"]) {
        return;
    }
    for metrics in [grpc, pages] {
        let file = suite.data.path().join("metrics.txt");
        std::fs::write(&file, metrics).unwrap();
        let stdin = std::fs::File::open(&file).unwrap();
        let ended = run(std::process::Command::new("promtool").args(["check", "metrics"]).stdin(stdin));
        assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
