use std::{collections::HashSet, time::Duration};

use serde_json::Value;
use testing::eventually;

use crate::fixture::{links, marketplace, recommendations, shop, shop_with};

#[test]
fn the_home_page_holds_what_the_tutorials_test_counts() {
    for _ in 0..20 {
        let page = shop().get("/");
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let text = page.text();
        assert_eq!(text.matches("<title>Online Books For You</title>").count(), 1);
        assert_eq!(text.matches("<title").count(), 1);
        assert_eq!(text.matches("Mystery books you may like").count(), 1);
        assert_eq!(text.matches("<li>").count(), 3);
    }
}

#[test]
fn every_visit_asks_anew() {
    let listed = |page: &str| {
        let items = page.split("<li>").skip(1).map(|item| links(item, "/books/")[0].to_owned());
        items.collect::<Vec<_>>()
    };
    // Once something is popular, a fifth of the places is for chance.
    let seen: HashSet<_> = (0..40).flat_map(|_| listed(shop().get("/").text())).collect();
    assert!(seen.len() > 5, "{seen:?}");
}

#[test]
fn home_shows_shelves_and_counts() {
    let page = shop().get("/");
    let text = page.text();
    assert_eq!(text.matches("class=\"shelf\"").count(), 4);
    assert_eq!(text.matches("<li class=\"book\">").count(), 24);
    assert_eq!(text.matches("<li class=\"kind\">").count(), 18);
    assert!(text.contains("758 books in 18 categories"), "{text}");
}

#[test]
fn every_page_has_one_heading_and_the_same_frame() {
    for path in
        ["/", "/categories", "/categories/mystery", "/books/1", "/search?q=dune", "/search", "/nowhere"]
    {
        let page = shop().get(path);
        let text = page.text();
        assert_eq!(text.matches("<h1").count(), 1, "{path}");
        for part in [
            "<html lang=\"en\">",
            "<main",
            "role=\"search\"",
            "class=\"skip\"",
            "<footer>",
            "name=\"description\"",
        ] {
            assert_eq!(text.matches(part).count(), 1, "{path}: {part}");
        }
        assert!(
            !text.contains("style=\"") && !text.contains("<style") && !text.contains(" onclick"),
            "{path}"
        );
    }
}

#[test]
fn a_category_is_listed_whole_and_in_order() {
    let first = shop().get("/categories/classics");
    let text = first.text();
    assert!(text.contains("Books 1 to 24 of 310, by title"), "{text}");
    assert!(text.contains("href=\"#content\" aria-current=\"page\""));
    let mut seen = Vec::new();
    for page in 1..=13 {
        let answer = shop().get(&format!("/categories/classics?page={page}"));
        assert_eq!(answer.status, 200, "{page}");
        seen.extend(links(answer.text(), "/books/").into_iter().map(str::to_owned));
    }
    assert_eq!(seen.len(), 310);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 310);
    for page in ["14", "41", "0", "-1", "x", "99999999999999999999"] {
        assert_eq!(shop().get(&format!("/categories/classics?page={page}")).status, 404, "{page}");
    }
}

#[test]
fn a_book_is_described_for_people_and_machines() {
    let page = shop().get("/books/1");
    let text = page.text();
    assert!(text.contains("<h1><bdi>The Maltese Falcon</bdi></h1>"));
    assert!(text.contains("<title>The Maltese Falcon by Dashiell Hammett – Shelfwise</title>"), "{text}");
    assert!(text.contains("<meta property=\"og:type\" content=\"book\">"));
    assert!(text.contains("<link rel=\"canonical\" href=\"/books/1\">"));
    let data = linked_data(text);
    assert_eq!(data["@type"], "Book");
    assert_eq!(data["name"], "The Maltese Falcon");
    assert_eq!(data["author"][0]["name"], "Dashiell Hammett");
    assert_eq!(data["datePublished"], "1930");
    assert_eq!(data["genre"][0], "Mystery");
    assert_eq!((&data["inLanguage"], &data["translationOfWork"]), (&"en".into(), &Value::Null));
    // The book itself is not among those suggested below it.
    assert_eq!(
        links(text, "/books/").iter().filter(|link| **link == "/books/1").count(),
        1,
        "the canonical link"
    );
    assert_eq!(text.matches("<li class=\"book pick\">").count(), 6);
}

