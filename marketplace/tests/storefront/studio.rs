//! The Cover studio, in front of real functions.

use std::{collections::HashSet, io::Write as _, thread, time::Instant};

use flate2::{Compression, Crc, write::ZlibEncoder};

use crate::fixture::{Answer, Running, functions, functions_with, links, marketplace, shop, silent};

/// A storefront with nothing behind it but functions.
fn studio(functions: &Running, more: &[&str]) -> Running {
    let (_listener, nobody) = silent();
    let url = format!("http://{}", functions.address);
    let mut arguments = vec!["--functions-url", &url, "--call-deadline", "2s"];
    arguments.extend(more);
    if !more.contains(&"--studio-pictures") {
        arguments.extend(["--studio-pictures", "0"]);
    }
    marketplace(nobody, &arguments)
}

/// One part of a form: its name, whether it is a file, and what is in it.
type Part<'a> = (&'a str, bool, &'a [u8]);

fn send(shop: &Running, headers: &str, parts: &[Part<'_>]) -> Answer {
    let mut body = Vec::new();
    for (name, is_file, value) in parts {
        let file = if *is_file { "; filename=\"cover.png\"\r\ncontent-type: image/png" } else { "" };
        write!(body, "--xyz\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n").unwrap();
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--xyz--\r\n");
    let headers = format!("{headers}content-type: multipart/form-data; boundary=xyz\r\n");
    shop.post("/studio", &headers, &body)
}

fn try_it(shop: &Running, function: &str, picture: &[u8]) -> Answer {
    let parts = [("function", false, function.as_bytes()), ("picture", true, picture)];
    send(shop, "sec-fetch-site: same-origin\r\n", &parts)
}

/// The page that a form led to.
fn result(shop: &Running, sent: &Answer) -> (String, Answer) {
    assert_eq!(sent.status, 303, "{}", String::from_utf8_lossy(&sent.body));
    let place = sent.header("location").to_owned();
    let page = shop.get(&place);
    assert_eq!(page.status, 200, "{place}");
    (place, page)
}

/// An RGB image of so many pixels a side, no two neighbours of which are alike.
fn png(side: u32) -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..side {
        rows.push(0);
        rows.extend((0..side).flat_map(|x| [(x * 7) as u8, (y * 5) as u8, (x * y) as u8]));
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&rows).unwrap();
    let size = side.to_be_bytes();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut sum = Crc::new();
        sum.update(kind);
        sum.update(data);
        file.extend(
            (data.len() as u32).to_be_bytes().iter().chain(kind).chain(data).chain(&sum.sum().to_be_bytes()),
        );
    };
    chunk(b"IHDR", &[&size[..], &size, &[8, 2, 0, 0, 0]].concat());
    chunk(b"IDAT", &packed.finish().unwrap());
    chunk(b"IEND", b"");
    file
}

