//! Recommendations is down, late, or comes back.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use testing::eventually;

use crate::fixture::{Running, marketplace, mute, recommendations, silent};

#[test]
fn without_recommendations_pages_say_so_at_once() {
    let (listener, nobody) = silent();
    drop(listener);
    // Long before the end of a call's time.
    answers_honestly(&marketplace(nobody, &["--call-deadline", "4s"]), Duration::from_millis(3500));
}

#[test]
fn late_recommendations_are_not_waited_for() {
    let (_listener, nobody) = silent();
    // The first call that is late is a page's last one, however many it would make: the shelves', then its own. After five seconds
    // anything is given up.
    answers_honestly(&marketplace(nobody, &["--call-deadline", "300ms"]), Duration::from_millis(4500));
}

#[test]
fn a_server_that_is_well_but_never_answers_is_not_waited_for() {
    let marketplace = marketplace(mute(), &["--call-deadline", "300ms"]);
    eventually("it is connected", Duration::from_secs(20), || {
        let start = Instant::now();
        let home = marketplace.get("/");
        assert!(home.text().contains("We cannot suggest books at the moment"));
        assert!(start.elapsed() < Duration::from_millis(4500), "{:?}", start.elapsed());
        // Until then it fails at once.
        (start.elapsed() > Duration::from_millis(250)).then_some(())
    });
}

fn answers_honestly(marketplace: &Running, limit: Duration) {
    for _ in 0..3 {
        let start = Instant::now();
        let home = marketplace.get("/");
        assert!(start.elapsed() < limit, "{:?}", start.elapsed());
        assert_eq!(home.status, 200);
        let text = home.text();
        assert!(text.contains("We cannot suggest books at the moment"), "{text}");
        assert_eq!(text.matches("<title>Online Books For You</title>").count(), 1);
        assert_eq!(text.matches("<li>").count(), 0);
        for path in ["/categories", "/categories/mystery", "/books/1", "/search?q=dune", "/covers/1.svg"] {
            let start = Instant::now();
            let page = marketplace.get(path);
            assert!(start.elapsed() < limit, "{path}: {:?}", start.elapsed());
            assert_eq!(page.status, 503, "{path}");
            assert_eq!(page.header("retry-after"), "2", "{path}");
            assert!(page.text().contains("We cannot reach our shelves"), "{path}");
        }
        // These need nobody.
        for path in ["/search", "/robots.txt", "/favicon.ico"] {
            assert_eq!(marketplace.get(path).status, 200, "{path}");
        }
    }
}

#[test]
fn the_shop_recovers_by_itself_and_keeps_its_shelves() {
    let mut server = recommendations(0, "sqlite::memory:", true);
    let address = server.address;
    let marketplace = marketplace(address, &[]);
    let whole =
        |text: &str| text.matches("<li>").count() == 3 && text.matches("class=\"shelf\"").count() == 4;
    eventually("the home page is whole", Duration::from_secs(10), || {
        whole(marketplace.get("/").text()).then_some(())
    });

    // Within a second; one time of a few, since a machine that is busy with other tests may miss that.
    let mut took = Vec::new();
    while took.iter().all(|took| *took >= Duration::from_secs(1)) {
        assert!(took.len() < 5, "{took:?}");
        drop(server);
        let home = marketplace.get("/");
        assert_eq!(home.status, 200);
        assert!(home.text().contains("We cannot suggest books at the moment"));
        // What was fetched before can still be shown.
        assert_eq!(home.text().matches("class=\"shelf\"").count(), 4);
        assert_eq!(marketplace.get("/categories").status, 200);
        assert_eq!(marketplace.get("/books/1").status, 503);

        server = again(address);
        let start = Instant::now();
        eventually("the shop is back", Duration::from_secs(20), || {
            whole(marketplace.get("/").text()).then_some(())
        });
        took.push(start.elapsed());
        assert_eq!(marketplace.get("/books/1").status, 200);
    }
}

fn again(address: SocketAddr) -> Running {
    recommendations(address.port(), "sqlite::memory:", true)
}
