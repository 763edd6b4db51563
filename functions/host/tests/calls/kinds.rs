use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use host::{
    Allowed, Book, Call, CallError, Candidate, Engine, Entry, Function, Grants, Kind, Limits, Lines,
    Question, Ranker, Reason, Shelf, Shop, ShopError, Unfit,
};
use serde_json::json as value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{ENGINE, error, function, json, module, payload};

/// A shop with two books and one reader.
#[derive(Default)]
pub(crate) struct Two {
    kept: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

impl Shop for Two {
    fn book(&self, id: i32) -> BoxFuture<'_, Result<Option<Book>, ShopError>> {
        let book = move |author: &str| Book {
            id,
            title: String::new(),
            authors: vec![author.to_owned()],
            year: 0,
            language: String::new(),
            series: String::new(),
            categories: Vec::new(),
            subjects: Vec::new(),
            isbn13: String::new(),
        };
        async move {
            Ok(match id {
                1 => Some(book("Ada")),
                2 => Some(book("Bea")),
                _ => None,
            })
        }
        .boxed()
    }

    fn history(&self, reader: i32, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, ShopError>> {
        let entry = |book, stars| Entry { book, stars, shelf: Shelf::Read, owned: false, dismissed: false };
        let all =
            if reader == 7 { vec![entry(1, Some(2.0)), entry(2, Some(5.0)), entry(3, None)] } else { vec![] };
        async move { Ok(all.into_iter().take(limit as usize).collect()) }.boxed()
    }

    fn get<'a>(
        &'a self,
        function: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, ShopError>> {
        let value = self.kept.lock().unwrap().get(&(function.to_owned(), key.to_owned())).cloned();
        async move { Ok(value) }.boxed()
    }

    fn set<'a>(
        &'a self,
        function: &'a str,
        key: &'a str,
        value: Option<Vec<u8>>,
    ) -> BoxFuture<'a, Result<(), ShopError>> {
        let key = (function.to_owned(), key.to_owned());
        let mut kept = self.kept.lock().unwrap();
        match value {
            Some(value) => drop(kept.insert(key, value)),
            None => drop(kept.remove(&key)),
        }
        async { Ok(()) }.boxed()
    }
}

fn all() -> Grants {
    Grants { books: true, readers: true, state: true, ..Grants::default() }
}