#[test]
fn foreign_titles_say_their_language() {
    let page = shop().get("/search?q=Les+Mis%C3%A9rables");
    assert!(page.text().contains("<bdi lang=\"fr\">Les Misérables</bdi></span>"), "{}", page.text());
    let book = links(page.text(), "/books/")[0].to_owned();
    assert!(shop().get(&book).text().contains("<h1><bdi lang=\"fr\">Les Misérables</bdi></h1>"));
}

#[test]
fn search_finds_pages_and_explains() {
    let dune = shop().get("/search?q=dune+chronicles");
    assert_eq!(links(dune.text(), "/books/")[0], "/books/6");
    assert!(dune.text().contains("value=\"dune chronicles\""));
    assert!(dune.text().contains("<meta name=\"robots\" content=\"noindex\">"));
    let isbn = shop().get("/search?q=978-0-679-72264-9");
    assert_eq!(links(isbn.text(), "/books/")[0], "/books/1");

    let nothing = shop().get("/search?q=xyzzyqwert");
    assert_eq!(nothing.status, 200);
    assert!(nothing.text().contains("Nothing found for “xyzzyqwert”"));
    assert!(nothing.text().contains("Check the spelling"));
    assert!(links(nothing.text(), "/categories/").len() >= 18);

    let empty = shop().get("/search");
    assert!(empty.text().contains("Type a title, an author"));
    assert_eq!(shop().get("/search?q=+++").status, 200);
    assert_eq!(shop().get(&format!("/search?q={}", "a".repeat(200))).status, 200);
    assert_eq!(shop().get(&format!("/search?q={}", "a".repeat(201))).status, 400);

    let many = shop().get("/search?q=the");
    assert!(many.text().contains("aria-label=\"Pages\""), "{}", many.text());
    let second = shop().get("/search?q=the&page=2");
    assert_ne!(links(many.text(), "/books/"), links(second.text(), "/books/"));
    assert!(links(many.text(), "/search?").contains(&"/search?q=the&#38;page=2"), "{}", many.text());
}

#[test]
fn what_does_not_exist_is_a_404_in_the_design() {
    for path in [
        "/nowhere",
        "/categories/nope",
        "/books/999999",
        "/books/0",
        "/books/-1",
        "/books/01",
        "/books/x",
        "/covers/1.png",
        "/covers/0.svg",
    ] {
        let page = shop().get(path);
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text().contains("We do not have this page"), "{path}");
        assert!(page.text().contains(&format!("Request {}", page.header("x-request-id"))), "{path}");
        assert_eq!(page.header("cache-control"), "no-store");
    }
}

#[test]
fn other_methods_are_refused() {
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let page = shop().send(method, "/", "content-length: 0\r\n");
        assert_eq!(page.status, 405, "{method}");
        assert_eq!(page.header("allow"), "GET,HEAD");
        assert!(page.text().contains("That cannot be done here"));
    }
}

#[test]
fn a_head_request_gets_the_head_alone() {
    for path in ["/", "/books/1", "/categories", "/nowhere", "/robots.txt", "/covers/1.svg"] {
        let (head, get) = (shop().send("HEAD", path, ""), shop().get(path));
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_eq!(head.body, b"", "{path}");
    }
}

