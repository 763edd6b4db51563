//! Modules in a folder: new, changed, half written, unfit, gone.

use std::{fs, path::Path, thread, time::Duration};

use crate::{
    server::{Server, json, within},
    wasm::{says, says_after, wants},
};

/// As whoever is careful does it: a whole file appears at once.
fn drop_in(folder: &Path, file: &str, bytes: &[u8]) {
    let beside = folder.join(format!(".{file}.part"));
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, folder.join(file)).unwrap();
}

#[test]
fn what_lies_in_the_folder_answers_changes_and_goes_without_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("functions");
    fs::create_dir(&folder).unwrap();
    drop_in(&folder, "old.wasm", &says("from the start"));
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.get("/old").body, "from the start");
    assert_eq!(server.get("/new").status, 404);

    drop_in(&folder, "new.wasm", &says("one"));
    server.comes_to_say("new", "one");
    drop_in(&folder, "new.wasm", &says("two"));
    server.comes_to_say("new", "two");
    // A manifest alone changes it, too.
    drop_in(&folder, "new.toml", b"content-type = \"text/csv\"");
    within("the type changes", || {
        (server.get("/new").header("content-type") == Some("text/csv")).then_some(())
    });
    fs::remove_file(folder.join("new.toml")).unwrap();
    within("the type changes back", || {
        (server.get("/new").header("content-type") == Some("text/plain; charset=utf-8")).then_some(())
    });
    fs::remove_file(folder.join("new.wasm")).unwrap();
    within("it is gone", || (server.get("/new").status == 404).then_some(()));
    assert_eq!(server.get("/functions/new").status, 404);
    assert_eq!(server.get("/old").body, "from the start");
    // A folder that holds nothing any more is no folder that is away.
    fs::remove_file(folder.join("old.wasm")).unwrap();
    within("all are gone", || {
        let list = json(&server.get("/functions"));
        (list["functions"].as_array().unwrap().is_empty() && list["store"] == "answers").then_some(())
    });
}

#[test]
fn a_call_in_flight_ends_on_the_function_with_which_it_began() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--timeout", "120"]);
    let folder = data.path().join("functions");
    fs::create_dir_all(&folder).unwrap();
    drop_in(&folder, "slow.toml", b"[limits]\ntime = \"60s\"\ncpu = \"60s\"");
    drop_in(&folder, "slow.wasm", &says_after(6_000_000_000, "old"));
    within("it answers", || (server.shown("slow")["state"] == "answers").then_some(()));
    let address = server.address;
    let call = thread::spawn(move || testing::http::ask(address, "GET", "/slow", "", b"").unwrap());
    within("the call runs", || (server.shown("slow")["calls"]["running"] == 1).then_some(()));
    drop_in(&folder, "slow.wasm", &says("new"));
    within("the new one answers", || {
        (server.shown("slow")["version"].as_str()?.starts_with("2-")).then_some(())
    });
    assert_eq!(server.get("/slow").body, "new");
    assert!(!call.is_finished(), "the machine is too fast for this test");
    let answer = call.join().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "old"));
}

