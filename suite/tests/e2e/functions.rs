//! Functions as part of the suite: called over HTTP, asking the shop, ordering what is recommended.

use std::{fs, path::Path, time::Duration};

use testing::{eventually, http};

use crate::process::Suite;

/// Puts a module of those that lie built in the repository into the suite's folder, with this manifest.
pub(crate) fn put(suite: &Suite, name: &str, module: &str, manifest: &str) {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/guests/built").join(module);
    let folder = suite.data.path().join("functions");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name).with_extension("toml"), manifest).unwrap();
    fs::copy(built.with_extension("wasm"), folder.join(name).with_extension("wasm")).unwrap();
}

fn get(suite: &Suite, path: &str) -> http::Answer {
    http::get(suite.functions, path).unwrap()
}

/// Asks until the answer is none that says that there is no such function.
fn found(suite: &Suite, path: &str) -> http::Answer {
    eventually("the function is found", Duration::from_secs(30), || {
        Some(get(suite, path)).filter(|answer| answer.status != 404)
    })
}

#[test]
fn a_function_that_is_put_into_the_folder_answers() {
    let suite = Suite::start();
    assert_eq!(get(&suite, "/greet?name=Ada").status, 404);
    put(&suite, "greet", "hello", "");
    let answer = found(&suite, "/greet?name=Ada");
    assert_eq!((answer.status, answer.body.trim()), (200, r#"{"greeting":"Hello, Ada!"}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(
        suite.printed().contains(&format!("functions        {}", suite.functions)),
        "{}",
        suite.printed()
    );
}

#[test]
fn the_studio_of_a_new_suite_takes_the_colours_out_of_a_picture() {
    let suite = Suite::start_with(&[("FUNCTIONS_SAMPLES", "true")]);
    eventually("the studio offers it", Duration::from_secs(60), || {
        let page = http::get(suite.pages, "/studio").unwrap();
        page.body.contains("value=\"grayscale\"").then_some(())
    });
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../marketplace/static/preview.png");
    let part = |name: &str| format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"");
    let function = format!("{}\r\n\r\ngrayscale\r\n", part("function"));
    let file = format!("{}; filename=\"preview.png\"\r\n\r\n", part("picture"));
    let form = [function.as_bytes(), file.as_bytes(), &fs::read(picture).unwrap(), b"\r\n--x--\r\n"].concat();
    let headers = "sec-fetch-site: same-origin\r\ncontent-type: multipart/form-data; boundary=x\r\n";
    let sent = http::ask(suite.pages, "POST", "/studio", headers, &form).unwrap();
    assert_eq!(sent.status, 303, "{}", sent.body);
    let place = sent.header("location").unwrap();
    assert!(http::get(suite.pages, place).unwrap().body.contains("What Grayscale made of it"));
    let after = http::get(suite.pages, &format!("{place}/after")).unwrap();
    assert_eq!((after.status, after.header("content-type")), (200, Some("image/png")));
}

#[test]
fn a_function_asks_the_shop_it_is_part_of() {
    let suite = Suite::start();
    // `taste` asks for a reader's history, and for each of its books.
    put(&suite, "taste", "taste", "[grants]\nbooks = true\nreaders = true\nstate = true\n");
    let answer = found(&suite, "/taste?reader=1&history=0");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let first: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&first["asked"], &first["entries"]), (&1.into(), &0.into()), "{first}");
    let again: serde_json::Value = serde_json::from_str(&get(&suite, "/taste?reader=1").body).unwrap();
    assert_eq!(again["asked"], 2, "what a function keeps outlives its call: {again}");
}