#[test]
fn what_a_catalogue_holds_is_text() {
    let evil = r#"</script><script>alert(1)</script><li>'\"><img src=x>&amp;"#;
    let book = serde_json::json!({"id": 1, "title": evil, "title_language": "en", "authors": [evil, "</title>"], "year": 1999,
        "language": "en", "categories": ["Mystery", "Cooking & <b>Baking</b>"], "subjects": [evil, "tea"],
        "series": evil, "series_number": 1.5});
    let quiet = serde_json::json!({"id": 2, "title": "Tea", "categories": ["Mystery"], "subjects": []});
    let (_recommendations, marketplace, _folder) = shop_with(&format!("{book}\n{quiet}\n"), &[]);
    let home = marketplace.get("/");
    assert_eq!(home.text().matches("<li>").count(), 2);
    let listed = eventually("the shelves are there", Duration::from_secs(10), || {
        let page = marketplace.get("/categories");
        (page.status == 200).then_some(page)
    });
    let evil_category = links(listed.text(), "/categories/cook")[0].to_owned();
    let search = format!("/search?q={}", "%3Cscript%3E%22%27%3Cli%3E");
    for path in [
        "/",
        "/categories",
        &evil_category,
        "/categories/mystery",
        "/books/1",
        "/books/2",
        "/search?q=tea",
        &search,
    ] {
        let page = marketplace.get(path);
        assert_eq!(page.status, 200, "{path}");
        let text = page.text();
        assert!(
            !text.contains("<script>") && !text.contains("<img") && !text.contains("<b>"),
            "{path}: {text}"
        );
        let scripts = 1 + usize::from(path.starts_with("/books/"));
        assert_eq!(text.matches("<script").count(), scripts, "{path}");
        assert_eq!(text.matches("<title").count(), 1, "{path}");
    }
    assert_eq!(linked_data(marketplace.get("/books/1").text())["name"], evil);
}

#[test]
fn a_small_shop_has_honest_empty_states() {
    let book = r#"{"id": 1, "title": "Akira", "title_language": "en", "authors": ["Katsuhiro Otomo"], "categories": ["Manga"]}"#;
    let (_recommendations, marketplace, _folder) = shop_with(&format!("{book}\n"), &[]);
    let home = marketplace.get("/");
    assert_eq!(home.status, 200);
    assert!(home.text().contains("There are no mystery books on our shelves yet"), "{}", home.text());
    let shelf = eventually("the shelf is known", Duration::from_secs(10), || {
        let page = marketplace.get("/categories/mystery");
        (page.status != 503).then_some(page)
    });
    assert_eq!(shelf.status, 200);
    assert!(shelf.text().contains("There is nothing on this shelf yet"));
    assert!(marketplace.get("/categories/manga").text().contains("1 book"));
    assert!(links(marketplace.get("/").text(), "/categories/").contains(&"/categories/manga"));
}

#[test]
fn a_public_address_makes_links_absolute() {
    let recommendations = recommendations(0, "sqlite::memory:", true);
    let marketplace = marketplace(recommendations.address, &["--public-url", "https://books.example/"]);
    let page = marketplace.get("/books/1");
    let text = page.text();
    assert!(text.contains("<link rel=\"canonical\" href=\"https://books.example/books/1\">"), "{text}");
    assert!(text.contains("<meta property=\"og:url\" content=\"https://books.example/books/1\">"));
    assert_eq!(linked_data(text)["url"], "https://books.example/books/1");
    assert_eq!(linked_data(text)["image"], "https://books.example/covers/1.svg");
    assert_eq!(page.header("strict-transport-security"), "max-age=63072000; includeSubDomains");
}

