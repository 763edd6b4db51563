//! Who a reader is, and who may say something.

use super::Browser;
use crate::fixture::{marketplace, recommendations, recommendations_with, shop, with_form};

#[test]
fn so_many_of_an_address_become_readers_in_a_minute_and_readers_go_on() {
    let recommendations = recommendations(0, "sqlite::memory:", true);
    let shop = marketplace(recommendations.address, &["--new-readers", "2"]);
    let mut first = Browser::new(&shop);
    first.rate(6, "4");
    Browser::new(&shop).rate(6, "3");
    let mut third = Browser::new(&shop);
    let answer = third.post("/books/6/opinion", &[("stars", "5"), ("back", "/books/6")]);
    assert_eq!((answer.status, answer.header("retry-after")), (429, "60"));
    assert!(answer.text().contains("One moment, please") && answer.cookies.is_empty());
    // Who is a reader already goes on, and everybody may look.
    first.rate(7, "2");
    assert_eq!(third.get("/books/6").status, 200);
}

#[test]
fn behind_a_trusted_proxy_each_address_has_its_own_newcomers() {
    let recommendations = recommendations(0, "sqlite::memory:", true);
    let statuses = |more: &[&str]| {
        let shop = marketplace(recommendations.address, &[&["--new-readers", "1"], more].concat());
        ["203.0.113.1", "203.0.113.2", "203.0.113.1"].map(|from| {
            let headers = format!("sec-fetch-site: same-origin\r\nx-forwarded-for: {from}\r\n");
            shop.send("POST", "/books/6/opinion", &with_form(&headers, &[("stars", "4")])).status
        })
    };
    assert_eq!(statuses(&["--trusted-proxies", "127.0.0.1/32"]), [303, 303, 429]);
    assert_eq!(statuses(&[]), [303, 429, 429]);
}

#[test]
fn a_visitor_has_no_cookie_until_something_is_said() {
    let mut browser = Browser::new(shop());
    for path in ["/", "/books/1", "/for-you", "/welcome", "/my-books", "/my-books/erase", "/my-books/import"]
    {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.cookies.is_empty(), "{path}: {:?}", page.cookies);
    }
    let answer = browser.post("/books/6/opinion", &[("stars", "4.5"), ("back", "/books/6")]);
    assert_eq!((answer.status, answer.header("location")), (303, "/books/6#book-6"));
    assert_eq!(answer.cookies.len(), 2);
    for cookie in &answer.cookies {
        assert!(cookie.contains("; Path=/; Max-Age="), "{cookie}");
        assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
        assert!(!cookie.contains("Secure"), "it could not be sent back over plaintext: {cookie}");
    }
    assert!(answer.cookies[0].contains("Max-Age=31536000"));
    let page = browser.get("/books/6");
    assert!(page.text().contains("value=\"4.5\" aria-label=\"4½ stars\" checked"), "{}", page.text());
    assert!(page.text().contains("You gave it 4½ stars."));
    assert_eq!(page.header("cache-control"), "private, no-cache");
    assert!(page.header("vary").contains("cookie"));
}

#[test]
fn over_https_cookies_go_nowhere_else() {
    let recommendations = recommendations(0, "sqlite::memory:", true);
    let shop = marketplace(recommendations.address, &["--public-url", "https://books.example"]);
    let headers = "origin: https://books.example\r\n";
    let answer = shop.send("POST", "/books/1/opinion", &with_form(headers, &[("stars", "3")]));
    assert_eq!((answer.status, answer.header("location")), (303, "/#book-1"));
    for cookie in &answer.cookies {
        assert!(cookie.starts_with("__Host-") && cookie.ends_with("; Secure"), "{cookie}");
    }
}

