use std::io::Read as _;

use crate::fixture::{links, shop};

#[test]
fn static_files_are_kept_for_ever_under_their_hash() {
    let home = shop().get("/");
    let style = links(home.text(), "/static/")[0];
    let script = home.text().split("src=\"").nth(1).unwrap().split('"').next().unwrap();
    for (path, content_type) in
        [(style, "text/css; charset=utf-8"), (script, "text/javascript; charset=utf-8")]
    {
        let file = shop().get(path);
        assert_eq!(file.status, 200, "{path}");
        assert_eq!(file.header("content-type"), content_type);
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
        unchanged(path);
    }
    // Of another build.
    assert_eq!(shop().get("/static/style.0000000000000000.css").status, 404);
    assert_eq!(shop().get("/static/..%2Fstyle.css").status, 404);
}

#[test]
fn icons_and_covers_can_be_asked_for_again() {
    for (path, content_type) in [
        ("/favicon.ico", "image/x-icon"),
        ("/favicon.svg", "image/svg+xml"),
        ("/covers/1.svg", "image/svg+xml"),
    ] {
        let file = shop().get(path);
        assert_eq!((file.status, file.header("content-type")), (200, content_type), "{path}");
        assert_eq!(file.header("cache-control"), "public, max-age=86400");
        unchanged(path);
    }
    let cover = shop().get("/covers/1.svg");
    assert!(cover.text().contains("<title>The Maltese Falcon, Dashiell Hammett</title>"), "{}", cover.text());
    assert!(cover.text().starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
}

#[test]
fn robots_may_read_all_but_search_and_what_is_one_readers() {
    let robots = shop().get("/robots.txt");
    assert_eq!(robots.header("content-type"), "text/plain; charset=utf-8");
    assert!(robots.text().starts_with("User-agent: *\nDisallow: /search\nDisallow: /for-you\n"));
    assert!(robots.text().ends_with("Disallow: /*?from=\n"));
}

#[test]
fn pages_and_files_are_compressed_for_those_who_ask() {
    let home = shop().get("/");
    for path in ["/", links(home.text(), "/static/")[0], "/covers/1.svg", "/nowhere"] {
        let (plain, small) = (shop().get(path), shop().send("GET", path, "accept-encoding: gzip\r\n"));
        assert_eq!(small.header("content-encoding"), "gzip", "{path}");
        assert_eq!(plain.header("content-encoding"), "", "{path}");
        assert_eq!(small.header("vary"), "accept-encoding", "{path}");
        assert!(
            small.body.len() < plain.body.len() * 6 / 10,
            "{path}: {} of {}",
            small.body.len(),
            plain.body.len()
        );
        assert!(small.body.starts_with(&[0x1f, 0x8b]), "{path}");
    }
}

#[test]
fn the_compressed_home_page_is_the_same_page() {
    for _ in 0..20 {
        let answer = shop().send("GET", "/", "accept-encoding: br, gzip\r\n");
        let mut page = String::new();
        flate2::read::GzDecoder::new(answer.body.as_slice()).read_to_string(&mut page).unwrap();
        assert_eq!(page.matches("<li>").count(), 3);
        assert_eq!(page.matches("<title>Online Books For You</title>").count(), 1);
        assert!(page.trim_end().ends_with("</html>"));
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    }
    assert_eq!(shop().send("GET", "/", "accept-encoding: gzip;q=0\r\n").header("content-encoding"), "");
}

/// The tag is answered with 304, alone or in a list, weak or not; another one is not.
fn unchanged(path: &str) {
    let etag = shop().get(path).header("etag").to_owned();
    assert!(etag.starts_with("W/\""), "{path}: {etag}");
    for tags in
        [etag.clone(), format!("\"x\", {etag}"), etag.trim_start_matches("W/").to_owned(), "*".to_owned()]
    {
        let again = shop().send("GET", path, &format!("if-none-match: {tags}\r\n"));
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}: {tags}");
        assert_eq!(again.header("etag"), etag);
    }
    assert_eq!(shop().send("GET", path, "if-none-match: \"x\"\r\n").status, 200, "{path}");
}
