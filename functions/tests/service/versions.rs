//! Versions: kept, rolled back to, found by hand, pruned, and the same after a restart.

use std::fs;

use serde_json::{Value, json};

use crate::{
    server::{Server, json, within},
    wasm::says,
};

/// The numbers of the versions that are kept, the newest first.
fn numbers(server: &Server) -> Vec<u32> {
    let shown = server.shown("hello");
    let number =
        |version: &Value| version["version"].as_str().unwrap().split('-').next().unwrap().parse().unwrap();
    shown["versions"].as_array().unwrap().iter().map(number).collect()
}

fn answering(server: &Server) -> String {
    server.shown("hello")["version"].as_str().unwrap().split('-').next().unwrap().to_owned()
}

#[test]
fn the_version_before_answers_again_and_again() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let roll_back = |query: &str| server.ask("POST", &format!("/functions/hello/rollback{query}"), "", b"");
    assert_eq!(roll_back("").status, 404);
    for text in ["one", "two", "three"] {
        server.deploy("hello", &says(text));
    }
    assert_eq!(roll_back("").status, 200);
    assert_eq!((server.get("/hello").body.as_str(), answering(&server).as_str()), ("two", "2"));
    // What was deployed after that has the second before it, and not the third.
    server.deploy("hello", &says("four"));
    assert_eq!((answering(&server).as_str(), numbers(&server)), ("4", vec![4, 3, 2, 1]));
    roll_back("");
    assert_eq!(server.get("/hello").body, "two");
    roll_back("");
    assert_eq!(server.get("/hello").body, "one");
    let none = roll_back("");
    assert_eq!(none.status, 409, "{}", none.body);
    assert_eq!(server.get("/hello").body, "one");

    assert_eq!(roll_back("?version=3").status, 200);
    assert_eq!(server.get("/hello").body, "three");
    for (query, status) in [("?version=9", 409), ("?version=x", 400), ("?version=", 400), ("?other=1", 400)] {
        assert_eq!(roll_back(query).status, status, "{query}");
    }
    assert_eq!(server.get("/hello").body, "three");
    assert_eq!(numbers(&server), [4, 3, 2, 1]);
}

#[test]
fn labels_are_the_same_after_a_restart_and_old_versions_go() {
    let data = tempfile::tempdir().unwrap();
    let settings = ["--kept-versions", "3"];
    let label = {
        let server = Server::start(data.path(), &settings);
        for text in ["one", "two", "three", "four", "five"] {
            assert!(server.deploy("hello", &says(text)).status < 300);
        }
        assert_eq!(numbers(&server), [5, 4, 3]);
        server.shown("hello")["version"].clone()
    };
    let server = Server::start(data.path(), &settings);
    assert_eq!((server.get("/hello").body.as_str(), &server.shown("hello")["version"]), ("five", &label));
    // The one that answers stays, however old.
    server.ask("POST", "/functions/hello/rollback?version=3", "", b"");
    server.deploy("hello", &says("six"));
    assert_eq!((server.get("/hello").body.as_str(), numbers(&server)), ("six", vec![6, 5, 3]));
    let files = fs::read_dir(data.path().join("functions/versions/hello")).unwrap().count();
    assert_eq!(files, 6);
}

#[test]
fn what_is_put_there_by_hand_is_a_version_too() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("functions");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("hello.wasm"), says("one")).unwrap();
    fs::write(folder.join("hello.toml"), "description = \"by hand\"").unwrap();
    let server = Server::start(data.path(), &[]);
    let kept = |expected: &[u32]| {
        within("it is kept", || (numbers(&server) == expected).then_some(()));
    };
    kept(&[1]);
    fs::write(folder.join("hello.wasm"), says("two")).unwrap();
    server.comes_to_say("hello", "two");
    kept(&[2, 1]);
    server.ask("POST", "/functions/hello/rollback", "", b"");
    assert_eq!((server.get("/hello").body.as_str(), answering(&server).as_str()), ("one", "1"));
    assert_eq!(fs::read(folder.join("hello.wasm")).unwrap(), says("one"));
    // Removed by hand, it can be fetched back.
    fs::remove_file(folder.join("hello.wasm")).unwrap();
    fs::remove_file(folder.join("hello.toml")).unwrap();
    within("it is gone", || (server.get("/hello").status == 404).then_some(()));
    assert_eq!(server.ask("POST", "/functions/hello/rollback", "", b"").status, 200);
    assert_eq!(server.get("/hello").body, "two");
    assert_eq!(server.shown("hello")["description"], json!("by hand"));
}

#[test]
fn a_damaged_version_is_none() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    server.deploy("hello", &says("one"));
    server.deploy("hello", &says("two"));
    let folder = data.path().join("functions/versions/hello");
    let file = |ending: &str| {
        let all = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        all.into_iter().find(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("1-") && name.ends_with(ending)
        })
    };
    fs::write(file(".wasm").unwrap(), says("something else")).unwrap();
    let answer = server.ask("POST", "/functions/hello/rollback", "", b"");
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(json(&answer)["title"].as_str().unwrap().contains("damaged"));
    fs::write(file(".json").unwrap(), "{}").unwrap();
    assert_eq!(server.ask("POST", "/functions/hello/rollback?version=1", "", b"").status, 409);
    assert_eq!(server.get("/hello").body, "two");
    assert_eq!(server.get("/functions/hello").status, 200);
}
