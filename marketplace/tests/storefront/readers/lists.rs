//! What readers are shown.

use std::time::Duration;

use testing::eventually;

use super::{Browser, books};
use crate::fixture::{Answer, database, links, marketplace, recommendations, recommendations_with, shop};

#[test]
fn a_rating_changes_the_next_list() {
    let mut browser = Browser::new(shop());
    let before = books(&browser.get("/for-you"));
    assert_eq!(before.len(), 24);
    let liked = before[0];
    browser.rate(liked, "5");
    let page = browser.get("/for-you");
    let after = books(&page);
    assert!(!after.contains(&liked), "what is read is not recommended");
    assert_ne!(before, after);
    assert!(page.text().contains("class=\"lately\""));

    // "Not for me" takes a book off, and undoing it needs no memory.
    let unwanted = after[0];
    let path = format!("/books/{unwanted}/opinion");
    assert_eq!(browser.post(&path, &[("do", "dismiss"), ("back", "/for-you")]).status, 303);
    let page = browser.get("/for-you");
    assert!(!books(&page).contains(&unwanted));
    assert!(page.text().contains("We will not suggest") && page.text().contains("value=\"undismiss\""));
    assert_eq!(browser.post(&path, &[("do", "undismiss"), ("back", "/for-you")]).status, 303);
    assert!(!browser.get("/for-you").text().contains("We will not suggest"));
}

#[test]
fn what_was_just_said_goes_along() {
    // The number alone, on a replica that has not heard of the rating, would not be enough.
    let mut browser = Browser::new(shop());
    browser.rate(4, "5");
    let session = browser.cookies.0.iter().find(|(name, _)| name == "said").unwrap();
    assert!(session.1.contains(".4-10-0-0-"), "{session:?}");
    for book in 10..40 {
        browser.post(&format!("/books/{book}/opinion"), &[("do", "own")]);
    }
    let session = browser.cookies.0.iter().find(|(name, _)| name == "said").unwrap();
    assert_eq!(session.1.matches('_').count(), 19, "the last twenty: {session:?}");
    assert!(session.1.len() < 800, "{}", session.1.len());
    // The history has what went.
    assert!(browser.get("/books/4").text().contains("You gave it 5 stars."));
}

#[test]
fn the_home_page_has_a_shelf_of_ones_own() {
    let mut browser = Browser::new(shop());
    browser.rate(6, "5");
    let page = browser.get("/");
    let text = page.text();
    assert_eq!(text.matches("<li>").count(), 3);
    assert_eq!(text.matches("<title>Online Books For You</title>").count(), 1);
    assert!(text.contains("Mystery books you may like") && text.contains("<h2 id=\"you\">For you</h2>"));
    assert_eq!(books(&page).len(), 6);
    let list = links(text, "/books/").into_iter().filter(|link| link.contains("?from=")).count();
    assert_eq!(list, 6);
    assert_eq!(page.header("cache-control"), "private, no-cache");
    assert!(!shop().get("/").text().contains("id=\"you\""));
}

#[test]
fn five_books_make_a_list() {
    // Of its own: what others say of books would change which are popular.
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder);
    {
        let recommendations = recommendations(0, &database, true);
        let shop = marketplace(recommendations.address, &[]);
        eventually("simulated readers have been learned from", Duration::from_secs(60), || {
            shop.get("/books/1").text().contains("learned from simulated readers").then_some(())
        });
    }
    // Begun again: while simulated readers are being stored, only those that are there already count.
    let recommendations = recommendations(0, &database, true);
    let shop = marketplace(recommendations.address, &[]);
    let mut browser = Browser::new(&shop);
    let page = browser.get("/welcome");
    let known = |page: &Answer| {
        let forms = page.text().split("id=\"quick-").skip(1).filter_map(|rest| rest.split('"').next());
        forms.map(|id| id.parse::<i32>().unwrap()).collect::<Vec<_>>()
    };
    let first = known(&page);
    assert_eq!(first.len(), 12);
    assert!(page.text().contains("None of 5 yet"));
    let mut lists = vec![books(&page)];
    for (rated, book) in first.iter().take(5).enumerate() {
        let back = [("stars", "5"), ("back", "/welcome")];
        let answer = browser.post(&format!("/books/{book}/opinion"), &back);
        assert_eq!(answer.header("location"), format!("/welcome#book-{book}"));
        let page = browser.get("/welcome");
        assert_eq!(known(&page), first, "the books to choose from stay");
        let expected =
            if rated < 4 { format!("{} of 5", rated + 1) } else { "5 books: that is enough".to_owned() };
        assert!(page.text().contains(&expected), "{expected}");
        lists.push(books(&page));
        assert!(!books(&page).contains(book));
    }
    lists.dedup();
    assert!(lists.len() >= 4, "the list changes: {lists:?}");
    let others = known(&browser.get("/welcome?more=1"));
    assert!(others.len() == 12 && others.iter().all(|book| !first.contains(book)));
    assert_eq!(browser.get("/welcome?more=10").status, 404);
    assert_eq!(browser.get("/welcome?more=x").status, 404);
}

