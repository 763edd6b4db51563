//! Chromium uses the page under `/static/`; `tests/browser/page.mjs` says what it must do.

use std::{env, fs, path::Path, process::Command};

use crate::{
    server::{Server, form},
    wasm::says,
};

/// Where `npm ci` has put `playwright-core` and `axe-core`, if not beside the storefront's script.
const MODULES: &str = "SHELFWISE_BROWSER_MODULES";

/// One pixel, in bytes that are all letters of ASCII.
const GIF: &str = "GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

#[test]
fn the_page_shows_what_a_function_makes_of_a_picture() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../marketplace/tests/browser/node_modules");
    let modules = env::var(MODULES).unwrap_or_else(|_| beside.display().to_string());
    let module = |name: &str| format!("{modules}/{name}");
    if !testing::have(&["node", "chromium", &module("playwright-core"), &module("axe-core")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("functions.toml");
    let route = |api: &str, function: &str| {
        format!(
            "[[routes]]\npath = '/api/hello'\nmethod = 'POST'\nheader = {{ api = '{api}' }}\nfunction = '{function}'\n"
        )
    };
    fs::write(&path, route("rs", "grayscale") + &route("go", "classify")).unwrap();
    let server = Server::start(folder.path(), &["--config", path.to_str().unwrap()]);
    let sentence = "It <img src=x onerror=\"document.title='evil'\"><script>document.title='evil'</script>likely a \
        <a href='https://search.example/?q=cat' onclick='1'>cat &amp; dog</a> in the picture";
    server.deploy("grayscale", &says(GIF));
    server.deploy("classify", &says(sentence));
    // One with a function that says what it takes, and without routes.
    let other = tempfile::tempdir().unwrap();
    let listed = Server::start(other.path(), &[]);
    let manifest = "description = \"<b>Browner</b>\"\naccepts = [\"image/*\"]\n";
    let (kind, sepia) = form(Some(&says(GIF)), Some(manifest));
    assert_eq!(listed.ask("PUT", "/functions/to-sepia", &kind, &sepia).status, 201);
    listed.deploy("hello", &says("hello"));
    let output = Command::new("node")
        .arg(tests.join("page.mjs"))
        .env(MODULES, &modules)
        .env("CHROMIUM", testing::find("chromium").unwrap())
        .env("PAGE", format!("http://{}/static/", server.address))
        .env("LISTED", format!("http://{}/static/", listed.address))
        .output()
        .unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
}
