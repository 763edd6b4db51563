use std::collections::BTreeMap;

use host::{Folder, Grants, Limits};
use serde_json::json as value;

use crate::{data, function, json};

async fn ask(grants: Grants, what: &str) -> serde_json::Value {
    json(function("misbehave", Limits::default(), grants).call(data(what)).await)
}

#[tokio::test]
async fn nothing_is_seen_that_was_not_granted() {
    let none = Grants::default;
    let seen = ask(none(), r#"{"do":"environment"}"#).await;
    assert_eq!(seen, value!({ "DATA": r#"{"do":"environment"}"# }));
    assert_eq!(ask(none(), r#"{"do":"arguments"}"#).await, value!(["misbehave"]));
    assert_eq!(ask(none(), r#"{"do":"clock"}"#).await["seconds"], 0.0);
    for what in ["files", "sockets", "fork"] {
        let came = ask(none(), &format!(r#"{{"do":"{what}"}}"#)).await;
        assert!(!came.to_string().contains("started") && !came.to_string().contains("root:"), "{came}");
    }
}

#[tokio::test]
async fn environment_and_arguments_are_granted_by_name() {
    let grants = Grants {
        environment: BTreeMap::from([("SHELF".to_owned(), "7".to_owned())]),
        arguments: vec!["--fast".to_owned()],
        ..Grants::default()
    };
    assert_eq!(ask(grants.clone(), r#"{"do":"environment"}"#).await["SHELF"], "7");
    assert_eq!(ask(grants, r#"{"do":"arguments"}"#).await, value!(["misbehave", "--fast"]));
}

#[tokio::test]
async fn the_clock_is_granted() {
    let seconds = ask(Grants { clock: true, ..Grants::default() }, r#"{"do":"clock"}"#).await;
    assert!(seconds["seconds"].as_f64().unwrap() > 1.7e9, "{seconds}");
}

#[tokio::test]
async fn a_folder_is_read_and_what_lies_beside_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("given")).unwrap();
    std::fs::write(folder.path().join("given/a.txt"), "inside").unwrap();
    std::fs::write(folder.path().join("b.txt"), "outside").unwrap();
    let grant = |write| Grants {
        folders: vec![Folder { host: folder.path().join("given"), guest: "/data".to_owned(), write }],
        ..Grants::default()
    };
    let paths = r#"{"do":"files","paths":["/data/a.txt","/data/../b.txt","/data/written"]}"#;
    let came = ask(grant(false), paths).await.to_string();
    assert!(came.contains("inside") && !came.contains("outside"), "{came}");
    assert!(!folder.path().join("given/written").exists());
    ask(grant(true), paths).await;
    assert!(!folder.path().join("b.txt").metadata().unwrap().permissions().readonly());
    assert_eq!(std::fs::read_to_string(folder.path().join("b.txt")).unwrap(), "outside");
}