#[test]
fn a_page_about_a_book_shows_similar_ones_and_why() {
    let page = shop().get("/books/6");
    let text = page.text();
    let similar = text.split("id=\"similar\"").nth(1).unwrap();
    assert_eq!(similar.matches("<li class=\"book pick\">").count(), 6);
    assert_eq!(similar.matches("<p class=\"why\">").count(), 6);
    assert!(!links(similar, "/books/").contains(&"/books/6"));
    // A reader's links say which list they are of.
    assert!(links(similar, "/books/").iter().all(|link| !link.contains("?from=")));
    let mut browser = Browser::new(shop());
    browser.rate(9, "4");
    let page = browser.get("/books/6");
    let own = links(page.text().split("id=\"similar\"").nth(1).unwrap(), "/books/");
    let names: std::collections::BTreeSet<_> =
        own.iter().filter_map(|link| link.split_once("?from=")).map(|(_, name)| name).collect();
    assert_eq!(names.len(), 1, "{own:?}");
    // Where the reader comes from is not a page of its own.
    let led = shop().get("/books/6?from=0123456789abcdef");
    assert!(led.text().contains("<link rel=\"canonical\" href=\"/books/6\">"));
    assert!(led.text().contains("name=\"from\" value=\"0123456789abcdef\""));
    assert!(!shop().get("/books/6?from=%3Cscript%3E").text().contains("name=\"from\""));
}

#[test]
fn what_readers_see_and_click_is_counted() {
    let recommendations = recommendations(0, "sqlite::memory:", true);
    let shop = marketplace(recommendations.address, &[]);
    let count = |outcome: &str| {
        let line = format!("reader_events_total{{outcome=\"{outcome}\"");
        let metrics = shop.metrics();
        let value =
            metrics.lines().find(|known| known.starts_with(&line)).and_then(|line| line.rsplit(' ').next());
        value.map_or(0, |value| value.parse::<f64>().unwrap() as u64)
    };
    // Those of whom nothing is known are not watched.
    for path in ["/", "/books/1?from=0123456789abcdef"] {
        shop.get(path);
    }
    let mut browser = Browser::new(&shop);
    browser.rate(6, "5");
    let page = browser.get("/for-you");
    let link = links(page.text(), "/books/")[0].to_owned();
    assert!(link.contains("?from="), "{link}");
    assert!(browser.get(&link).text().contains("name=\"from\""));
    eventually(
        "the list, the click, and the list of similar books are recorded",
        Duration::from_secs(10),
        || (count("recorded") >= 3).then_some(()),
    );
    assert_eq!((count("recorded"), count("dropped")), (3, 0));
}

#[test]
fn a_replica_that_has_heard_of_nothing_yet_is_told() {
    let key = ["--cookie-key", "0123456789abcdef0123456789abcdef"];
    let (one, other) =
        (recommendations(0, "sqlite::memory:", true), recommendations(0, "sqlite::memory:", true));
    let (knowing, other) = (marketplace(one.address, &key), marketplace(other.address, &key));
    let mut browser = Browser::new(&knowing);
    let liked = books(&browser.get("/for-you"));
    for book in &liked[..5] {
        browser.rate(*book, "5");
    }
    browser.shop = &other;
    for _ in 0..5 {
        let list = books(&browser.get("/for-you"));
        assert!(list.iter().all(|book| !liked[..5].contains(book)), "{liked:?}: {list:?}");
    }
    assert!(browser.get(&format!("/books/{}", liked[0])).text().contains("You gave it 5 stars."));
    assert_eq!(browser.get("/my-books").text().matches("<li class=\"row\"").count(), 5);
}

#[test]
fn what_simulated_readers_have_a_part_in_says_so_once() {
    let pages = ["/", "/books/1", "/for-you", "/welcome"];
    let labels = |page: &Answer| page.text().matches("learned from simulated readers").count();
    let simulated = recommendations(0, "sqlite::memory:", true);
    let shop = marketplace(simulated.address, &[]);
    let mut reader = Browser::new(&shop);
    reader.rate(6, "5");
    for path in pages {
        // They are there, and have been learned from, soon after the start.
        eventually(path, Duration::from_secs(30), || (labels(&shop.get(path)) == 1).then_some(()));
        assert_eq!(labels(&reader.get(path)), 1, "{path}");
    }
    // By title, or by what was searched for: nobody's taste has a part in it.
    for path in ["/categories", "/categories/mystery", "/search?q=dune", "/my-books"] {
        assert_eq!(labels(&reader.get(path)), 0, "{path}");
    }
    let real =
        recommendations_with(0, &["--database-url", "sqlite::memory:", "--simulated-readers", "false"]);
    let shop = marketplace(real.address, &[]);
    for path in pages {
        assert_eq!(labels(&shop.get(path)), 0, "{path}");
    }
}