#[tokio::test]
async fn an_algorithm_calls_the_host_while_it_runs() {
    let taste = function("taste", Limits::default(), all());
    assert_eq!(taste.kind(), Kind::Algorithm);
    let shop = Arc::new(Two::default());
    let lines = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&lines);
    let told: Lines = Arc::new(move |line: &str| told.lock().unwrap().push(line.to_owned()));
    let ask = |payload: &'static str| {
        let (shop, lines) = (Arc::clone(&shop) as Arc<dyn Shop>, Some(Arc::clone(&told)));
        Call { shop, lines, ..crate::payload(payload) }
    };
    let answer = json(taste.call(ask(r#"{"reader":7}"#)).await);
    assert_eq!(answer["authors"][0]["name"], "Bea", "{answer}");
    assert_eq!(
        (&answer["entries"], &answer["unknown"], &answer["asked"]),
        (&value!(3), &value!([3]), &value!(1))
    );
    // What it keeps is there in the next instance.
    assert_eq!(json(taste.call(ask(r#"{"reader":7}"#)).await)["asked"], 2);
    assert_eq!(json(taste.call(ask(r#"{"reader":7,"forget":true}"#)).await)["asked"], 1);
    let lines = lines.lock().unwrap();
    assert!(lines.iter().any(|line| line == "info: looks at reader 7"), "{lines:?}");
}

#[tokio::test]
async fn an_algorithm_refuses_in_its_own_words() {
    let taste = function("taste", Limits::default(), all());
    let CallError::Refused { code, message } = error(taste.call(payload("no")).await) else { panic!() };
    assert!(code == "bad-input" && message.contains("not understood"), "{code} {message}");
    for grants in [
        Grants { readers: false, ..all() },
        Grants { books: false, ..all() },
        Grants { state: false, ..all() },
    ] {
        let taste = function("taste", Limits::default(), grants);
        let call = Call { shop: Arc::new(Two::default()), ..payload(r#"{"reader":7}"#) };
        let CallError::Refused { code, .. } = error(taste.call(call).await) else { panic!() };
        assert_eq!(code, "not-granted");
    }
}

#[tokio::test]
async fn a_misbehaving_component_meets_the_same_limits() {
    let hasty = Limits { time: Duration::from_millis(50), ..Limits::default() };
    let misbehave = function("misbehave-component", hasty, Grants::default());
    let ended = misbehave.call(payload(r#"{"do":"loop"}"#)).await.result;
    assert_eq!(ended, Err(CallError::OutOfTime(hasty.time)));
    // The rest is not to run out of time on a machine that is busy with other tests.
    let limits =
        Limits { time: Duration::from_secs(30), memory: 16 << 20, stdout: 10_000, ..Limits::default() };
    let misbehave = function("misbehave-component", limits, Grants::default());
    let ask = async |what: &str| misbehave.call(payload(format!(r#"{{"do":"{what}"}}"#))).await.result;
    assert_eq!(ask("exhaust").await, Err(CallError::OutOfMemory(limits.memory)));
    assert!(matches!(ask("trap").await, Err(CallError::Trap(_))));
    let seen = ask("environment").await.unwrap();
    assert_eq!(&seen.body[..], b"{}");
}

#[tokio::test]
async fn a_plugin_is_called_and_calls_back() {
    let words = function("words", Limits::default(), Grants::default());
    assert_eq!(words.kind(), Kind::Plugin);
    for _ in 0..3 {
        let ended = words.call(payload("It can't bite it's own tail. I'm done laughing.")).await;
        let answer = ended.result.unwrap().body;
        assert_eq!(&answer[..], b"tI can't etib it's nwo tail. I'm enod laughing.");
    }
    let CallError::Refused { .. } = error(words.call(payload(&b"\xff\xfe"[..])).await) else { panic!() };
    assert_eq!(&words.call(payload("after")).await.result.unwrap().body[..], b"retfa");
}

fn request(method: &str, path: &str, body: &'static str) -> Call {
    let request = http::Request::builder().method(method).uri(path).header("x-shelf", "7").body(()).unwrap();
    Call { request: Some(Arc::new(request.into_parts().0)), ..payload(body) }
}

#[tokio::test]
async fn a_component_speaks_http_itself() {
    let echo = function("echo", Limits::default(), Grants::default());
    assert_eq!(echo.kind(), Kind::Http);
    let seen = json(echo.call(request("PUT", "/a/b?c=d", "hello")).await);
    assert_eq!(
        (&seen["method"], &seen["path"], &seen["query"]),
        (&value!("PUT"), &value!("/a/b"), &value!("c=d"))
    );
    assert_eq!((&seen["body"], &seen["headers"]["x-shelf"]), (&value!("hello"), &value!("7")));
    let answer = echo.call(request("GET", "/status/418", "")).await.result.unwrap();
    assert_eq!(answer.status.as_u16(), 418);
    assert_eq!(answer.headers["content-type"], "application/json");
}

/// A component that speaks HTTP and does no more than this when it is asked.
fn handler(body: &str) -> Function {
    let component = format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $out))
            (core module $module (func (export "handle") (param i32 i32) {body}))
            (core instance $instance (instantiate $module))
            (func $handle (param "request" (own $request)) (param "response-out" (own $out))
                (canon lift (core func $instance "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    );
    let component = wat::parse_str(component).unwrap();
    // So long that no call here takes so long.
    let limits =
        Limits { time: Duration::from_secs(600), cpu: Duration::from_secs(600), ..Limits::default() };
    Function::compile(&ENGINE, "handler", &component, limits, Grants::default()).unwrap()
}

#[tokio::test]
async fn a_component_that_ends_without_an_answer_is_not_waited_for() {
    let ended = handler("unreachable").call(request("GET", "/", "")).await;
    assert!(matches!(error(ended), CallError::Trap(_)));
    let ended = handler("nop").call(request("GET", "/", "")).await;
    assert_eq!(error(ended), CallError::BadAnswer("it returned without an answer".to_owned()));
}

#[tokio::test]
async fn requests_go_only_to_hosts_that_were_granted() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = server.accept().await.unwrap();
        let mut head = vec![0; 1024];
        let read = stream.read(&mut head).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfound").await.unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let fetch = || request("GET", Box::leak(format!("/fetch?http://{address}/page").into_boxed_str()), "");
    let none = function("echo", Limits::default(), Grants::default());
    assert_eq!(none.call(fetch()).await.result.unwrap().status.as_u16(), 502);
    // The name alone does not open this machine.
    let named = Grants { hosts: Allowed::new(&["192.0.2.1"]).unwrap(), ..Grants::default() };
    assert_eq!(
        function("echo", Limits::default(), named).call(fetch()).await.result.unwrap().status.as_u16(),
        502
    );
    let granted = Grants { hosts: Allowed::new(&[address.to_string()]).unwrap(), ..Grants::default() };
    let answer = function("echo", Limits::default(), granted).call(fetch()).await.result.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"found"[..]));
    assert!(asked.await.unwrap().starts_with("GET /page HTTP/1.1\r\n"));
}

fn candidates(count: i32) -> Vec<Candidate> {
    let candidate = |book: i32| Candidate {
        book,
        score: 1.0 / book as f32,
        categories: vec![book % 3],
        reason: Reason::Taste,
        because: None,
    };
    (1..=count).map(candidate).collect()
}

async fn rank(ranker: &Ranker, reader: i32) -> Result<Vec<i32>, CallError> {
    ranker.rank(Question { reader, count: 10 }, &candidates(100)).await.0
}

#[tokio::test]
async fn a_ranker_orders_candidates() {
    let ranker = Ranker::load(&ENGINE, "ranker", &module("ranker"), generous()).unwrap();
    let ranked = rank(&ranker, 7).await.unwrap();
    assert_eq!(ranked.len(), 10);
    assert!(ranked.windows(2).filter(|pair| pair[0] % 3 != pair[1] % 3).count() >= 8, "{ranked:?}");
}

/// Enough for a machine that does many things at once.
fn generous() -> Limits {
    Limits { time: Duration::from_secs(2), cpu: Duration::from_secs(1), ..Limits::of_ranker() }
}

#[tokio::test]
async fn a_ranker_that_misbehaves_is_found_out() {
    let ranker = Ranker::load(&ENGINE, "m", &module("misbehave-ranker"), generous()).unwrap();
    for reader in [2, 3, 10] {
        assert!(matches!(rank(&ranker, reader).await, Err(CallError::BadAnswer(_))), "{reader}");
    }
    assert!(matches!(rank(&ranker, 4).await, Err(CallError::Refused { .. })));
    for reader in [5, 9] {
        assert!(matches!(rank(&ranker, reader).await, Err(CallError::Trap(_))), "{reader}");
    }
    assert!(matches!(rank(&ranker, 6).await, Err(CallError::OutOfMemory(_))));
    assert!(matches!(rank(&ranker, 11).await, Err(CallError::TooManyHostCalls(_))));
    assert_eq!(rank(&ranker, 7).await.unwrap().len(), 99);
    assert_eq!(rank(&ranker, 8).await.unwrap(), Vec::<i32>::new());
    assert_eq!(rank(&ranker, 13).await.unwrap()[0], 100);
}

#[tokio::test]
async fn a_ranker_has_its_time_and_no_more() {
    let limits = Limits::of_ranker();
    let ranker = Ranker::load(&ENGINE, "m", &module("misbehave-ranker"), limits).unwrap();
    let mut beyond = Vec::new();
    for turn in 0..20 {
        // One that computes, and one that sleeps.
        let started = Instant::now();
        let ended = rank(&ranker, if turn % 2 == 0 { 1 } else { 12 }).await;
        let took = started.elapsed();
        assert!(matches!(ended, Err(CallError::OutOfTime(_) | CallError::OutOfCpu(_))), "{ended:?}");
        assert!(took >= limits.time, "{took:?}");
        beyond.push(took - limits.time);
    }
    beyond.sort_unstable();
    // How precise it is on a quiet machine is a benchmark's to say.
    assert!(beyond[0] < Duration::from_millis(50), "{beyond:?}");
}

#[test]
fn only_rankers_rank() {
    let engine: &Engine = &ENGINE;
    let refused = Ranker::load(engine, "hello", &module("hello"), Limits::of_ranker()).unwrap_err();
    assert!(matches!(refused, Unfit::Misfit(_)) && refused.to_string().contains("wasi-command"), "{refused}");
    let big = Limits { memory: Limits::MOST_MEMORY + 1, ..Limits::default() };
    let refused = Function::compile(engine, "hello", &module("hello"), big, Grants::default()).unwrap_err();
    assert!(matches!(refused, Unfit::TooBig(_)), "{refused}");
}

#[tokio::test]
async fn dropping_a_call_ends_its_guest() {
    let misbehave = function("misbehave", Limits::default(), Grants::default());
    let call = Call { payload: Bytes::new(), ..crate::data(r#"{"do":"sleep","milliseconds":60000}"#) };
    let shop: Arc<dyn Shop> = Arc::new(Two::default());
    let call = Call { shop: Arc::clone(&shop), ..call };
    let running = tokio::spawn(async move { misbehave.call(call).await });
    while Arc::strong_count(&shop) == 1 {
        tokio::task::yield_now().await;
    }
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    // Nothing holds what the call was given any more.
    assert_eq!(Arc::strong_count(&shop), 1);
}
