//! What readers say, and what becomes of it.

use std::time::Duration;

use testing::eventually;

use crate::fixture::{
    Answer, Cookies, Running, links, marketplace, recommendations, recommendations_with, shop, silent,
    with_form,
};

/// A browser as far as cookies and forms go.
struct Browser<'a> {
    shop: &'a Running,
    cookies: Cookies,
}

impl<'a> Browser<'a> {
    fn new(shop: &'a Running) -> Self {
        Self { shop, cookies: Cookies::default() }
    }

    fn get(&mut self, path: &str) -> Answer {
        let headers = self.cookies.header();
        let answer = self.shop.send("GET", path, &headers);
        self.cookies.keep(&answer);
        answer
    }

    fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let headers = format!("{}sec-fetch-site: same-origin\r\n", self.cookies.header());
        let answer = self.shop.send("POST", path, &with_form(&headers, form));
        self.cookies.keep(&answer);
        answer
    }

    fn rate(&mut self, book: i32, stars: &str) -> Answer {
        let answer = self.post(&format!("/books/{book}/opinion"), &[("stars", stars), ("back", "/for-you")]);
        assert_eq!((answer.status, answer.header("location")), (303, &*format!("/for-you#book-{book}")));
        answer
    }
}

fn books(page: &Answer) -> Vec<i32> {
    let items = page.text().split("data-book=\"").skip(1).filter_map(|rest| rest.split('"').next());
    items.map(|id| id.parse().unwrap()).collect()
}

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
    let kept = eventually("it is stored", Duration::from_secs(5), || {
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
fn five_books_make_a_list() {
    let mut browser = Browser::new(shop());
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

const BOUNDARY: &str = "----shelfwise";

fn with_file(headers: &str, name: &str, file: &[u8]) -> String {
    let mut body = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"name\"\r\n\r\n0123abcd{}\r\n\
         --{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         content-type: text/csv\r\n\r\n",
        file.len()
    );
    body += std::str::from_utf8(file).unwrap();
    body += &format!("\r\n--{BOUNDARY}--\r\n");
    let kind = format!("content-type: multipart/form-data; boundary={BOUNDARY}\r\n");
    format!("{headers}{kind}content-length: {}\r\n\r\n{body}", body.len())
}

impl Browser<'_> {
    fn upload(&mut self, name: &str, file: &[u8]) -> Answer {
        let headers = format!("{}sec-fetch-site: same-origin\r\n", self.cookies.header());
        let answer = self.shop.send("POST", "/my-books/import", &with_file(&headers, name, file));
        self.cookies.keep(&answer);
        answer
    }
}

const GOODREADS: &str = "Book Id,Title,Author,ISBN,ISBN13,My Rating,Exclusive Shelf,Owned Copies\r\n\
    1,The Maltese Falcon,Dashiell Hammett,=\"\",=\"\",5,read,0\r\n\
    2,Murder on the Orient Express,Agatha Christie,=\"\",=\"\",0,to-read,0\r\n\
    3,\"A Book, Nobody Has\",N. N.,=\"\",=\"\",3,read,0\r\n\
    4,Dune,Frank Herbert,=\"\",=\"\",eleven,read,0\r\n";

#[test]
fn a_library_is_brought_along() {
    let mut browser = Browser::new(shop());
    let page = browser.upload("goodreads_library_export.csv", GOODREADS.as_bytes());
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    assert!(text.contains("<b>2</b> books are now among yours, from your Goodreads file"), "{text}");
    assert!(
        text.contains("1 we do not have on our shelves") && text.contains("1 line could not be read"),
        "{text}"
    );
    assert!(text.contains("A Book, Nobody Has"), "{text}");
    assert!(
        text.contains("download=\"not-on-our-shelves.csv\"")
            && text.contains("data:text/csv;charset=utf-8,line,title")
    );
    assert_eq!(browser.cookies.0.len(), 2, "who brings books is a reader");
    let mine = browser.get("/my-books");
    assert!(
        mine.text().contains("The Maltese Falcon") && mine.text().contains("You gave it 5 stars."),
        "{}",
        mine.text()
    );
    // Sending it again changes nothing.
    browser.upload("again.csv", GOODREADS.as_bytes());
    assert_eq!(browser.get("/my-books").text().matches("<li class=\"row\"").count(), 2);
}

#[test]
fn what_was_taken_along_can_be_brought_back() {
    let mut browser = Browser::new(shop());
    browser.rate(6, "4.5");
    browser.post("/books/2/opinion", &[("do", "shelf-1")]);
    browser.post("/books/2/opinion", &[("do", "own")]);
    browser.post("/books/3/opinion", &[("do", "dismiss")]);
    let file = browser.get("/my-books/export.csv").body;
    let mut other = Browser::new(shop());
    let page = other.upload("my-books.csv", &file);
    assert!(
        page.text().contains("<b>3</b> books are now among yours, from your Shelfwise file"),
        "{}",
        page.text()
    );
    let sorted = |bytes: &[u8]| {
        let mut lines: Vec<_> = std::str::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&other.get("/my-books/export.csv").body), sorted(&file));
}

#[test]
fn a_file_that_is_none_is_explained() {
    let mut browser = Browser::new(shop());
    for (name, file, words) in [
        ("", "", "Choose a file first"),
        ("empty.csv", "", "We cannot read this file"),
        ("other.csv", "a,b\r\n1,2\r\n", "We cannot read this file"),
    ] {
        let page = browser.upload(name, file.as_bytes());
        assert_eq!(page.status, 200, "{name}");
        assert!(page.text().contains(words), "{name}: {}", page.text());
        assert!(page.text().contains("type=\"file\""), "another one may be chosen: {name}");
    }
    let headers = "sec-fetch-site: same-origin\r\n";
    let none = shop().send("POST", "/my-books/import", &with_form(headers, &[("file", "x")]));
    assert!(none.text().contains("Choose a file first"), "{}", none.text());
    let foreign = shop().send("POST", "/my-books/import", &with_file("", "a.csv", b"a,b\r\n"));
    assert_eq!(foreign.status, 403);
    let long =
        format!("{headers}content-type: multipart/form-data; boundary=x\r\ncontent-length: 20100000\r\n");
    assert_eq!(shop().send("POST", "/my-books/import", &long).status, 413);
    assert_eq!(shop().get("/my-books/import/0123").status, 404);
}

#[test]
fn a_long_library_is_not_held_in_memory_nor_cut_off() {
    let mut file = String::from("Book Id,Title,Author,My Rating,Exclusive Shelf\r\n");
    for line in 0..20_000 {
        file += &format!("{line},Nobody wrote this {line},Somebody,3,read\r\n");
    }
    file += "20001,The Maltese Falcon,Dashiell Hammett,4,read\r\n";
    let mut browser = Browser::new(shop());
    let page = browser.upload("long.csv", file.as_bytes());
    assert!(page.text().contains("<b>1</b> book is now among yours"), "{}", page.text());
    assert!(page.text().contains("20,000 we do not have"), "{}", &page.text()[..3000]);
}

#[test]
fn an_import_without_recommendations_says_so() {
    let (listener, nobody) = silent();
    drop(listener);
    let down = marketplace(nobody, &[]);
    let headers = "sec-fetch-site: same-origin\r\n";
    let page = down.send("POST", "/my-books/import", &with_file(headers, "a.csv", GOODREADS.as_bytes()));
    assert!(page.text().contains("does not answer"), "{}", page.text());
    assert!(page.text().contains("type=\"file\""));
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
