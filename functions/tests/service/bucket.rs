//! Modules in a bucket of a real server of the protocol, which goes away for a while.

use std::{fs, net::SocketAddr};

use testing::S3;

use crate::{
    server::{Server, json, within},
    wasm::says,
};

#[test]
fn a_bucket_holds_modules_and_what_is_loaded_answers_while_it_is_away() {
    if !testing::have(&[S3::TOOL]) {
        return;
    }
    let (buckets, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = SocketAddr::from(([127, 0, 0, 1], testing::free_port()));
    let folder = buckets.path().join("shelf/suite/functions");
    let gateway = S3::start(buckets.path(), place);
    let endpoint = format!("http://{place}");
    let variables: Vec<_> = S3::KEYS
        .into_iter()
        .chain([("AWS_ENDPOINT_URL", endpoint.as_str()), ("OBJECTS_URL", "s3://shelf/suite")])
        .collect();
    let server = Server::start_with(data.path(), &[], &variables);

    let answer = server.deploy("hello", &says("one"));
    assert_eq!((answer.status, server.get("/hello").body.as_str()), (201, "one"), "{}", answer.body);
    assert_eq!(fs::read(folder.join("hello.wasm")).unwrap(), says("one"));
    server.deploy("hello", &says("two"));
    assert_eq!(server.ask("POST", "/functions/hello/rollback", "", b"").status, 200);
    assert_eq!(server.get("/hello").body, "one");
    // By whoever else may write there.
    fs::write(folder.join("by-hand.wasm"), says("by hand")).unwrap();
    server.comes_to_say("by-hand", "by hand");
    // A second process finds the same.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Server::start_with(elsewhere.path(), &[], &variables);
    assert_eq!((other.get("/hello").body.as_str(), other.get("/by-hand").body.as_str()), ("one", "by hand"));
    assert_eq!(other.shown("hello")["version"], server.shown("hello")["version"]);
    let deployed = other.deploy("hello", &says("three"));
    server.comes_to_say("hello", "three");
    assert_eq!(server.shown("hello")["version"], json(&deployed)["version"]);

    drop(gateway);
    within("it is noticed", || (json(&server.get("/functions"))["store"] == "away").then_some(()));
    for _ in 0..20 {
        assert_eq!(
            (server.get("/hello").body.as_str(), server.get("/by-hand").body.as_str()),
            ("three", "by hand")
        );
    }
    let refused = server.deploy("hello", &says("four"));
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(!refused.body.contains("127.0.0.1"), "{}", refused.body);
    assert_eq!(server.get("/hello").body, "three");
    assert_eq!(server.get("/functions/hello").status, 200);
    // One that starts now waits for it, and is not ready before.
    let late = tempfile::tempdir().unwrap();
    let late = (Server::spawn(late.path(), &[], &variables), late);
    fs::write(folder.join("by-hand.wasm"), says("changed meanwhile")).unwrap();
    let gateway = S3::start(buckets.path(), place);
    server.comes_to_say("by-hand", "changed meanwhile");
    server.comes_to_say("hello", "three");
    assert_eq!(json(&server.get("/functions"))["store"], "answers");
    late.0.ready();
    assert_eq!(
        (late.0.get("/hello").body.as_str(), late.0.get("/by-hand").body.as_str()),
        ("three", "changed meanwhile")
    );
    assert_eq!(server.deploy("hello", &says("four")).status, 200);
    assert_eq!(server.ask("DELETE", "/functions/hello", "", b"").status, 204);
    within("it is gone elsewhere, too", || (late.0.get("/hello").status == 404).then_some(()));
    assert!(!folder.join("hello.wasm").exists());
    drop(gateway);
}