#[test]
fn forged_cookies_are_none() {
    let mut reader = Browser::new(shop());
    reader.rate(1, "5");
    let good = reader.cookies.0[0].1.clone();
    let whole = reader.get("/my-books");
    assert!(whole.text().contains("The Maltese Falcon"));
    let (id, rest) = good.split_once('.').unwrap();
    let next = format!("{}.{rest}", id.parse::<i32>().unwrap() + 1);
    for forged in
        [next.as_str(), "", "1000000000", &good[1..], &good[..good.len() - 1], "%00", &"a.".repeat(2000)]
    {
        let page = shop().send("GET", "/my-books", &format!("cookie: reader={forged}\r\n"));
        assert_eq!(page.status, 200, "{forged}");
        assert!(page.text().contains("Nothing is here yet"), "{forged}");
    }
    // A key of its own for each process that has no setting.
    let other = marketplace(shop().address, &[]);
    let page = other.send("GET", "/my-books", &format!("cookie: reader={good}\r\n"));
    assert!(page.text().contains("Nothing is here yet"));
}

#[test]
fn a_key_that_is_set_is_shared_by_all_replicas() {
    let recommendations = recommendations(0, "sqlite::memory:", true);
    let key = ["--cookie-key", "0123456789abcdef0123456789abcdef"];
    let (one, other) =
        (marketplace(recommendations.address, &key), marketplace(recommendations.address, &key));
    let mut browser = Browser::new(&one);
    browser.rate(6, "5");
    browser.shop = &other;
    assert!(browser.get("/my-books").text().contains("Dune"));
}

#[test]
fn other_sites_cannot_say_anything() {
    let form = [("stars", "1"), ("back", "/books/1")];
    for headers in [
        "",
        "origin: https://evil.example\r\n",
        "origin: null\r\n",
        "origin: http://shop.evil.example\r\n",
        "sec-fetch-site: cross-site\r\norigin: http://shop\r\n",
        "sec-fetch-site: same-site\r\n",
    ] {
        for path in ["/books/1/opinion", "/my-books/erase"] {
            let answer = shop().send("POST", path, &with_form(headers, &form));
            assert_eq!(answer.status, 403, "{path}: {headers}");
            assert!(answer.text().contains("We did not do that"), "{path}: {headers}");
            assert!(answer.cookies.is_empty(), "{path}: {headers}");
        }
    }
    for headers in ["origin: http://shop\r\n", "sec-fetch-site: same-origin\r\n", "sec-fetch-site: none\r\n"]
    {
        let answer = shop().send("POST", "/books/1/opinion", &with_form(headers, &form));
        assert_eq!(answer.status, 303, "{headers}");
    }
}

#[test]
fn a_form_leads_nowhere_else() {
    let mut browser = Browser::new(shop());
    for back in ["//evil.example", "https://evil.example/", "/\\evil.example", "/a\r\nset-cookie: x=1", ""] {
        let answer = browser.post("/books/2/opinion", &[("do", "own"), ("back", back)]);
        assert_eq!((answer.status, answer.header("location")), (303, "/#book-2"), "{back}");
    }
}

#[test]
fn nonsense_is_refused_with_a_page() {
    let mut browser = Browser::new(shop());
    for (path, form, status) in [
        ("/books/1/opinion", &[("stars", "6")][..], 400),
        ("/books/1/opinion", &[("stars", "0")], 400),
        ("/books/1/opinion", &[("do", "burn")], 400),
        ("/books/1/opinion", &[], 400),
        ("/books/999999/opinion", &[("stars", "4")], 404),
        ("/books/x/opinion", &[("stars", "4")], 404),
    ] {
        let answer = browser.post(path, form);
        assert_eq!(answer.status, status, "{path} {form:?}");
        assert!(answer.text().contains("<h1>"), "{path} {form:?}");
    }
    assert!(browser.cookies.0.is_empty(), "nobody becomes a reader by mistakes");
    assert_eq!(browser.get("/books/1/opinion").status, 405);
}

#[test]
fn the_token_opens_what_is_guarded() {
    let guarded = ["--database-url", "sqlite::memory:", "--token", "s3cret"];
    let recommendations = recommendations_with(0, &guarded);
    let knowing = marketplace(recommendations.address, &["--token", "s3cret"]);
    let mut browser = Browser::new(&knowing);
    browser.rate(6, "5");
    assert!(browser.get("/my-books").text().contains("You gave it 5 stars."));
    let ignorant = marketplace(recommendations.address, &[]);
    let answer = Browser::new(&ignorant).post("/books/6/opinion", &[("stars", "5")]);
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("We could not save that"));
    assert_eq!(ignorant.get("/books/6").status, 200, "what needs no token needs none");
}
