//! The domain knows no transport and no SQL, and only the store holds SQL.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources(of: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(of).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file by its path below `src`, comments left out.
fn code() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20);
    let code = |path: &Path| -> String {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .fold(String::new(), |code, line| code + line + "\n")
    };
    files
        .iter()
        .map(|path| (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), code(path)))
        .collect()
}

fn module(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap()
}

#[test]
fn the_domain_knows_no_transport_and_no_sql() {
    for (path, code) in code() {
        if matches!(
            module(&path),
            "statistics" | "recommend" | "catalogue" | "ratings" | "search" | "models" | "evaluate"
        ) {
            for foreign in
                ["tonic", "prost", "protobufs", "axum", "sqlx", "hyper", "crate::grpc", "crate::store"]
            {
                assert!(!code.contains(foreign), "{path} mentions {foreign}");
            }
        }
    }
}

#[test]
fn only_the_store_holds_sql() {
    for (path, code) in code() {
        if module(&path) != "store" {
            assert!(!code.contains("sqlx") && !code.contains("select "), "{path} holds SQL");
        }
    }
}

/// Whether the code goes into this module, by whatever path.
fn enters(code: &str, module: &str) -> bool {
    code.match_indices(&format!("{module}::")).any(|(place, _)| {
        let before = code[..place].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || before == '_')
    })
}

#[test]
fn dependencies_point_down_the_list() {
    assert!(enters("use crate::{import::Format, loading::Current};", "loading"));
    assert!(!enters("protobufs::recommendations::X, reloading::Y, loading", "loading"));
    let files = code();
    let (_, root) = files.iter().find(|(path, _)| path == "lib.rs").unwrap();
    let order: Vec<&str> =
        root.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(order.len() >= 8 && order.last() == Some(&"catalogue"), "{order:?}");
    for (path, code) in &files {
        let Some(place) = order.iter().position(|name| *name == module(path)) else { continue };
        for above in &order[..place] {
            assert!(!enters(code, above), "{path} uses {above}");
        }
    }
}