#[test]
fn what_is_half_written_is_not_taken_and_what_does_not_fit_leaves_the_old_one_in_place() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("functions");
    fs::create_dir(&folder).unwrap();
    drop_in(&folder, "kept.wasm", &says("old"));
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.get("/kept").body, "old");

    // In place, and slowly.
    let whole = says("new");
    let (half, rest) = whole.split_at(whole.len() / 2);
    fs::write(folder.join("kept.wasm"), half).unwrap();
    server.comes_to_refuse("kept", "kept.wasm: it does not compile: ");
    assert_eq!(server.get("/kept").body, "old");
    let shown = server.shown("kept");
    assert_eq!(
        (&shown["state"], shown["version"].as_str().unwrap().split('-').next()),
        (&"answers".into(), Some("1"))
    );
    fs::write(folder.join("kept.wasm"), [half, rest].concat()).unwrap();
    server.comes_to_say("kept", "new");
    assert!(server.shown("kept")["refused"].is_null());

    for (manifest, reason) in [
        ("kind = \"algorithm\"", "kept.toml: kind: the manifest says algorithm, the module is wasi-command"),
        ("kynd = \"algorithm\"", "kept.toml:1: kynd: unknown; did you mean kind?"),
        ("[limits]\nmemory = \"8GiB\"", "kept.toml:2: limits.memory = \"8GiB\": expected 64KiB to 1GiB"),
        ("a = \"\u{e9}", "kept.toml:1: not TOML"),
        (
            "[grants]\nfolders = [{ host = \"/no/such/place\", guest = \"/x\" }]",
            "kept.toml: grants.folders: /x stands for no folder",
        ),
    ] {
        drop_in(&folder, "kept.toml", manifest.as_bytes());
        server.comes_to_refuse("kept", reason);
        assert_eq!(server.get("/kept").body, "new", "{reason}");
    }
    drop_in(&folder, "kept.toml", b"\xff");
    server.comes_to_refuse("kept", "kept.toml is no UTF-8 text");
    drop_in(&folder, "kept.toml", &[b'#'; 65 << 10]);
    server.comes_to_refuse("kept", "kept.toml has 66560 bytes, more than 65536");
    let data_grant =
        format!("[grants]\nfolders = [{{ host = {:?}, guest = \"/x\" }}]", folder.display().to_string());
    drop_in(&folder, "kept.toml", data_grant.as_bytes());
    server.comes_to_refuse("kept", "kept.toml: grants.folders: /x stands for what this service keeps");
    assert_eq!(server.get("/kept").body, "new");
    fs::remove_file(folder.join("kept.toml")).unwrap();
    within("nothing is refused", || server.shown("kept")["refused"].is_null().then_some(()));

    for (file, name, reason) in [
        ("Bad_Name.wasm", "Bad_Name", "a function's name is"),
        ("tasks.wasm", "tasks", "functions, tasks, static, api, dapr and healthz"),
        ("text.wasm", "text", "text.wasm: it does not compile: "),
        ("wants.wasm", "wants", "wants.wasm: it does not fit: "),
        ("alone.toml", "alone", "there is alone.toml without alone.wasm"),
    ] {
        let bytes = match file {
            "text.wasm" => b"(module)".to_vec(),
            "wants.wasm" => wants("nobody_has_this"),
            "alone.toml" => Vec::new(),
            _ => says("never"),
        };
        drop_in(&folder, file, &bytes);
        server.comes_to_refuse(name, reason);
        // That address is the service's own.
        if name != "tasks" {
            assert_eq!(server.get(&format!("/{name}")).status, 404);
        }
    }
    let log = server.log();
    assert!(log.contains("refused a module") && log.contains("alone.toml without alone.wasm"), "{log}");
    // What editors and copying programs leave lying around is none.
    for file in [".kept.wasm.swp", "kept.wasm~", ".wasm", ".hidden.wasm", "notes.txt"] {
        fs::write(folder.join(file), "x").unwrap();
    }
    drop_in(&folder, "last.wasm", &says("last"));
    server.comes_to_say("last", "last");
    let list = json(&server.get("/functions"));
    let names: Vec<_> =
        list["functions"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Bad_Name", "alone", "kept", "last", "tasks", "text", "wants"]);
}

#[test]
fn what_is_loaded_answers_while_the_folder_is_away() {
    let data = tempfile::tempdir().unwrap();
    let (folder, away) = (data.path().join("functions"), data.path().join("elsewhere"));
    fs::create_dir(&folder).unwrap();
    drop_in(&folder, "kept.wasm", &says("old"));
    let server = Server::start(data.path(), &[]);
    // A version that is still being kept would make the folder anew.
    let kept = || {
        let shown = json(&server.get("/functions/kept"));
        shown["versions"].as_array().is_some_and(|versions| !versions.is_empty()).then_some(())
    };
    within("the first version is kept", kept);
    fs::rename(&folder, &away).unwrap();
    within("it is noticed", || (json(&server.get("/functions"))["store"] == "away").then_some(()));
    assert_eq!(server.get("/kept").body, "old");
    drop_in(&away, "kept.wasm", &says("new"));
    fs::rename(&away, &folder).unwrap();
    server.comes_to_say("kept", "new");
    assert_eq!(json(&server.get("/functions"))["store"], "answers");
    let log = server.log();
    assert_eq!(log.matches("the store of modules does not answer").count(), 1, "{log}");
    assert_eq!(log.matches("the store of modules answers again").count(), 1, "{log}");
}

#[test]
fn one_route_leads_to_one_function() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("functions");
    fs::create_dir(&folder).unwrap();
    let route = b"[[routes]]\npath = \"/api/image\"\nmethod = \"POST\"\n";
    for name in ["first", "second"] {
        drop_in(&folder, &format!("{name}.toml"), route);
        drop_in(&folder, &format!("{name}.wasm"), &says(name));
    }
    let server = Server::start(data.path(), &[]);
    let ask = || testing::http::ask(server.address, "POST", "/api/image", "", b"x").unwrap();
    within("the route leads there", || (ask().body == "first").then_some(()));
    server.comes_to_refuse("second", "second.toml: routes: POST /api/image is answered by first already");
    assert_eq!(server.get("/second").status, 404);
    // Once the place is free, nothing has to be touched.
    fs::remove_file(folder.join("first.wasm")).unwrap();
    fs::remove_file(folder.join("first.toml")).unwrap();
    server.comes_to_say("second", "second");
    within("the route leads there", || (ask().body == "second").then_some(()));
}

#[test]
fn a_process_that_ends_lets_go_in_good_time() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let begun = std::time::Instant::now();
    assert!(server.end().success());
    // Far less than the time that calls in flight would have.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}