/// What the guest `words` makes into `text`: it turns each word around, unless there is punctuation in it.
fn turned(text: &str) -> Vec<u8> {
    let word = |word: &str| {
        if word.contains(['.', ',', '\'', '!', '?', '"']) {
            word.to_owned()
        } else {
            word.chars().rev().collect()
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ").into_bytes()
}

const PICTURES: &str = "accepts = [\"image/*\"]\n";

#[test]
fn a_picture_comes_back_without_colours() {
    let Some((server, _folder)) = functions(&[("grayscale", "grayscale", PICTURES)]) else { return };
    let shop = studio(&server, &[]);
    let form = shop.get("/studio");
    assert_eq!(form.status, 200);
    assert!(form.text().contains("value=\"grayscale\" data-title=\"Grayscale\" checked"), "{}", form.text());
    assert_eq!(form.header("cache-control"), "private, no-store");

    let picture = png(40);
    let (place, page) = result(&shop, &try_it(&shop, "grayscale", &picture));
    let name = place.strip_prefix("/studio/").unwrap();
    assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{place}");
    let text = page.text();
    for part in [
        "/before\" alt=\"Your picture",
        "/after\" alt=\"What Grayscale made of it\"",
        "download=\"grayscale.png\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let before = shop.get(&format!("{place}/before"));
    assert_eq!((before.status, &before.body), (200, &picture));
    let after = shop.get(&format!("{place}/after"));
    assert!(after.body.starts_with(b"\x89PNG\r\n\x1a\n"));
    // Width, height, 8 bits, shades of grey.
    assert_eq!(after.body[16..26], [0, 0, 0, 40, 0, 0, 0, 40, 8, 0]);
    for file in [before, after] {
        assert_eq!(file.header("content-type"), "image/png");
        assert_eq!(file.header("content-security-policy"), "default-src 'none'; sandbox");
        assert_eq!(file.header("x-content-type-options"), "nosniff");
        assert_eq!(file.header("cross-origin-resource-policy"), "same-origin");
        assert!(file.header("content-disposition").starts_with("inline; filename="));
    }
    // Pages go on to be ours.
    assert!(page.header("content-security-policy").contains("img-src 'self'; "));

    // A second look, at the same picture, and each under an address of its own.
    let parts = [("same", false, name.as_bytes()), ("picture", true, b""), ("function", false, b"grayscale")];
    let (other, _) = result(&shop, &send(&shop, "sec-fetch-site: same-origin\r\n", &parts));
    assert_ne!(other, place);
    assert_eq!(shop.get(&format!("{other}/before")).body, picture);

    for unknown in ["/studio/0", &format!("{place}0"), "/studio/00000000000000000000000000000000"] {
        let page = shop.get(unknown);
        assert_eq!(page.status, 404, "{unknown}");
        assert!(
            page.text().contains("This picture is gone") && page.text().contains("type=\"file\""),
            "{unknown}"
        );
        assert_eq!(shop.get(&format!("{unknown}/before")).status, 404);
        assert_eq!(shop.get(&format!("{unknown}/after")).status, 404);
    }
}

#[test]
fn what_a_guest_says_never_becomes_part_of_a_page() {
    let html = format!("{PICTURES}content-type = \"text/html; charset=utf-8\"\n");
    let guests = [
        ("html", "words", html.as_str()),
        (
            "text",
            "words",
            "accepts = [\"image/*\"]\ncontent-type = \"text/plain\"\ndescription = \"<b>bold</b>\"\n",
        ),
        ("svg", "words", "accepts = [\"image/*\"]\ncontent-type = \"image/svg+xml\"\n"),
        ("page", "words", "accepts = [\"text/html\"]\n"),
    ];
    let Some((server, _folder)) = functions(&guests) else { return };
    let shop = studio(&server, &[]);
    let form = shop.get("/studio");
    assert!(form.text().contains("&#60;b&#62;bold&#60;/b&#62;"), "{}", form.text());
    assert!(!form.text().contains("value=\"page\""), "{}", form.text());

    // A file that begins like a GIF image, and is a page once the guest has turned its words around.
    let evil = "a98FIG It is a <a href=//evil>cosy shelf</a> in the <script>alert(1)</script><img src=x onerror=alert(2)> picture";
    let polyglot = turned(evil);
    assert!(polyglot.starts_with(b"GIF89a"));
    let (place, page) = result(&shop, &try_it(&shop, "html", &polyglot));
    let text = page.text();
    assert!(text.contains("a98FIG It is a cosy shelf in the picture"), "{text}");
    assert!(!text.contains("alert(") && !text.contains("evil") && !text.contains("onerror"), "{text}");
    assert_eq!(links(text, "/search"), ["/search?q=cosy+shelf"]);
    assert_eq!(shop.get(&format!("{place}/after")).status, 404, "text has no file");

    let (_, page) = result(&shop, &try_it(&shop, "text", &polyglot));
    assert!(page.text().contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{}", page.text());
    assert!(!page.text().contains("<script>alert"), "{}", page.text());
    assert!(links(page.text(), "/search").is_empty());

    let odd = try_it(&shop, "svg", &turned("a98FIG <svg onload=alert(1)>"));
    assert_eq!(odd.status, 502);
    assert!(
        odd.text().contains("neither a picture nor text") && !odd.text().contains("onload"),
        "{}",
        odd.text()
    );
}

/// A bitmap of 8 × 8 red pixels.
fn red() -> Vec<u8> {
    let head = [54 + 192, 0, 54, 40, 8, 8, 24 << 16 | 1, 0, 192, 2835, 2835, 0, 0_u32];
    let mut file = b"BM".to_vec();
    file.extend(head.iter().flat_map(|number| number.to_le_bytes()));
    file.extend([0, 0, 255].repeat(64));
    file
}

#[test]
fn what_a_picture_shows_leads_to_books_about_it() {
    let manifest = format!("{PICTURES}content-type = \"text/html; charset=utf-8\"\n[grants]\nnn = true\n");
    let classify = [("classify", "classify", manifest.as_str())];
    let model = |file: &str| format!("{}/../functions/models/{file}", env!("CARGO_MANIFEST_DIR"));
    let (file, labels) = (model("colours.onnx"), model("colours.txt"));
    let settings = ["--model", &file, "--model-labels", &labels, "--model-input", "8x8"];
    let Some((server, _folder)) = functions_with(&classify, &settings) else { return };
    let shop = studio(&server, &[]);
    let (_, page) = result(&shop, &try_it(&shop, "classify", &red()));
    let text = page.text();
    assert!(text.contains("It is very likely a red &#38; &#34;pink&#34; in the picture"), "{text}");
    assert_eq!(links(text, "/search"), ["/search?q=red+%26+%22pink%22"]);

    let Some((server, _folder)) = functions(&classify) else { return };
    let page = try_it(&studio(&server, &[]), "classify", &red());
    assert_eq!(page.status, 503);
    assert!(page.text().contains("This is not set up here yet."), "{}", page.text());
    assert!(!page.text().contains("FUNCTIONS_MODEL"), "readers cannot set it: {}", page.text());
}

#[test]
fn trouble_is_told_kindly_and_the_form_stays() {
    let guests = [
        ("strict", "misbehave", PICTURES),
        ("picky", "misbehave-component", PICTURES),
        ("tiny", "words", "accepts = [\"image/*\"]\n[limits]\nbody = 10\n"),
        ("png-only", "words", "accepts = [\"image/png\"]\n"),
        ("short", "words", "accepts = [\"image/*\"]\n[limits]\nstdout = 1\n"),
    ];
    let Some((server, _folder)) = functions(&guests) else { return };
    let shop = studio(&server, &[]);
    let gif = b"GIF89a a picture";
    let long = vec![b'x'; 8_000_001];
    for (function, picture, status, words) in [
        ("strict", &b""[..], 400, "Choose a picture first."),
        ("strict", b"no picture at all", 415, "This file is no picture that we know."),
        (
            "strict",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            415,
            "This file is no picture that we know.",
        ),
        ("strict", &long, 413, "The picture is larger than 8 MB."),
        ("nothing", gif, 400, "What you chose is not here any more."),
        ("../functions", gif, 400, "What you chose is not here any more."),
        ("strict", gif, 422, "Nothing could be made of this picture."),
        ("picky", gif, 422, "The payload must say what to do: expected value at line 1 column 1."),
        ("tiny", gif, 413, "The picture is larger than this takes."),
        ("png-only", gif, 422, "This function takes image/png."),
        ("short", gif, 502, "It went wrong while your picture was worked on."),
    ] {
        let page = try_it(&shop, function, picture);
        let text = page.text();
        assert_eq!(page.status, status, "{function}: {text}");
        assert!(text.contains(words), "{function}: {words}: {text}");
        assert!(text.contains("role=\"alert\"") && text.contains("type=\"file\""), "{function}");
        if server.get(&format!("/functions/{function}")).status == 200 {
            assert!(text.contains(&format!("value=\"{function}\" data-title")), "{function}: {text}");
            let chosen = text.split(" checked").next().unwrap().rsplit("value=\"").next().unwrap();
            assert!(chosen.starts_with(&format!("{function}\"")), "what was chosen stays chosen: {chosen}");
        }
        assert_eq!(page.header("cache-control"), "private, no-store", "{function}");
    }
    let none = shop.post("/studio", "sec-fetch-site: same-origin\r\n", b"function=strict");
    assert_eq!(none.status, 400);
    assert!(none.text().contains("Choose a picture first."));
}

#[test]
fn only_our_own_form_sends_pictures() {
    let Some((server, _folder)) = functions(&[("text", "words", PICTURES)]) else { return };
    let shop = studio(&server, &[]);
    let parts = [("function", false, &b"text"[..]), ("picture", true, b"GIF89a one")];
    for foreign in ["", "sec-fetch-site: cross-site\r\n", "origin: https://evil.example\r\n"] {
        assert_eq!(send(&shop, foreign, &parts).status, 403, "{foreign}");
    }
    assert_eq!(send(&shop, "origin: http://shop\r\n", &parts).status, 303);
    assert_eq!(calls(&server), 1);
}

/// How many calls functions has counted.
fn calls(functions: &Running) -> u64 {
    let metrics = functions.metrics();
    let lines = metrics.lines().filter(|line| line.starts_with("function_calls_total{"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn an_address_has_its_share_of_the_studio() {
    let Some((server, _folder)) = functions(&[("text", "words", PICTURES)]) else { return };
    let shop = studio(&server, &["--trusted-proxies", "127.0.0.0/8", "--studio-pictures", "3"]);
    let parts = [("function", false, &b"text"[..]), ("picture", true, b"GIF89a one")];
    let from = |address: &str| {
        let headers = format!("sec-fetch-site: same-origin\r\nx-forwarded-for: {address}\r\n");
        send(&shop, &headers, &parts)
    };
    let places: HashSet<_> = (0..3).map(|_| result(&shop, &from("192.0.2.1")).0).collect();
    assert_eq!(places.len(), 3);
    let refused = from("192.0.2.1");
    assert_eq!((refused.status, refused.header("retry-after")), (429, "2"));
    assert!(refused.text().contains("Very many pictures come from your network"), "{}", refused.text());
    assert_eq!(from("192.0.2.2").status, 303);
    assert_eq!(calls(&server), 4);
}

#[test]
fn without_functions_the_studio_says_so_at_once() {
    let (listener, nobody) = silent();
    drop(listener);
    let url = format!("http://{nobody}");
    let (_recommendations, silence) = silent();
    for (name, shop) in [
        ("down", marketplace(silence, &["--functions-url", &url])),
        // It accepts, and never says a word.
        (
            "late",
            marketplace(
                nobody,
                &["--functions-url", &format!("http://{silence}"), "--call-deadline", "300ms"],
            ),
        ),
    ] {
        let start = Instant::now();
        let page = shop.get("/studio");
        // After five seconds anything is given up.
        assert!(start.elapsed().as_millis() < 4_800, "{name}: {:?}", start.elapsed());
        assert_eq!((page.status, page.header("retry-after")), (503, "2"), "{name}");
        assert!(
            page.text().contains("The part of the shop that works on pictures does not answer"),
            "{name}"
        );
        assert!(
            page.text().contains("<h1>Cover studio</h1>") && !page.text().contains("type=\"file\""),
            "{name}"
        );
        let sent = try_it(&shop, "grayscale", b"GIF89a");
        assert_eq!(sent.status, 503, "{name}");
        assert!(sent.text().contains("does not answer. Wait a moment, then send it again."), "{name}");
    }
}

#[test]
fn a_studio_without_functions_for_pictures_is_empty() {
    let Some((server, _folder)) = functions(&[("words", "words", "")]) else { return };
    let page = studio(&server, &[]).get("/studio");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("There is nothing here yet that takes pictures."), "{}", page.text());
}

#[test]
fn functions_that_come_back_are_found() {
    let Some((server, folder)) = functions(&[("text", "words", PICTURES)]) else { return };
    let shop = studio(&server, &[]);
    assert_eq!(try_it(&shop, "text", b"GIF89a one").status, 303);
    let address = server.address;
    drop(server);
    assert_eq!(try_it(&shop, "text", b"GIF89a one").status, 503);
    let _server = crate::fixture::functions_again(address, folder.path());
    testing::eventually("the studio is back", std::time::Duration::from_secs(10), || {
        (try_it(&shop, "text", b"GIF89a one").status == 303).then_some(())
    });
}

#[test]
fn a_studio_that_is_asked_by_many_goes_on() {
    let Some((server, _folder)) = functions(&[("text", "words", PICTURES)]) else { return };
    let shop = studio(&server, &["--trusted-proxies", "127.0.0.0/8"]);
    let parts = [("function", false, &b"text"[..]), ("picture", true, b"GIF89a one")];
    thread::scope(|scope| {
        for number in 0..8 {
            let (shop, parts) = (&shop, &parts);
            scope.spawn(move || {
                let headers = format!("sec-fetch-site: same-origin\r\nx-forwarded-for: 192.0.2.{number}\r\n");
                for _ in 0..10 {
                    let status = send(shop, &headers, parts).status;
                    assert_eq!(status, 303);
                }
            });
        }
    });
    assert_eq!(calls(&server), 80);
}

#[test]
fn every_page_leads_to_the_studio() {
    for path in ["/", "/search", "/nowhere"] {
        assert_eq!(links(shop().get(path).text(), "/studio"), ["/studio"], "{path}");
    }
}

#[test]
fn functions_over_tls_need_an_authority() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use clap::Parser as _;
        let config =
            marketplace::Config::parse_from(["marketplace", "--functions-url", "https://functions.example"]);
        let bind = || tokio::net::TcpListener::bind("127.0.0.1:0");
        let (listener, admin) = (bind().await.unwrap(), bind().await.unwrap());
        let failure = marketplace::start(config, listener, admin, std::future::pending()).err().unwrap();
        assert!(failure.to_string().contains("FUNCTIONS_URL: https needs MARKETPLACE_TLS_CA"), "{failure}");
    });
}
