//! A reader's own books.

use std::time::Duration;

use testing::eventually;

use super::Browser;
use crate::fixture::{Answer, links, marketplace, shop, silent, with_form};

#[test]
fn my_books_are_kept_by_shelf_and_stars() {
    let mut browser = Browser::new(shop());
    for (book, acts) in [(1, &["shelf-1"][..]), (2, &["shelf-3", "own"]), (3, &["dismiss"])] {
        for act in acts {
            let back = "/my-books";
            browser.post(&format!("/books/{book}/opinion"), &[("do", act), ("back", back)]);
        }
    }
    browser.rate(6, "2");
    browser.rate(4, "4.5");
    let rows = |page: &Answer| {
        let rows = page.text().split("<li class=\"row\" id=\"book-").skip(1);
        rows.map(|row| row.split('"').next().unwrap().parse::<i32>().unwrap()).collect::<Vec<_>>()
    };
    for (part, expected) in [
        ("/my-books", &[4, 6, 3, 2, 1][..]),
        ("/my-books?part=rated", &[4, 6]),
        ("/my-books?order=stars", &[4, 6, 3, 2, 1]),
        ("/my-books?part=want-to-read", &[1]),
        ("/my-books?part=read", &[2]),
        ("/my-books?part=owned", &[2]),
        ("/my-books?part=not-for-me", &[3]),
        ("/my-books?part=reading", &[]),
    ] {
        assert_eq!(rows(&browser.get(part)), expected, "{part}");
    }
    assert_eq!(browser.get("/my-books?part=burnt").status, 404);
    assert_eq!(browser.get("/my-books?page=0").status, 404);

    for book in [2, 3, 4] {
        browser.post(&format!("/books/{book}/opinion"), &[("do", "remove"), ("back", "/my-books")]);
    }
    assert_eq!(rows(&browser.get("/my-books")), [6, 1]);
    // And without what was said in the last minutes.
    browser.cookies.0.retain(|(name, _)| name == "reader");
    let kept = eventually("it is stored", Duration::from_secs(20), || {
        let mut kept = rows(&browser.get("/my-books"));
        // Both may have been said in the same second.
        kept.sort_unstable();
        Some(kept).filter(|kept| kept.len() == 2)
    });
    assert_eq!(kept, [1, 6]);
}

#[test]
fn many_books_have_pages() {
    let mut browser = Browser::new(shop());
    for book in 1..=30 {
        browser.post(&format!("/books/{book}/opinion"), &[("do", "shelf-3")]);
    }
    let page = browser.get("/my-books?part=read");
    assert_eq!(page.text().matches("<li class=\"row\"").count(), 24);
    assert!(links(page.text(), "/my-books?").contains(&"/my-books?part=read&#38;page=2"), "{}", page.text());
    let page = browser.get("/my-books?part=read&page=2");
    assert_eq!(page.text().matches("<li class=\"row\"").count(), 6);
    // The last book of the last page was taken off: the page before is shown.
    assert_eq!(browser.get("/my-books?part=read&page=3").text().matches("<li class=\"row\"").count(), 6);
}

#[test]
fn a_reader_takes_everything_along_and_is_forgotten() {
    let mut browser = Browser::new(shop());
    assert_eq!(browser.get("/my-books/export.csv").status, 404);
    browser.rate(6, "4.5");
    browser.post("/books/2/opinion", &[("do", "shelf-1")]);
    browser.post("/books/2/opinion", &[("do", "own")]);
    let file = browser.get("/my-books/export.csv");
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"my-books.csv\"");
    let mut lines: Vec<_> = file.text().lines().collect();
    assert_eq!(lines.remove(0), "book,stars,shelf,dismissed,owned,interacted,changed_at,title,authors");
    lines.sort_unstable();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("2,,want_to_read,false,true,false,20"), "{lines:?}");
    assert!(lines[0].ends_with("Z,Murder on the Orient Express,Agatha Christie"), "{lines:?}");
    assert!(lines[1].starts_with("6,4.5,,false,false,false,20"), "{lines:?}");

    let stale = browser.cookies.header();
    let asked = browser.get("/my-books/erase");
    assert!(asked.text().contains("Erase all your books?"));
    assert!(browser.get("/my-books").text().contains("Dune"), "nothing happened by looking");
    let done = browser.post("/my-books/erase", &[]);
    assert_eq!((done.status, done.header("location")), (303, "/my-books/erased"));
    assert!(done.cookies.iter().all(|cookie| cookie.contains("Max-Age=0")), "{:?}", done.cookies);
    assert!(browser.cookies.0.is_empty());
    assert!(browser.get("/my-books/erased").text().contains("Everything is erased"));
    assert!(browser.get("/my-books").text().contains("Nothing is here yet"));
    // Another tab with the old number finds nothing.
    let reader = stale.split(';').next().unwrap().trim_end();
    let page = shop().send("GET", "/my-books", &format!("{reader}\r\n"));
    assert!(!page.text().contains("Dune"), "{}", page.text());
}

#[test]
fn what_could_not_be_saved_can_be_sent_again() {
    let (listener, nobody) = silent();
    drop(listener);
    let down = marketplace(nobody, &[]);
    let form = [("do", "rate"), ("stars", "3.5"), ("back", "/books/7?from=abc")];
    let answer = down.send("POST", "/books/7/opinion", &with_form("sec-fetch-site: same-origin\r\n", &form));
    assert_eq!(answer.status, 503);
    let text = answer.text();
    assert!(text.contains("We could not save that") && text.contains("Send it again"), "{text}");
    for field in [
        "name=\"stars\" value=\"3.5\"",
        "name=\"back\" value=\"/books/7?from=abc\"",
        "action=\"/books/7/opinion\"",
    ] {
        assert!(text.contains(field), "{field}: {text}");
    }
    assert!(answer.cookies.is_empty());
    for path in ["/for-you", "/welcome"] {
        assert_eq!(down.get(path).status, 503, "{path}");
    }
    assert_eq!(down.get("/my-books").status, 200, "somebody without a cookie has no books anywhere");
}
