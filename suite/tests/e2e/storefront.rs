//! R1's integration test, and what readers see when the server behind the pages goes away.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use testing::{Signal, eventually, http};

use crate::process::Suite;

#[test]
fn the_tutorials_integration_test_passes() {
    let suite = Suite::start();
    let page = http::get(suite.pages, "/").unwrap();
    assert_eq!(page.status, 200);
    assert_eq!(page.body.matches("<title>Online Books For You</title>").count(), 1);
    assert!(page.body.contains("Mystery books you may like"));
    assert_eq!(page.body.matches("<li>").count(), 3);
}

/// Asks for the home page from four threads until it is dropped or asked what it saw.
struct Readers {
    stop: &'static AtomicBool,
    seen: &'static AtomicUsize,
    threads: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Readers {
    fn of(pages: SocketAddr) -> Self {
        let stop: &AtomicBool = Box::leak(Box::default());
        let seen: &AtomicUsize = Box::leak(Box::default());
        let read = move || {
            let mut failed = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                match http::get(pages, "/") {
                    Ok(page) if whole(&page) => {}
                    Ok(page) => failed.push(format!("{} {}", page.status, page.body)),
                    Err(error) => failed.push(error.to_string()),
                }
                seen.fetch_add(1, Ordering::Relaxed);
            }
            failed
        };
        Self { stop, seen, threads: (0..4).map(|_| thread::spawn(read)).collect() }
    }

    /// Waits until so many further pages were read.
    fn read(&self, pages: usize) {
        let before = self.seen.load(Ordering::Relaxed);
        eventually("pages are read", Duration::from_secs(60), || {
            (self.seen.load(Ordering::Relaxed) >= before + pages).then_some(())
        });
    }

    /// The pages that were not whole.
    fn failed(mut self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        std::mem::take(&mut self.threads).into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Status 200, the list of three, and no notice that something is missing.
fn whole(page: &http::Answer) -> bool {
    page.status == 200 && page.body.matches("<li>").count() == 3 && !page.body.contains("class=\"notice")
}

/// A storefront that calls `servers`, not the server in its own process.
fn storefront(servers: &[&Suite]) -> Suite {
    let hosts: Vec<_> = servers.iter().map(|server| server.grpc.to_string()).collect();
    // A machine that runs all tests at once is slower than the default deadline is meant for.
    Suite::start_with(&[("RECOMMENDATIONS_HOST", &hosts.join(",")), ("MARKETPLACE_CALL_DEADLINE", "2s")])
}

fn calls(server: &Suite) -> u64 {
    let metrics = http::get(server.grpc_admin, "/metrics").unwrap().body;
    let name = r#"grpc_server_calls_total{code="OK",method="/Recommendations/Recommend"} "#;
    metrics.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |count| count.parse().unwrap())
}

#[test]
fn of_two_servers_one_may_be_killed_without_a_failed_page_and_takes_its_share_again() {
    let (mut first, second) = (Suite::start(), Suite::start());
    let front = storefront(&[&first, &second]);
    let readers = Readers::of(front.pages);
    readers.read(200);
    assert!(calls(&first) > 0 && calls(&second) > 0, "calls are spread");
    first.signal(Signal::KILL);
    first.end();
    readers.read(200);

    // The same ports, as when a process is restarted in place.
    let again = first.again();
    again.ready();
    // Within a second, as the client's own tests hold it to; here, all tests run at once.
    eventually("the restarted server is called", Duration::from_secs(10), || {
        (calls(&again) > 0).then_some(())
    });
    let (before, other) = (calls(&again), calls(&second));
    readers.read(400);
    #[allow(clippy::cast_precision_loss, reason = "hundreds")]
    let share = (calls(&again) - before) as f64 / (calls(&second) - other) as f64;
    assert!((0.7..1.3).contains(&share), "{share}");
    assert_eq!(readers.failed(), Vec::<String>::new());
}

#[test]
fn pages_go_on_without_the_server_and_recover_by_themselves() {
    let mut server = Suite::start();
    let front = storefront(&[&server]);
    let shelf = http::get(front.pages, "/categories/mystery").unwrap();
    assert_eq!(shelf.status, 200);
    server.signal(Signal::KILL);
    server.end();

    let start = Instant::now();
    let home = http::get(front.pages, "/").unwrap();
    assert!(
        start.elapsed() < Duration::from_millis(4500),
        "before anything is given up: {:?}",
        start.elapsed()
    );
    assert_eq!(home.status, 200, "home can do without");
    assert!(
        home.body.contains("class=\"notice") && home.body.contains("Mystery books you may like"),
        "{}",
        home.body
    );
    for page in ["/categories/mystery", "/books/1", "/search?q=dune"] {
        let page = http::get(front.pages, page).unwrap();
        assert_eq!(page.status, 503);
        assert!(page.header("retry-after").is_some() && page.body.contains("<h1"), "{}", page.head);
    }

    let again = server.again();
    again.ready();
    eventually("the page is whole", Duration::from_secs(10), || {
        http::get(front.pages, "/").ok().filter(whole)
    });
}

#[test]
fn a_restart_under_load_fails_no_page_if_another_server_is_there() {
    let (mut first, second) = (Suite::start(), Suite::start());
    let front = storefront(&[&first, &second]);
    let readers = Readers::of(front.pages);
    readers.read(100);
    first.signal(Signal::TERM);
    assert!(first.end().success());
    readers.read(100);
    let again = first.again();
    again.ready();
    readers.read(100);
    assert_eq!(readers.failed(), Vec::<String>::new());
}
