//! Books that are brought along.

use std::time::Duration;

use super::Browser;
use crate::fixture::{Answer, marketplace, recommendations, recommendations_with, shop, silent, with_form};

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
    assert!(text.contains("download=\"to-mend.csv\""), "{text}");
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

/// The file of what was not stored that a page offers, and its name.
fn to_mend(page: &str) -> (String, String) {
    let (before, rest) = page.split_once("\" download=\"").expect("there is something to mend");
    let address = before.rsplit('"').next().unwrap();
    let (_, encoded) = address.strip_prefix("data:").unwrap().split_once(',').unwrap();
    let bytes: Vec<u8> = percent_decoded(encoded);
    (String::from_utf8(bytes).unwrap(), rest.split('"').next().unwrap().to_owned())
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    bytes
}

/// A file with faults, how they are mended in the file that comes back, and what a reader then has, as it is taken along.
struct Faulty<'a> {
    name: &'a str,
    file: &'a str,
    stored: &'a str,
    left: &'a [&'a str],
    mended: &'a [(&'a str, &'a str)],
    whole: &'a [&'a str],
}

#[test]
fn what_is_left_to_mend_is_mended_and_sent_again() {
    let recommendations = recommendations(0, "sqlite::memory:", true);
    let shop = marketplace(recommendations.address, &[]);
    for faulty in [
        Faulty {
            name: "mine.csv",
            file: "book,stars,shelf,note\n1,4.5,read,\"good, I \"\"think\"\"\"\n2,6,read,\n3,2\n999999,4,read,old\n",
            stored: "<b>1</b> book is now",
            left: &[
                "book,stars,shelf,note,reason",
                "2,6,read,,\"line 3: stars is \"\"6\"\", not 0.5 to 5 in halves\"",
                "3,2,\"line 4: has 2 columns, the header has 4\"",
                "999999,4,read,old,line 5: the catalogue has no book 999999",
            ],
            mended: &[("2,6,", "2,5,"), ("3,2,", "3,2,,,"), ("999999,4", "4,4")],
            whole: &["1,4.5,read", "2,5,read", "3,2,", "4,4,read"],
        },
        Faulty {
            name: "goodreads_library_export.csv",
            file: "Book Id,Title,Author,ISBN,ISBN13,My Rating,Exclusive Shelf,My Review\r\n\
                1,The Maltese Falcon,Dashiell Hammett,=\"\",\"=\"\"9780679722649\"\"\",5,read,\"Short,\r\nand \"\"sharp\"\"\"\r\n\
                2,Orient Express,Agatha Christie,=\"\",=\"\",4,read,\"two\r\nlines\"\r\n\
                5,Ender's Game,Orson Scott Card,=\"\",=\"\",eleven,to-read,\r\n",
            stored: "<b>1</b> book is now",
            left: &[
                "Book Id,Title,Author,ISBN,ISBN13,My Rating,Exclusive Shelf,My Review,reason",
                "2,Orient Express,Agatha Christie,\"=\"\"\"\"\",\"=\"\"\"\"\",4,read,\"two\r",
                "lines\",line 4: the catalogue has no such book: Orient Express by Agatha Christie",
                "5,Ender's Game,Orson Scott Card,\"=\"\"\"\"\",\"=\"\"\"\"\",eleven,to-read,,\"line 6: My Rating is \"\"eleven\"\", not 0 to 5\"",
            ],
            mended: &[("Orient Express,", "Murder on the Orient Express,"), ("eleven,", "0,")],
            whole: &["1,5,read", "2,4,read", "5,,want_to_read"],
        },
        Faulty {
            name: "storygraph.csv",
            file: "Title,Authors,ISBN/UID,Read Status,Star Rating,Owned?\n\
                The Maltese Falcon,Dashiell Hammett,9780679722649,read,3.75,Yes\n\
                Orient Express,Agatha Christie,,did-not-finish,0.25,No\n\
                Ender's Game,Orson Scott Card,,lent,,No\n",
            stored: "<b>1</b> book is now",
            left: &[
                "Title,Authors,ISBN/UID,Read Status,Star Rating,Owned?,reason",
                "Orient Express,Agatha Christie,,did-not-finish,0.25,No,line 3: the catalogue has no such book: Orient Express by Agatha Christie",
            ],
            mended: &[
                ("Orient Express,Ag", "Murder on the Orient Express,Ag"),
                (",lent,", ",currently-reading,"),
            ],
            whole: &["1,4,read", "2,0.5,did_not_finish", "5,,reading"],
        },
    ] {
        let Faulty { name, file, stored, left, mended, whole } = faulty;
        let mut browser = Browser::new(&shop);
        let page = browser.upload(name, file.as_bytes());
        assert!(page.text().contains(stored), "{name}: {}", page.text());
        let (again, called) = to_mend(page.text());
        assert_eq!(called, "to-mend.csv");
        for (line, expected) in again.split('\n').zip(left) {
            assert_eq!(&line, expected, "{name}");
        }
        // As it is, all of it is wrong still, and comes back as it was.
        let page = browser.upload(&called, again.as_bytes());
        assert!(page.text().contains("<b>0</b> books"), "{name}: {}", page.text());
        assert_eq!(to_mend(page.text()).0.lines().count(), again.lines().count(), "{name}");
        let mut good = again;
        for (wrong, right) in mended {
            assert!(good.contains(wrong), "{wrong} in {good}");
            // What stands in the reason is no fault of the reader's.
            good = good.replacen(wrong, right, 1);
        }
        let page = browser.upload(&called, good.as_bytes());
        assert!(
            !page.text().contains("download=") && !page.text().contains("could not"),
            "{name}: {}",
            page.text()
        );
        let export = browser.get("/my-books/export.csv");
        let lines: Vec<&str> = export.text().lines().skip(1).collect();
        assert_eq!(lines.len(), whole.len(), "{name}: {lines:?}");
        for entry in whole {
            assert!(
                lines.iter().any(|line| line.starts_with(&format!("{entry},"))),
                "{name}: {entry}: {lines:?}"
            );
        }
    }
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
fn what_was_met_without_stars_stays_when_what_was_said_after_it_is_taken_back() {
    let mut browser = Browser::new(shop());
    browser.upload("my-books.csv", b"book,interacted\n8,true\n9,true\n");
    for act in ["own", "disown", "shelf-3", "shelf-0"] {
        browser.post("/books/9/opinion", &[("do", act), ("back", "/my-books")]);
    }
    let said = browser.cookies.0.iter().find(|(name, _)| name == "said").unwrap();
    assert!(said.1.contains(".9-0-0-4-"), "it goes along: {said:?}");
    let rows = |page: &Answer| page.text().matches("<li class=\"row\"").count();
    assert_eq!(rows(&browser.get("/my-books")), 2, "both are still there");
    // Until that is taken back, too.
    browser.post("/books/9/opinion", &[("do", "remove"), ("back", "/my-books")]);
    assert_eq!(rows(&browser.get("/my-books")), 1);
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
fn a_library_that_comes_slowly_outlives_the_connection_that_takes_it() {
    // The server asks each connection to go, soon, and another one takes what is asked from then on.
    let recommendations =
        recommendations_with(0, &["--database-url", "sqlite::memory:", "--connection-age", "300ms"]);
    let shop = marketplace(recommendations.address, &[]);
    // So long that nearly all of what comes is the file.
    let mut library = GOODREADS.to_owned();
    for line in 0..400 {
        library += &format!("{line},Nobody wrote this {line},Somebody,=\"\",=\"\",3,read,0\r\n");
    }
    let file = with_file("sec-fetch-site: same-origin\r\n", "slow.csv", library.as_bytes());
    let page = shop.post_slowly("/my-books/import", &file, Duration::from_secs(8));
    assert!(page.text().contains("<b>2</b> books are now among yours"), "{}", page.text());
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
