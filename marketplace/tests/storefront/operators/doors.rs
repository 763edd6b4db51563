//! Who comes in.

use std::time::Duration;

use testing::eventually;

use super::{Browser, FORMS, PAGES, TOKEN, servers, told};
use crate::fixture::{links, marketplace, recommendations, shop, silent, with_form};

#[test]
fn nothing_is_shown_or_done_without_the_token() {
    let (_recommendations, shop) = servers(&[]);
    let mut stranger = Browser::new(&shop);
    for path in PAGES {
        let answer = stranger.get(path);
        let leads = answer.header("location").to_owned();
        assert_eq!(answer.status, 303, "{path}");
        let back = path.replace('/', "%2F");
        let expected = if path == "/operators" { String::new() } else { format!("?back={back}") };
        assert_eq!(leads, format!("/operators/sign-in{expected}"));
        assert_eq!(answer.header("cache-control"), "no-store");
        let page = stranger.page(&leads);
        assert!(page.contains("Sign in") && !page.contains(TOKEN) && !page.contains("All models"), "{page}");
        assert!(page.contains(&format!("name=\"back\" value=\"{path}\"")), "{page}");
    }
    for forged in ["operator=", "operator=9999999999.0123456789abcdef.00", "operator=1"] {
        let answer = shop.send_here("GET", "/operators", &format!("cookie: {forged}\r\n"));
        assert_eq!(answer.status, 303, "{forged}");
    }
    for path in FORMS {
        let answer = stranger.post(path, &[("model", "popular"), ("version", "x")]);
        assert_eq!((answer.status, answer.header("location")), (303, "/operators/sign-in"), "{path}");
    }
    let page = stranger.page("/operators/sign-in");
    assert_eq!(told(&page), "You are not signed in, so nothing was done.");
    assert!(Browser::signed_in(&shop).page("/operators/jobs").contains("No training has ended yet."));
}

