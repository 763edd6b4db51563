//! The commands as CI runs them, and the generator's books.

use std::{collections::HashSet, fs, process::Command};

use serde_json::Value;

fn benchmarks() -> Command {
    Command::new(env!("CARGO_BIN_EXE_benchmarks"))
}

fn generate(count: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("books.jsonl");
    let status =
        benchmarks().args(["books", "--count", count]).arg(&file).status().expect("the generator starts");
    assert!(status.success());
    fs::read_to_string(&file).expect("what it wrote")
}

#[test]
fn the_same_books_every_time() {
    let books = generate("5000");
    assert_eq!(books, generate("5000"));
    let (mut works, mut mysteries) = (HashSet::new(), 0);
    for (index, line) in books.lines().enumerate() {
        let book: Value = serde_json::from_str(line).expect("a JSON object");
        assert_eq!(book["id"], index + 1);
        assert!(works.insert((book["title"].to_string(), book["authors"].to_string())), "twice: {line}");
        let categories = book["categories"].as_array().expect("categories");
        assert!((1..=4).contains(&categories.len()), "{line}");
        mysteries += usize::from(categories.iter().any(|category| category == "mystery"));
        assert!((1..=6).contains(&book["subjects"].as_array().expect("subjects").len()), "{line}");
        assert!((1900..=2026).contains(&book["year"].as_i64().expect("a year")), "{line}");
    }
    assert_eq!(works.len(), 5000);
    assert!(mysteries > 1000, "the largest category has {mysteries}");
}

#[test]
fn too_few_rounds_are_refused() {
    let output = benchmarks().args(["recommend", "--rounds", "4"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
}
