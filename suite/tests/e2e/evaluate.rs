//! `shelfwise evaluate`: files in, figures and a ranking out.

use std::{collections::HashSet, fmt::Write as _, fs, path::Path};

use crate::process::{run, shelfwise};

/// Forty readers of two tastes: books 1 to 15, and 16 to 30. Every fifth of a reader's books is to be found.
fn write(folder: &Path) {
    let (mut train, mut test) = ("user_id,item_id\n".to_owned(), "user_id,item_id\n".to_owned());
    for reader in 0..40 {
        for place in 0..15 {
            let book = 1 + (reader % 2) * 15 + place;
            let file = match (reader + place * 3) % 7 {
                0..4 => &mut train,
                4 => &mut test,
                _ => continue,
            };
            writeln!(file, "{},{book}", 100 + reader).unwrap();
        }
    }
    let mut items = "item_id,title,authors,genres\n".to_owned();
    for book in 1..=30 {
        writeln!(items, "{book},\"The {book}. (Saga {}, #{book})\",Author {},taste", book / 4, book / 3)
            .unwrap();
    }
    for (name, text) in [("train.csv", train), ("test.csv", test), ("items.csv", items)] {
        fs::write(folder.join(name), text).unwrap();
    }
}

#[test]
fn every_model_prints_its_figures_and_writes_a_whole_ranking() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let file = |name: &str| folder.path().join(name);
    for model in ["slim", "ease", "als", "knn-bm25", "knn-cosine", "popular", "content", "blend", ""] {
        let mut command = shelfwise();
        command.arg("evaluate").arg("--train").arg(file("train.csv")).arg("--test").arg(file("test.csv"));
        command
            .arg("--items")
            .arg(file("items.csv"))
            .arg("--top-k")
            .arg(file("top.csv"))
            .args(["--trials", "3"]);
        if !model.is_empty() {
            command.args(["--model", model]);
        }
        let ended = run(&mut command);
        assert_eq!(ended.code, Some(0), "{model}: {}", ended.err);
        let name = if model.is_empty() { "blend" } else { model };
        assert!(ended.out.starts_with(&format!("{name}: 40 readers, 30 books")), "{model}: {}", ended.out);
        for figure in ["ndcg@10", "recall@20", "map@10", "coverage@10", "novelty", "gini", "fit ", "rank "] {
            assert!(ended.out.contains(figure), "{model}: {}", ended.out);
        }
        let top = fs::read_to_string(file("top.csv")).unwrap();
        let mut rows = top.lines();
        assert_eq!(rows.next(), Some("user_id,rank,item_id"));
        let rows: Vec<Vec<u32>> =
            rows.map(|row| row.split(',').map(|field| field.parse().unwrap()).collect()).collect();
        assert_eq!(rows.len(), 40 * 20, "{model}");
        let known = fs::read_to_string(file("train.csv")).unwrap();
        let known: HashSet<&str> = known.lines().collect();
        assert!(rows.iter().all(|row| !known.contains(format!("{},{}", row[0], row[2]).as_str())));
    }
}

#[test]
fn what_cannot_be_evaluated_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (train, test) = (file("train.csv"), file("test.csv"));
    fs::write(folder.path().join("bad.csv"), "user_id,item_id\n1,Dune\n").unwrap();
    fs::write(folder.path().join("empty.csv"), "user_id,item_id\n").unwrap();
    for (arguments, code, reason) in [
        (vec!["--train", &train, "--test", &test, "--model", "magic"], 64, "no model is called magic"),
        (vec!["--train", &file("bad.csv"), "--test", &test], 64, "item_id is no number: Dune"),
        (vec!["--train", &file("none.csv"), "--test", &test], 74, "none.csv"),
        (vec!["--train", &file("empty.csv"), "--test", &test], 64, "it holds no interactions"),
        (vec!["--train", &train, "--test", &file("empty.csv")], 64, "it holds no interactions"),
        (vec!["--train", &train, "--test", &train], 64, "there is nothing to find"),
        (vec!["--train", &train, "--test", &test, "--set", "slim.l3=1"], 64, "slim.l3"),
        (vec!["--train", &train, "--test", &test, "--model", "content"], 64, "authors, series or subjects"),
    ] {
        let ended = run(shelfwise().arg("evaluate").args(&arguments));
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(reason) && ended.err.lines().count() == 1, "{}", ended.err);
    }
}

#[test]
fn a_ranking_never_takes_the_place_of_a_file_that_is_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let file = |name: &str| folder.path().join(name);
    for name in ["train.csv", "test.csv", "items.csv"] {
        let before = fs::read(file(name)).unwrap();
        let mut command = shelfwise();
        command.arg("evaluate").arg("--train").arg(file("train.csv")).arg("--test").arg(file("test.csv"));
        let ended = run(command.arg("--items").arg(file("items.csv")).arg("--top-k").arg(file(name)));
        assert_eq!((ended.code, ended.err.lines().count()), (Some(64), 1), "{}", ended.err);
        assert!(ended.err.contains("--top-k") && ended.err.contains("name another"), "{}", ended.err);
        assert_eq!(fs::read(file(name)).unwrap(), before, "{name}");
    }
}