#[test]
fn the_token_opens_a_session_that_ends() {
    let (_recommendations, shop) = servers(&[]);
    let mut operator = Browser::new(&shop);
    let wrong = operator.sign_in("an-0perator's-t0keN");
    assert_eq!(wrong.status, 403);
    assert!(wrong.text().contains("This is not the token.") && wrong.cookies.is_empty(), "{}", wrong.text());
    assert!(!wrong.text().contains("t0keN"), "what was typed is not shown again");
    assert_eq!(operator.sign_in("").status, 403);

    let right = operator.sign_in(TOKEN);
    assert_eq!((right.status, right.header("location")), (303, "/operators/jobs"));
    let [cookie] = right.cookies.as_slice() else { panic!("{:?}", right.cookies) };
    assert!(cookie.starts_with("operator=") && !cookie.contains("t0ken"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
    for path in PAGES {
        let page = operator.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert_eq!((page.header("cache-control"), page.header("x-robots-tag")), ("no-store", "noindex"));
        let text = page.text();
        assert!(text.contains("aria-current=\"page\"") && text.contains("Sign out") && !text.contains(TOKEN));
        assert!(!text.contains(" style=") && !text.contains("<style"), "{path}");
        assert_eq!(text.matches("<script").count(), 1, "{path}");
    }
    // Whoever is in need not sign in.
    assert_eq!(operator.get("/operators/sign-in").header("location"), "/operators");
    assert_eq!(operator.get("/operators/").header("location"), "/operators");

    let session = operator.cookies.header();
    let out = operator.post("/operators/sign-out", &[]);
    assert_eq!((out.status, out.header("location")), (303, "/operators/sign-in"));
    assert!(
        out.cookies.iter().any(|cookie| cookie.starts_with("operator=; ") && cookie.contains("Max-Age=0"))
    );
    assert_eq!(told(&operator.page("/operators/sign-in")), "You are signed out in this browser.");
    assert_eq!(operator.get("/operators").status, 303);
    // A session is worth nothing where the token or the key is another.
    let other = marketplace(shop.address, &["--token", "another"]);
    assert_eq!(other.send_here("GET", "/operators", &session).status, 303);
}

#[test]
fn over_https_the_session_goes_nowhere_else() {
    let (_listener, nobody) = silent();
    let shop = marketplace(nobody, &["--token", TOKEN, "--public-url", "https://books.example"]);
    let form = with_form("origin: https://books.example\r\n", &[("token", TOKEN)]);
    let answer = shop.send("POST", "/operators/sign-in", &form);
    assert_eq!((answer.status, answer.header("location")), (303, "/operators"));
    assert!(answer.cookies[0].starts_with("__Host-operator=") && answer.cookies[0].ends_with("; Secure"));
}

#[test]
fn tokens_cannot_be_guessed() {
    let (_listener, nobody) = silent();
    let shop = marketplace(nobody, &["--token", TOKEN]);
    let mut browser = Browser::new(&shop);
    // The right one, if it comes in time, and from then on as many again.
    for _ in 0..2 {
        for _ in 0..4 {
            assert_eq!(browser.sign_in("wrong").status, 403);
        }
        assert_eq!(browser.sign_in(TOKEN).status, 303);
    }
    let mut guesser = Browser::new(&shop);
    for _ in 0..5 {
        assert_eq!(guesser.sign_in("wrong").status, 403);
    }
    for token in ["wrong", TOKEN] {
        let answer = guesser.sign_in(token);
        assert_eq!(answer.status, 429);
        assert!(
            answer.text().contains("Too many wrong tokens") && answer.cookies.is_empty(),
            "{}",
            answer.text()
        );
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    // Whoever is in already stays in.
    assert_eq!(browser.get("/operators/sign-in").header("location"), "/operators");
}

#[test]
fn behind_a_trusted_proxy_nobody_locks_the_others_out() {
    let (_listener, nobody) = silent();
    let statuses = |trusted: &[&str], lines: &dyn Fn(usize) -> String| {
        let shop = marketplace(nobody, &[&["--token", TOKEN], trusted].concat());
        let show = |place: usize, token: &str| {
            let headers = format!("sec-fetch-site: same-origin\r\n{}", lines(place));
            shop.send("POST", "/operators/sign-in", &with_form(&headers, &[("token", token)])).status
        };
        let wrong = [0, 0, 0, 0, 0, 0].map(|place| show(place, "wrong"));
        assert_eq!(wrong, [403, 403, 403, 403, 403, 429]);
        show(1, TOKEN)
    };
    let behind = &["--trusted-proxies", "10.0.0.0/8,127.0.0.1"];
    let usual =
        |place: usize| format!("x-forwarded-for: 198.51.100.{place}, 203.0.113.{place}, 10.0.0.1\r\n");
    let standard = |place: usize| format!("forwarded: for=203.0.113.{place};proto=https\r\n");
    let garbage = |place: usize| format!("x-forwarded-for: 203.0.113.{place}, nobody {place}\r\n");
    assert_eq!(statuses(behind, &usual), 303);
    assert_eq!(statuses(behind, &standard), 303);
    assert_eq!(statuses(behind, &garbage), 429, "the proxy's own address is what is known");
    assert_eq!(statuses(behind, &|place| format!("x-forwarded-for: 203.0.113.{place}, 192.0.2.1\r\n")), 429);
    // Whoever is no proxy may write what they want: it is not read.
    assert_eq!(statuses(&[], &usual), 429);
    assert_eq!(statuses(&["--trusted-proxies", "10.0.0.0/8"], &usual), 429);
    assert_eq!(statuses(&["--trusted-proxies", "10.0.0.0/8"], &standard), 429);
}

#[test]
fn other_sites_can_do_nothing() {
    let (_recommendations, shop) = servers(&[]);
    let operator = Browser::signed_in(&shop);
    for from in [
        "",
        "origin: https://evil.example\r\n",
        "origin: null\r\n",
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
    ] {
        for path in FORMS.into_iter().chain(["/operators/sign-in", "/operators/sign-out"]) {
            let headers = format!("{}{from}", operator.cookies.header());
            let answer = shop.send_here("POST", path, &with_form(&headers, &[("token", TOKEN)]));
            assert_eq!(answer.status, 403, "{path}: {from}");
            assert!(
                answer.text().contains("We did not do that") && answer.cookies.is_empty(),
                "{path}: {from}"
            );
            assert!(answer.text().contains("class=\"desk\"") && !answer.text().contains("id=\"q\""));
        }
    }
    let mut operator = operator;
    assert!(operator.page("/operators/jobs").contains("No training has ended yet."));
    // It leads to operators' pages alone.
    for back in ["https://evil.example", "//evil.example", "/my-books", "/operatorsx", "/operators/sign-in"] {
        let answer = Browser::new(&shop).post("/operators/sign-in", &[("token", TOKEN), ("back", back)]);
        assert_eq!((answer.status, answer.header("location")), (303, "/operators"), "{back}");
    }
}

#[test]
fn without_a_token_only_this_machine_comes_in() {
    let recommendations = recommendations(0, "sqlite::memory:", true);
    let shop = marketplace(recommendations.address, &[]);
    let mut here = Browser::new(&shop);
    eventually("recommendations is reached", Duration::from_secs(10), || {
        (here.get("/operators").status == 200).then_some(())
    });
    for path in PAGES {
        let page = here.page(path);
        assert!(page.contains("Open on this machine only") && !page.contains("Sign out"), "{path}");
    }
    assert!(here.act("/operators/train", &[("model", "oracle")]).contains("was not scheduled"));
    assert_eq!(here.get("/operators/sign-in").header("location"), "/operators");
    let elsewhere = [
        shop.send("GET", "/operators", ""),
        shop.send("GET", "/operators/sign-in", ""),
        shop.send_here("GET", "/operators", "x-forwarded-for: 192.0.2.1\r\n"),
        shop.send_here("GET", "/operators/jobs", "forwarded: for=192.0.2.1\r\n"),
        shop.send("POST", "/operators/train", &with_form("sec-fetch-site: same-origin\r\n", &[])),
        shop.send(
            "POST",
            "/operators/sign-in",
            &with_form("sec-fetch-site: same-origin\r\n", &[("token", "")]),
        ),
    ];
    for (place, answer) in elsewhere.iter().enumerate() {
        assert_eq!(answer.status, 403, "{place}");
        assert!(
            answer.text().contains("SHELFWISE_TOKEN") && answer.text().contains("class=\"desk\""),
            "{place}"
        );
        assert!(!answer.text().contains("All models"), "{place}");
    }
}

#[test]
fn over_http_2_a_name_that_leads_here_is_not_this_machine() {
    let recommendations = recommendations(0, "sqlite::memory:", false);
    let shop = marketplace(recommendations.address, &[]);
    let status = |host: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(shop.address).await.unwrap();
            let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
            let connection = tokio::spawn(connection);
            let request = http::Request::get(format!("http://{host}/operators")).body(()).unwrap();
            let (answer, _) = sender.send_request(request, true).unwrap();
            let status = answer.await.unwrap().status().as_u16();
            connection.abort();
            status
        })
    };
    let port = shop.address.port();
    eventually("recommendations is reached", Duration::from_secs(10), || {
        (status(&format!("localhost:{port}")) == 200).then_some(())
    });
    assert_eq!(status(&format!("127.0.0.1:{port}")), 200);
    assert_eq!(status(&format!("evil.example:{port}")), 403);
}

#[test]
fn readers_are_not_led_there() {
    for path in ["/", "/books/1", "/my-books", "/nowhere", "/search"] {
        assert_eq!(links(shop().get(path).text(), "/operators"), Vec::<&str>::new(), "{path}");
    }
    assert!(shop().get("/robots.txt").text().contains("\nDisallow: /operators\n"));
    let nowhere = shop().get("/operators/nowhere");
    assert_eq!(nowhere.status, 404);
    assert!(nowhere.text().contains("There is no such page") && nowhere.text().contains("class=\"desk\""));
    assert!(!shop().get("/operatorsx").text().contains("class=\"desk\""));
}
