//! What a manifest grants is told by name. Values, and where folders of this machine lie, are told to nobody.

use std::{fs, path::Path};

use testing::http;

use crate::{
    server::{Server, form, within},
    wasm::says,
};

/// What stands in every value below, and in the path of the data folder.
const MARK: &str = "hunter2";

/// Everything that anybody may ask for.
fn all_of(server: &Server) -> String {
    let page = http::ask(server.address, "GET", "/functions", "accept: text/html\r\n", b"").unwrap().body;
    let others = ["/functions", "/functions/kept"].map(|path| server.get(path).body);
    [page].into_iter().chain(others).collect::<Vec<_>>().join("\n")
}

fn marked() -> tempfile::TempDir {
    tempfile::Builder::new().prefix(MARK).tempdir().unwrap()
}

#[test]
fn what_is_granted_is_shown_without_its_value() {
    let (data, granted) = (marked(), marked());
    let folders = granted.path().parent().unwrap().display().to_string();
    let server = Server::start(data.path(), &["--folders", &folders]);
    let manifest = format!(
        "arguments = [\"--key={MARK}\"]\n[grants]\nhosts = [\"{MARK}.example\"]\n\
         environment = {{ SECRET = \"{MARK}\" }}\n\
         folders = [{{ host = {:?}, guest = \"/books\" }}]\n[tasks]\nwebhook = \"https://x.example/{MARK}\"\n",
        granted.path()
    );
    let (kind, body) = form(Some(&says("old")), Some(&manifest));
    let deployed = server.ask("PUT", "/functions/kept", &kind, &body);
    assert_eq!(deployed.status, 201, "{}", deployed.body);
    let all = all_of(&server) + &deployed.body;
    for shown in ["SECRET", "/books", "\"hosts\":true", "other hosts"] {
        assert!(all.contains(shown), "{shown}: {all}");
    }
    assert!(!all.contains(MARK), "{all}");
}

#[test]
fn nor_is_it_in_what_a_manifest_is_refused_with() {
    let data = marked();
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.deploy("kept", &says("old")).status, 201);
    let place = data.path().join("functions");
    let own = format!("[grants]\nfolders = [{{ host = {place:?}, guest = \"/x\" }}]");
    for (manifest, reason) in [
        ("[grants.environment]\nSECRET = [\"hunter2\"]", "kept.toml:2: grants.environment.SECRET: "),
        ("[grants]\nenvironment = \"hunter2\"", "kept.toml:2: grants.environment: "),
        ("[grants]\nSECRET = \"hunter2\"", "kept.toml:2: grants.SECRET: "),
        ("grants = \"hunter2\"", "kept.toml:1: grants: "),
        ("SECRET = \"hunter2\"", "kept.toml:1: SECRET: "),
        ("[limits]\nSECRET = \"hunter2\"", "kept.toml:2: limits.SECRET: "),
        ("arguments = [\"hunter2\", 1]", "kept.toml:1: arguments: "),
        ("[grants]\nhosts = [\"https://hunter2\"]", "kept.toml:2: grants.hosts: "),
        ("[grants]\nfolders = [{ host = \"hunter2\" }]", "kept.toml:2: grants.folders[1].host: "),
        ("[grants]\nfolders = [{ host = \"/hunter2\", guest = \"/x\" }]", "kept.toml: grants.folders: /x "),
        (&own, "kept.toml: grants.folders: /x "),
        ("[tasks]\nwebhook = \"ftp://x.example/hunter2\"", "kept.toml:2: tasks.webhook: "),
    ] {
        assert!(manifest.contains(MARK));
        refuse(&server, &place, manifest, reason);
    }
}

/// Over HTTP and where modules lie.
fn refuse(server: &Server, place: &Path, manifest: &str, reason: &str) {
    let sent = server.ask("PUT", "/functions/kept", "application/toml", manifest.as_bytes());
    assert_eq!(sent.status, 422, "{manifest}: {}", sent.body);
    fs::write(place.join("kept.toml"), manifest).unwrap();
    server.comes_to_refuse("kept", reason);
    let all = all_of(server) + &sent.body;
    assert!(!all.contains(MARK), "{manifest}: {all}");
}

#[test]
fn the_log_names_the_host_of_a_webhook_and_nothing_else_of_its_address() {
    let data = tempfile::tempdir().unwrap();
    let secret = [("FUNCTIONS_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
    let server = Server::start_with(data.path(), &["--hosts", "127.0.0.1"], &secret);
    assert_eq!(server.deploy("kept", &says("old")).status, 201);
    let nobody = testing::free_port();
    let headers =
        format!("prefer: respond-async\r\ntask-webhook: http://127.0.0.1:{nobody}/{MARK}?token={MARK}\r\n");
    let made = http::ask(server.address, "GET", "/kept", &headers, b"").unwrap();
    assert_eq!(made.status, 202, "{}", made.body);
    let log = within("it was not told", || Some(server.log()).filter(|log| log.contains("not told")));
    assert!(log.contains(&format!("127.0.0.1:{nobody}")) && !log.contains(MARK), "{log}");
}
