//! Functions as part of the suite: called over HTTP, asking the shop, ordering what is recommended.

use std::{fs, path::Path, time::Duration};

use testing::{eventually, http};

use crate::process::Suite;

/// Puts a module of those that lie built in the repository into the suite's folder, with this manifest.
fn put(suite: &Suite, name: &str, module: &str, manifest: &str) {
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
fn the_storefront_has_functions_work_on_pictures() {
    let suite = Suite::start();
    put(&suite, "greet", "hello", "accepts = [\"image/*\"]\n");
    eventually("the studio offers it", Duration::from_secs(30), || {
        let page = http::get(suite.pages, "/studio").unwrap();
        page.body.contains("value=\"greet\"").then_some(())
    });
    let headers = "sec-fetch-site: same-origin\r\ncontent-type: multipart/form-data; boundary=x\r\n";
    let form = "--x\r\ncontent-disposition: form-data; name=\"function\"\r\n\r\ngreet\r\n\
        --x\r\ncontent-disposition: form-data; name=\"picture\"; filename=\"p.gif\"\r\n\r\nGIF89a\r\n--x--\r\n";
    let sent = http::ask(suite.pages, "POST", "/studio", headers, form.as_bytes()).unwrap();
    assert_eq!(sent.status, 303, "{}", sent.body);
    let page = http::get(suite.pages, sent.header("location").unwrap()).unwrap();
    assert!(page.status == 200 && page.body.contains("Hello, world!"), "{}", page.body);
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