#[test]
fn previews_have_a_picture_that_every_service_can_show() {
    let recommendations = recommendations(0, "sqlite::memory:", true);
    let marketplace = marketplace(recommendations.address, &["--public-url", "https://books.example"]);
    for page in ["/", "/categories", "/categories/mystery", "/books/1"] {
        let page = marketplace.get(page);
        let meta = |name: &str| {
            let from =
                page.text().split_once(&format!("<meta property=\"og:image{name}\" content=\"")).unwrap().1;
            from.split_once('"').unwrap().0.to_owned()
        };
        assert_eq!([meta(":type"), meta(":width"), meta(":height")], ["image/png", "1200", "630"]);
        let path = meta("").strip_prefix("https://books.example").unwrap().to_owned();
        let picture = marketplace.get(&path);
        assert_eq!((picture.status, picture.header("content-type")), (200, "image/png"));
        assert!(picture.header("cache-control").contains("immutable") && !picture.header("etag").is_empty());
        // Width and height as the file itself says them.
        assert_eq!(picture.body[16..24], [1200_u32.to_be_bytes(), 630_u32.to_be_bytes()].concat());
        assert!(picture.body.len() < 60_000, "{}", picture.body.len());
    }
    let local = crate::fixture::marketplace(recommendations.address, &[]);
    assert!(!local.get("/").text().contains("og:image"), "there is no absolute address");
}

#[test]
fn an_address_with_a_slash_at_its_end_leads_to_the_one_without() {
    for (path, to) in [
        ("/categories/", "/categories"),
        ("/categories/classics/?page=2", "/categories/classics?page=2"),
        ("/books/1/", "/books/1"),
        ("/search/?q=a%2Fb", "/search?q=a%2Fb"),
    ] {
        let page = shop().get(path);
        assert_eq!((page.status, page.header("location")), (308, to), "{path}");
    }
    for path in ["//books/1/", "//evil.example/", "/evil.example//", "//categories//evil.example/"] {
        assert_eq!(shop().get(path).status, 404, "{path}");
    }
}

#[test]
fn machines_are_told_the_language_of_the_edition_and_of_the_original() {
    let books = [
        r#"{"id": 1, "title": "The Stranger", "title_language": "en", "language": "fr", "categories": ["Classics"]}"#,
        r#"{"id": 2, "title": "Dom Casmurro", "title_language": "pt-BR", "language": "pt", "categories": ["Classics"]}"#,
        r#"{"id": 3, "title": "Solaris", "language": "pl", "categories": ["Classics"]}"#,
    ];
    let (_recommendations, marketplace, _folder) = shop_with(&format!("{}\n", books.join("\n")), &[]);
    let told = |id| {
        let data = linked_data(marketplace.get(&format!("/books/{id}")).text());
        (data["inLanguage"].clone(), data["translationOfWork"]["inLanguage"].clone())
    };
    assert_eq!(told(1), ("en".into(), "fr".into()));
    assert_eq!(told(2), ("pt-BR".into(), Value::Null));
    assert_eq!(told(3), (Value::Null, Value::Null));
}

#[test]
fn a_shop_of_many_categories_names_the_largest_and_shows_full_shelves() {
    let mut books = String::new();
    for id in 1..=60 {
        // Six books in each of the first two, one in each of the others.
        let kind = if id <= 12 { id % 2 } else { id };
        let book = serde_json::json!({"id": id, "title": format!("Book {id}"), "categories": [format!("Kind {kind}")]});
        books += &format!("{book}\n");
    }
    let (_recommendations, marketplace, _folder) = shop_with(&books, &[]);
    let home = eventually("the shelves are there", Duration::from_secs(10), || {
        Some(marketplace.get("/")).filter(|page| page.text().contains("class=\"kinds\""))
    });
    let text = home.text();
    assert_eq!(text.matches("<li class=\"kind\">").count(), 24);
    assert!(text.contains("See all 50<span"), "{text}");
    assert_eq!(text.matches("class=\"shelf\"").count(), 2);
    assert_eq!(text.matches("<li class=\"book\">").count(), 12);
    assert_eq!(marketplace.get("/categories").text().matches("<li class=\"kind\">").count(), 50);
}

fn linked_data(page: &str) -> Value {
    let json = page
        .split("<script type=\"application/ld+json\">")
        .nth(1)
        .unwrap()
        .split("</script>")
        .next()
        .unwrap();
    serde_json::from_str(json).unwrap()
}
