//! Chromium looks at the pages; `tests/browser/check.mjs` says what it must find.

use std::{env, fs, path::Path, process::Command, time::Duration};

use crate::{
    fixture::{functions, marketplace, shop, shop_with, silent},
    operators::{TOKEN, desk},
};

/// Where `npm ci` has put `playwright-core` and `axe-core`, if not beside the script.
const MODULES: &str = "SHELFWISE_BROWSER_MODULES";

#[test]
fn chromium_finds_nothing_to_complain_about() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let modules = env::var(MODULES).unwrap_or_else(|_| folder.join("node_modules").display().to_string());
    let module = |name: &str| format!("{modules}/{name}");
    if !testing::have(&["node", "chromium", &module("playwright-core"), &module("axe-core")]) {
        return;
    }
    let (_listener, nobody) = silent();
    let down = marketplace(nobody, &["--call-deadline", "50ms"]);
    let book =
        r#"{"id": 1, "title": "Преступление и наказание", "title_language": "ru", "categories": ["Manga"]}"#;
    let long = "Donaudampfschiff".repeat(12);
    let words = "a name that nobody would give to a shelf ".repeat(4);
    let unbroken = serde_json::json!({"id": 2, "title": long, "authors": [long], "series": long, "subjects": [long],
        "categories": ["Manga", words.trim(), long]});
    let arabic = serde_json::json!({"id": 3, "title": "ألف ليلة وليلة", "title_language": "ar", "language": "ar",
        "authors": ["\u{202e}Overridden", "Plain"], "categories": ["Manga"]});
    let (recommendations, small, _folder) = shop_with(&format!("{book}\n{unbroken}\n{arabic}\n"), &[]);
    let (_desk, desk) = desk();
    // Without its guests there still is the rest to look at.
    let guests = [
        ("grayscale", "grayscale", "description = \"Takes the colours out\"\naccepts = [\"image/*\"]\n"),
        ("greet", "hello", "accepts = [\"image/*\"]\n"),
        ("hello", "hello", "description = \"Greets\"\ninput = { name = \"world\" }\n"),
    ];
    let guests = functions(&guests);
    let studio = guests.as_ref().map(|(server, modules)| {
        fs::write(modules.path().join("functions/broken.wasm"), "no module").unwrap();
        testing::eventually("what is broken is refused", Duration::from_secs(10), || {
            server.get("/functions").text().contains("\"reason\"").then_some(())
        });
        let url = format!("http://{}", server.address);
        (marketplace(recommendations.address, &["--functions-url", &url, "--studio-pictures", "0"]), url)
    });
    let mut node = Command::new("node");
    if let Some((studio, functions)) = &studio {
        node.env("STUDIO", format!("http://{}", studio.address)).env("FUNCTIONS", functions);
    }
    let output = node
        .arg(folder.join("check.mjs"))
        .env(MODULES, &modules)
        .env("CHROMIUM", testing::find("chromium").unwrap())
        .env("SHOP", format!("http://{}", shop().address))
        .env("DOWN", format!("http://{}", down.address))
        .env("SMALL", format!("http://{}", small.address))
        .env("DESK", format!("http://{}", desk.address))
        .env("TOKEN", TOKEN)
        .output()
        .unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
}
