use std::{
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser as _;
use marketplace::client::{CallError, Resolver};
use service::trace::TraceContext;
use testing::http;
use tokio::runtime::Runtime;

use crate::{
    Asker, Load, addresses, list,
    servers::{Manner, Setup, Toy, Way},
    until,
};

/// The real server on a runtime of its own.
struct Real {
    address: SocketAddr,
    admin: SocketAddr,
    runtime: Option<Runtime>,
}

impl Real {
    fn start(address: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        let arguments = ["recommendations", "--database-url", "sqlite::memory:"];
        let config = recommendations::Config::parse_from(arguments);
        let listener = service::bind("TEST", address.parse().unwrap()).unwrap();
        let admin = service::bind("TEST", "127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, admin_address) = (listener.local_addr().unwrap(), admin.local_addr().unwrap());
        runtime.spawn(recommendations::run(config, listener, admin, std::future::pending()));
        drop(entered);
        testing::eventually("the catalogue is loaded", Duration::from_secs(60), || {
            http::get(admin_address, "/ready").ok().filter(|answer| answer.status == 200)
        });
        Self { address, admin: admin_address, runtime: Some(runtime) }
    }

    /// Calls of `Recommend` that it has answered.
    fn calls(&self) -> usize {
        let metrics = http::get(self.admin, "/metrics").expect("the admin port answers").body;
        let name = "grpc_server_calls_total{code=\"OK\",method=\"/Recommendations/Recommend\"} ";
        metrics.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |count| count.parse().unwrap())
    }

    fn kill(self) -> String {
        let address = self.address;
        drop(self);
        testing::eventually("the port is closed", Duration::from_secs(20), || {
            TcpStream::connect(address).err()
        });
        address.to_string()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_under_load_costs_no_call_and_is_found_again() {
    let (first, second) = (Real::start("127.0.0.1:0"), Real::start("127.0.0.2:0"));
    let asker = Asker::patient(&list(&[first.address, second.address]));
    let load = Load::on(&asker.client, 8);
    asker.until_serving(2).await;
    load.go_on(400).await;
    assert!(second.calls() > 100, "{}", second.calls());

    let address = second.kill();
    load.go_on(400).await;
    assert_eq!(asker.serving(), 1);

    let second = Real::start(&address);
    asker.until_serving(2).await;
    // From now on both have their share, long before the five seconds that a replica may take.
    let before = (first.calls(), second.calls());
    load.go_on(1000).await;
    let shares = (first.calls() - before.0, second.calls() - before.1);
    let share = shares.1 as f64 / (shares.0 + shares.1) as f64;
    assert!((0.35..=0.65).contains(&share), "{shares:?}");
    assert_eq!(load.failed().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_question_has_its_answer() {
    let server = Real::start("127.0.0.1:0");
    let client = Asker::patient(&server.address.to_string()).client;
    let trace = TraceContext::root(0.0);
    let books = client.recommend(&trace, 0, 0, 3).await.unwrap();
    assert_eq!(books.len(), 3);
    let book = client.book(&trace, 1).await.unwrap();
    assert_eq!(book.title, "The Maltese Falcon");
    let all = client.books(&trace, None, 100, "").await.unwrap();
    assert_eq!(all.books.len(), 100);
    let next = client.books(&trace, None, 100, &all.next_page_token).await.unwrap();
    assert_ne!(next.books[0].id, all.books[0].id);
    let found = client.search(&trace, "maltese falcon", 10, "").await.unwrap();
    assert_eq!(found.books[0].id, 1);
    let categories = client.categories(&trace).await.unwrap();
    assert!(categories.categories.len() >= 16);

    assert_eq!(client.book(&trace, i32::MAX).await, Err(CallError::NotFound));
    assert_eq!(client.recommend(&trace, 0, 999, 3).await, Err(CallError::NotFound));
    assert_eq!(client.recommend(&trace, -1, 0, 3).await, Err(CallError::Invalid));
    assert_eq!(client.books(&trace, None, 10, "made up").await, Err(CallError::Invalid));
}

#[tokio::test(flavor = "multi_thread")]
async fn localhost_is_whichever_address_listens() {
    let listen = |address: &str| match std::net::TcpListener::bind(address) {
        Ok(_) => true,
        Err(error) => {
            testing::skipped(&format!("needs {address}: {error}"));
            false
        }
    };
    for address in ["127.0.0.1:0", "[::1]:0"] {
        if !listen(address) {
            continue;
        }
        let server = Toy::start(address);
        let asker = Asker::patient(&format!("localhost:{}", server.address.port()));
        assert!(asker.ask().await.is_ok(), "{address}");
        assert_eq!(server.calls(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_host_gets_no_calls() {
    let (one, two) = (Toy::start("127.0.0.1:0"), Toy::start("127.0.0.2:0"));
    let dead = Toy::start("127.0.0.3:0");
    let hosts = list(&[one.address, dead.address, two.address]);
    dead.kill();
    let asker = Asker::patient(&hosts);
    asker.ask().await.unwrap();
    asker.until_serving(2).await;
    let before = (one.calls(), two.calls());
    for _ in 0..100 {
        asker.ask().await.unwrap();
    }
    assert_eq!((one.calls() - before.0, two.calls() - before.1), (50, 50));
    assert_eq!(asker.metric("grpc_client_backends{state=\"unreachable\"}"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_opened_before_the_first_call() {
    let server = Toy::start("127.0.0.1:0");
    let way = Way::to(server.address).await;
    let asker = Asker::patient(&way.address.to_string());
    // Nothing must happen: there is nothing to wait for but time.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(way.opened.load(Ordering::Relaxed), 0);
    for _ in 0..100 {
        asker.ask().await.unwrap();
    }
    assert_eq!(way.opened.load(Ordering::Relaxed), 1, "one connection carries all calls");
    drop(asker);
    until("the connection is closed", || way.open.load(Ordering::Relaxed) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_come_and_go() {
    let (old, new) = (Toy::start("127.0.0.1:0"), Toy::start("127.0.0.2:0"));
    let way = Way::to(old.address).await;
    let now = Arc::new(Mutex::new(vec![way.address]));
    let asker = Asker::resolving(Duration::from_secs(3), addresses(&now));
    let load = Load::on(&asker.client, 4);
    asker.until_serving(1).await;

    now.lock().unwrap().push(new.address);
    asker.until_serving(2).await;
    until("the new address is called", || new.calls() > 50).await;

    *now.lock().unwrap() = vec![new.address];
    until("the old connection is closed", || way.open.load(Ordering::Relaxed) == 0).await;
    let before = old.calls();
    load.go_on(100).await;
    assert_eq!(old.calls(), before);

    // A resolver that fails takes nothing away.
    now.lock().unwrap().clear();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    load.go_on(100).await;
    assert_eq!(asker.serving(), 1);
    assert_eq!(load.failed().await, 0);
}

/// Where nothing but trouble makes the client look for addresses again: those of the first time, then others.
fn looking_again_in_trouble(first: &[SocketAddr], then: &[SocketAddr]) -> Asker {
    let (first, then) = (first.to_vec(), then.to_vec());
    let asked = AtomicBool::new(false);
    let resolver: Resolver = Arc::new(move |_| {
        let now = if asked.swap(true, Ordering::Relaxed) { then.clone() } else { first.clone() };
        Box::pin(async move { Ok(now) })
    });
    let asker = Asker::resolving(Duration::from_secs(3), resolver);
    Asker { client: asker.client.resolving_every(Duration::from_secs(3600)), ..asker }
}

/// Asks until this server has been asked, whatever others answer.
async fn until_called(asker: &Asker, server: &Toy) {
    let start = Instant::now();
    while server.calls() == 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "it is not called within 20 s");
        _ = asker.ask().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_looked_for_at_once_when_a_connection_cannot_be_opened() {
    let (dead, live) = (Toy::start("127.0.0.1:0"), Toy::start("127.0.0.2:0"));
    let address = dead.address;
    dead.kill();
    let asker = looking_again_in_trouble(&[address], &[live.address]);
    until_called(&asker, &live).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_looked_for_at_once_when_a_connection_is_lost() {
    let (old, new) = (Toy::start("127.0.0.1:0"), Toy::start("127.0.0.2:0"));
    let asker = looking_again_in_trouble(&[old.address], &[new.address]);
    asker.ask().await.unwrap();
    assert_eq!((old.calls(), new.calls()), (1, 0));
    old.kill();
    until_called(&asker, &new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_looked_for_at_once_when_a_server_is_leaving() {
    let delay = Duration::from_secs(3600);
    let mut leaving = Toy::with("127.0.0.1:0", Setup { delay, ..Setup::default() });
    let staying = Toy::start("127.0.0.2:0");
    let addresses = [leaving.address, staying.address];
    let asker = looking_again_in_trouble(&addresses[..1], &addresses);
    asker.ask().await.unwrap();
    leaving.drain();
    until_called(&asker, &staying).await;
    assert!(!leaving.has_ended());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_server_loses_its_calls_and_none_fails() {
    let mut leaving = Toy::with("127.0.0.1:0", Setup { delay: Duration::from_secs(6), ..Setup::default() });
    let staying = Toy::start("127.0.0.2:0");
    // Calls are in flight whenever something happens.
    leaving.be(Manner::Late(Duration::from_millis(20)));
    let asker = Asker::patient(&list(&[leaving.address, staying.address]));
    let load = Load::on(&asker.client, 8);
    asker.until_serving(2).await;
    load.go_on(200).await;

    leaving.drain();
    asker.until_serving(1).await;
    assert!(!leaving.has_ended(), "it says so before it goes");
    // Calls that were on their way arrive; then there are no more.
    let start = Instant::now();
    loop {
        let before = leaving.calls();
        load.go_on(100).await;
        if leaving.calls() == before {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "it is still called");
    }
    until("the server has ended", || leaving.has_ended()).await;
    load.go_on(100).await;
    assert_eq!(load.failed().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_server_is_called_until_it_has_gone() {
    let delay = Duration::from_secs(3600);
    let mut server = Toy::with("127.0.0.1:0", Setup { delay, ..Setup::default() });
    let asker = Asker::patient(&server.address.to_string());
    asker.ask().await.unwrap();
    server.drain();
    asker.until_serving(0).await;
    asker.ask().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn aged_connections_are_replaced_under_load() {
    let age = Some(Duration::from_millis(200));
    let server = Toy::with("127.0.0.1:0", Setup { age, ..Setup::default() });
    let way = Way::to(server.address).await;
    let asker = Asker::patient(&way.address.to_string());
    let load = Load::on(&asker.client, 8);
    until("connections are replaced", || way.opened.load(Ordering::Relaxed) >= 5).await;
    assert_eq!(load.failed().await, 0);
    until("only one is left", || way.open.load(Ordering::Relaxed) <= 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_health_service_serves() {
    let server = Toy::with("127.0.0.1:0", Setup { health: false, ..Setup::default() });
    let asker = Asker::patient(&server.address.to_string());
    asker.ask().await.unwrap();
    assert_eq!(asker.serving(), 1);
}
