//! Artefacts that are damaged, cut short or somebody else's.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use protobufs::models::{ActivateModelRequest, TrainRequest};
use tonic::{Code, Status};

use crate::{Place, Server};

/// A place with two models, the second of which answers.
async fn two_models(place: &Place) -> (String, String) {
    let server = place.serve(&["--model", "knn-cosine"]).await.with_ratings().await;
    let first = server.answering().await;
    let force = TrainRequest { model: "slim".to_owned(), force: true };
    let job = server.models().await.train(force).await.unwrap().into_inner().job.unwrap();
    let second = server.end_of(job.id).await.model_version;
    assert_eq!(server.answering().await, second);
    server.stop().await;
    (first, second)
}

async fn activate(server: &Server, version: &str) -> Result<(), Status> {
    let request = ActivateModelRequest { version: version.to_owned() };
    server.models().await.activate_model(request).await.map(drop)
}

/// Changes a field of the manifest.
fn edit(folder: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let file = folder.join("manifest.json");
    let mut manifest = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(&file, serde_json::to_vec(&manifest).unwrap()).unwrap();
}

/// Puts a copy of a model beside it under another name, with a change to its manifest.
fn copy(place: &Place, version: &str, name: &str, change: &dyn Fn(&mut serde_json::Value)) {
    let folder = place.model(name);
    fs::create_dir_all(&folder).unwrap();
    for file in ["model.safetensors", "manifest.json"] {
        fs::copy(place.model(version).join(file), folder.join(file)).unwrap();
    }
    edit(&folder, |manifest| {
        manifest["version"] = name.into();
        change(manifest);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_good_model_answers_when_the_active_one_is_damaged() {
    let place = Place::sqlite().unwrap();
    let (first, second) = two_models(&place).await;
    let file = place.model(&second).join("model.safetensors");
    let whole = fs::read(&file).unwrap();

    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x10;
    for (bytes, reason) in [(&damaged[..], "SHA-256"), (&whole[..middle], "incomplete"), (&[], "incomplete")]
    {
        fs::write(&file, bytes).unwrap();
        let server = place.serve(&[]).await;
        assert_eq!(server.answering().await, first, "{reason}");
        let listed = server.list().await;
        let broken = listed.iter().find(|model| model.version == second).unwrap();
        assert!(broken.refused.contains(reason) && !broken.active, "{broken:?}");
        let refused = activate(&server, &second).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().contains(reason), "{refused:?}");
        assert_eq!(server.answering().await, first);
        server.stop().await;
    }

    // Once it is mended, it answers again by itself.
    let server = place.serve(&[]).await;
    fs::write(&file, &whole).unwrap();
    crate::within(20, "it is loaded", async || (server.answering().await == second).then_some(())).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_foreign_or_half_there_is_refused_with_the_reason() {
    let place = Place::sqlite().unwrap();
    let (_, second) = two_models(&place).await;
    let copy = |name: &str, change: &dyn Fn(&mut serde_json::Value)| copy(&place, &second, name, change);
    copy("elsewhere", &|manifest| manifest["store"] = "another".into());
    copy("renamed", &|manifest| manifest["version"] = "other".into());
    copy("later", &|manifest| manifest["schema"] = 2.into());
    copy("strange", &|manifest| manifest["kind"] = "oracle".into());
    copy("other-format", &|manifest| manifest["format"] = "pickle".into());
    copy("parameters", &|manifest| manifest["parameters"]["slim.l1"] = (-1.0).into());
    copy("books", &|manifest| manifest["data"]["books"] = 3.into());
    copy("no-json", &|_| ());
    fs::write(place.model("no-json").join("manifest.json"), "{\"format\": ").unwrap();
    copy("long", &|_| ());
    fs::write(place.model("long").join("manifest.json"), vec![b' '; 2 << 20]).unwrap();
    copy("no-tensors", &|_| ());
    fs::remove_file(place.model("no-tensors").join("model.safetensors")).unwrap();
    // The manifest comes last: without it there is nothing.
    copy("on-its-way", &|_| ());
    fs::remove_file(place.model("on-its-way").join("manifest.json")).unwrap();

    let server = place.serve(&[]).await;
    for (version, code, reason) in [
        ("elsewhere", Code::FailedPrecondition, "another store"),
        ("renamed", Code::FailedPrecondition, "other"),
        ("later", Code::FailedPrecondition, "schema is 2"),
        ("strange", Code::FailedPrecondition, "no model is called oracle"),
        ("other-format", Code::FailedPrecondition, "pickle"),
        ("parameters", Code::FailedPrecondition, "slim.l1"),
        ("books", Code::FailedPrecondition, "number of books"),
        ("no-json", Code::FailedPrecondition, "cannot be read"),
        ("long", Code::FailedPrecondition, "artefact"),
        ("no-tensors", Code::FailedPrecondition, "no models/no-tensors/model.safetensors"),
        ("on-its-way", Code::NotFound, "Model not found"),
    ] {
        let refused = activate(&server, version).await.unwrap_err();
        assert_eq!(refused.code(), code, "{version}: {refused:?}");
        assert!(refused.message().contains(reason), "{version}: {refused:?}");
    }
    assert_eq!(server.answering().await, second);

    // One that somebody else has made of this store's ratings is as good as ours.
    copy("from-elsewhere", &|manifest| manifest["store"] = "".into());
    activate(&server, "from-elsewhere").await.unwrap();
    assert_eq!(server.answering().await, "from-elsewhere");
    assert!(server.list().await.iter().any(|model| model.version == "from-elsewhere" && model.active));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_training_has_left_is_removed_after_a_day_and_nothing_else() {
    let place = Place::sqlite().unwrap();
    let (first, second) = two_models(&place).await;
    let day = Duration::from_secs(25 * 3_600);
    let put = |path: &str, age: Duration| {
        let file = place.path().join("models").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, b"x").unwrap();
        fs::File::options().append(true).open(&file).unwrap().set_modified(SystemTime::now() - age).unwrap();
        file
    };
    let gone = [
        put("90-blend-00aa11/model.safetensors", day),
        put("91-als-00aa11/model.safetensors#1", day),
        put(&format!("{second}/manifest.json#2"), day),
    ];
    let stays = [
        // On its way; whole, but not known yet; of somebody else; beside something that is not ours.
        put("92-blend-00aa11/model.safetensors", Duration::from_secs(60)),
        put("93-blend-00aa11/model.safetensors#1", Duration::from_secs(60)),
        put("94-blend-00aa11/model.safetensors", day),
        put("94-blend-00aa11/manifest.json", day),
        put("from-elsewhere/model.safetensors", day),
        put("95-blend-00aa11/model.safetensors", day),
        put("95-blend-00aa11/notes.txt", day),
        put("96-blend-00aa11/notes.txt#1", day),
    ];
    // Known, though somebody has taken its manifest away.
    let known = place.model(&first);
    fs::remove_file(known.join("manifest.json")).unwrap();
    let old = SystemTime::now() - day;
    let tensors = known.join("model.safetensors");
    fs::File::options().append(true).open(&tensors).unwrap().set_modified(old).unwrap();

    let server = place.serve(&[]).await;
    crate::within(20, "remnants are removed", async || gone.iter().all(|file| !file.exists()).then_some(()))
        .await;
    assert_eq!(server.answering().await, second);
    server.stop().await;
    for file in stays.iter().chain([&tensors]) {
        assert!(file.exists(), "{}", file.display());
    }
    for empty in ["90-blend-00aa11", "91-als-00aa11"] {
        assert!(!place.model(empty).exists(), "{empty}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_judged_answers_only_when_somebody_asks_for_it() {
    let place = Place::sqlite().unwrap();
    let (first, second) = two_models(&place).await;
    let copy = |name: &str, change: &dyn Fn(&mut serde_json::Value)| copy(&place, &second, name, change);
    // One that a training of this store has written and not lived to judge; and one that somebody else has made.
    copy("90-slim-00aa11", &|_| ());
    copy("from-elsewhere", &|manifest| manifest["store"] = "".into());
    let server = place.serve(&[]).await;
    let listed = server.list().await;
    assert!(listed.iter().all(|model| model.version != "90-slim-00aa11"), "{listed:?}");
    let foreign = listed.iter().find(|model| model.version == "from-elsewhere").unwrap();
    assert!(foreign.candidate && !foreign.active && foreign.refused.is_empty(), "{foreign:?}");
    assert!(listed.iter().filter(|model| model.candidate).count() == 1, "{listed:?}");
    server.stop().await;

    // Where nothing else is left, neither takes the place of the good ones.
    for version in [&first, &second] {
        fs::write(place.model(version).join("model.safetensors"), b"").unwrap();
    }
    let server = place.serve(&["--train", "false"]).await;
    assert_eq!(server.answering().await, "");
    assert_eq!(server.recommend(1).await.model_version, "");
    activate(&server, "from-elsewhere").await.unwrap();
    assert_eq!(server.answering().await, "from-elsewhere");
    let listed = server.list().await;
    let chosen = listed.iter().find(|model| model.version == "from-elsewhere").unwrap();
    assert!(chosen.active && !chosen.candidate && chosen.refused.is_empty(), "{chosen:?}");
    server.stop().await;
}
