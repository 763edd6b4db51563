use std::time::{Duration, Instant};

use marketplace::client::{CallError, OperatorError};
use service::trace::TraceContext;
use tonic::Code;

use crate::{
    Asker, Load, list,
    servers::{Manner, Setup, Toy, Way, babble, nonsense},
    until,
};

/// What a machine that is busy with other tests may add to a deadline. Far less than what is late here takes.
const SLACK: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_late_server_is_unavailable_at_the_deadline() {
    let server = Toy::start("127.0.0.1:0");
    let asker = Asker::new(&server.address.to_string());
    until_answered(&asker).await;
    server.be(Manner::Late(Duration::from_secs(10)));
    let start = Instant::now();
    assert_eq!(asker.ask().await, Err(CallError::Unavailable));
    let took = start.elapsed();
    assert!((Duration::from_millis(290)..Duration::from_millis(300) + SLACK).contains(&took), "{took:?}");
    server.be(Manner::Good);
    until_answered(&asker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_is_unavailable_at_once_and_found_within_a_second() {
    let mut server = Toy::start("127.0.0.1:0");
    let asker = Asker::within(SLACK * 2, &server.address.to_string());
    until_answered(&asker).await;
    // One time of a few: a machine that is busy with other tests may miss a second.
    let mut took = Vec::new();
    while took.iter().all(|took| *took >= Duration::from_secs(1)) {
        assert!(took.len() < 5, "{took:?}");
        let address = server.kill();
        until("it is known to be gone", || {
            asker.metric("grpc_client_backends{state=\"unreachable\"}") == 1.0
        })
        .await;
        // Long enough for pauses between attempts to have grown.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        assert_eq!(asker.ask().await, Err(CallError::Unavailable));
        assert!(start.elapsed() < SLACK, "long before the deadline: {:?}", start.elapsed());

        server = Toy::start(&address);
        let back = Instant::now();
        until_answered(&asker).await;
        took.push(back.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_knows_is_unavailable_within_the_deadline() {
    let asker = Asker::new("recommendations.invalid");
    let start = Instant::now();
    assert_eq!(asker.ask().await, Err(CallError::Unavailable));
    assert!(start.elapsed() < Duration::from_millis(300) + SLACK, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_answers_are_unavailable() {
    // A message that is none, a length that lies, a compressed one, none at all, and two.
    for frame in [
        b"\0\0\0\0\x02\xff\xff".as_slice(),
        b"\0\0\0\0\xff\0",
        b"\0\xff\xff\xff\xff\0",
        b"\x01\0\0\0\0",
        b"",
        b"\0\0\0\0\0\0\0\0\0\0",
    ] {
        let asker = Asker::patient(&nonsense(frame).await.to_string());
        assert_eq!(asker.ask().await, Err(CallError::Unavailable), "{frame:?}");
        assert_eq!(asker.serving(), 1, "the server is there");
    }
    for bytes in [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), b"\0", b"", &[0xff; 4096]] {
        let asker = Asker::new(&babble(bytes).await.to_string());
        assert_eq!(asker.ask().await, Err(CallError::Unavailable));
        assert_eq!(asker.serving(), 0);
    }
    let server = Toy::start("127.0.0.1:0");
    let asker = Asker::patient(&server.address.to_string());
    for code in [Code::Internal, Code::Unknown, Code::PermissionDenied, Code::DataLoss] {
        server.be(Manner::No(code));
        assert_eq!(asker.ask().await, Err(CallError::Unavailable), "{code:?}");
    }
    assert_eq!(server.calls(), 4, "what would fail again is not tried again");
    let unimplemented = asker.client.categories(&TraceContext::root(0.0)).await;
    assert_eq!(unimplemented, Err(CallError::Unavailable));
    server.be(Manner::Good);
    assert!(asker.ask().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_a_limit() {
    let server = Toy::start("127.0.0.1:0");
    let asker = Asker::patient(&server.address.to_string());
    server.be(Manner::Bytes(4 * 1024 * 1024 - 100));
    assert_eq!(asker.ask().await.unwrap()[0].title.len(), 4 * 1024 * 1024 - 100);
    server.be(Manner::Bytes(4 * 1024 * 1024));
    assert_eq!(asker.ask().await, Err(CallError::Unavailable));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_refuses_is_made_up_for_by_another() {
    for code in [Code::Unavailable, Code::ResourceExhausted] {
        let (good, bad) = (Toy::start("127.0.0.1:0"), Toy::start("127.0.0.2:0"));
        bad.be(Manner::No(code));
        let asker = Asker::patient(&list(&[good.address, bad.address]));
        asker.ask().await.unwrap();
        asker.until_serving(2).await;
        for _ in 0..50 {
            asker.ask().await.unwrap();
        }
        assert!(bad.calls() > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_do_not_double_an_overload() {
    let (one, two) = (Toy::start("127.0.0.1:0"), Toy::start("127.0.0.2:0"));
    let asker = Asker::patient(&list(&[one.address, two.address]));
    asker.ask().await.unwrap();
    asker.until_serving(2).await;
    let before = one.calls() + two.calls();
    one.be(Manner::No(Code::ResourceExhausted));
    two.be(Manner::No(Code::ResourceExhausted));
    let calls = 2000;
    for _ in 0..calls {
        assert_eq!(asker.ask().await, Err(CallError::Unavailable));
    }
    let tried = one.calls() + two.calls() - before;
    // A tenth of all calls, and the reserve of a hundred.
    assert!((calls + 250..=calls + 310).contains(&tried), "{tried} attempts of {calls} calls");
    let retries = asker.metric("grpc_client_retries_total{cause=\"RESOURCE_EXHAUSTED\"}");
    assert_eq!(retries as usize, tried - calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_is_not_asked_twice() {
    let server = Toy::start("127.0.0.1:0");
    let asker = Asker::patient(&server.address.to_string());
    server.be(Manner::No(Code::ResourceExhausted));
    assert_eq!(asker.ask().await, Err(CallError::Unavailable));
    assert_eq!(server.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_done_twice_is_sent_once() {
    let (one, two) = (Toy::start("127.0.0.1:0"), Toy::start("127.0.0.2:0"));
    let asker = Asker::patient(&list(&[one.address, two.address]));
    asker.ask().await.unwrap();
    asker.until_serving(2).await;
    for server in [&one, &two] {
        server.be(Manner::No(Code::Unavailable));
    }
    let before = one.calls() + two.calls();
    let trace = TraceContext::root(0.0);
    assert_eq!(asker.client.models(&trace).await, Err(OperatorError::Unavailable));
    assert_eq!(one.calls() + two.calls() - before, 2, "reading is tried again");
    for _ in 0..3 {
        let calls = one.calls() + two.calls();
        assert_eq!(asker.client.train(&trace, "", false).await, Err(OperatorError::Unavailable));
        assert_eq!(asker.client.roll_back_model(&trace).await, Err(OperatorError::Unavailable));
        assert_eq!(one.calls() + two.calls() - calls, 2);
    }
    for (code, expected) in [
        (Code::FailedPrecondition, OperatorError::Refused("not here".to_owned())),
        (Code::NotFound, OperatorError::Refused("not here".to_owned())),
        (Code::Unauthenticated, OperatorError::Token),
        (Code::Internal, OperatorError::Unavailable),
    ] {
        one.be(Manner::No(code));
        two.be(Manner::No(code));
        assert_eq!(asker.client.activate_model(&trace, "7").await, Err(expected), "{code:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_loses_its_turn_until_it_answers() {
    let (good, hung) = (Toy::start("127.0.0.1:0"), Toy::start("127.0.0.2:0"));
    let way = Way::to(hung.address).await;
    // Half of the deadline is for the first attempt.
    let asker = Asker::within(Duration::from_secs(4), &list(&[good.address, way.address]));
    let load = Load::on(&asker.client, 8);
    asker.until_serving(2).await;
    load.go_on(100).await;
    way.block();
    asker.until_serving(1).await;
    load.go_on(100).await;
    let start = Instant::now();
    for _ in 0..20 {
        asker.ask().await.unwrap();
    }
    // Half of them would wait for half of the deadline each.
    assert!(start.elapsed() < Duration::from_secs(10), "nobody waits for it any more: {:?}", start.elapsed());

    way.unblock();
    asker.until_serving(2).await;
    let before = hung.calls();
    until("it has calls again", || hung.calls() > before + 20).await;
    assert_eq!(load.failed().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_handlers_hang_loses_its_turn() {
    let (good, hung) = (Toy::start("127.0.0.1:0"), Toy::start("127.0.0.2:0"));
    let asker = Asker::within(Duration::from_secs(4), &list(&[good.address, hung.address]));
    asker.ask().await.unwrap();
    asker.until_serving(2).await;
    hung.be(Manner::Late(Duration::from_secs(60)));
    let load = Load::on(&asker.client, 8);
    asker.until_serving(1).await;
    hung.be(Manner::Good);
    asker.until_serving(2).await;
    assert_eq!(load.failed().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_says_its_trace_and_deadline_and_to_a_sidecar_whom_it_means() {
    let server = Toy::with("127.0.0.1:0", Setup::default());
    let mut asker = Asker::patient(&server.address.to_string());
    asker.client = asker.client.with_app_id(service::config::app_id("recommendations").ok());
    let trace = TraceContext::root(1.0);
    asker.client.recommend(&trace, 0, 0, 3).await.unwrap();
    let metadata = server.seen.metadata.lock().unwrap().clone().into_headers();
    assert_eq!(TraceContext::from_headers(&metadata).unwrap().trace_id(), trace.trace_id());
    assert_eq!(metadata["dapr-app-id"], "recommendations");
    let timeout = metadata["grpc-timeout"].to_str().unwrap();
    let micros: u64 = timeout.strip_suffix('u').unwrap().parse().unwrap();
    assert!((1..=3_000_000).contains(&micros), "{timeout}");
    assert_eq!(
        asker.metric("grpc_client_calls_total{code=\"OK\",method=\"/Recommendations/Recommend\"}"),
        1.0
    );
}

/// For clients with a short deadline on a busy machine.
async fn until_answered(asker: &Asker) {
    let start = Instant::now();
    while asker.ask().await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "no answer within 10 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
