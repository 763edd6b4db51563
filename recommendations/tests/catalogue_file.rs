//! The catalogue that comes with the program.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use recommendations::catalogue::{FIXED_CATEGORIES, fold};
use serde::Deserialize;

/// A line of the file; a field that nobody reads is a mistake.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Line {
    id: i32,
    title: String,
    title_language: String,
    authors: Vec<String>,
    year: i32,
    language: String,
    series: Option<String>,
    series_number: Option<f64>,
    categories: Vec<String>,
    subjects: Vec<String>,
    isbn13: Option<String>,
}

fn lines() -> Vec<Line> {
    let file = include_str!("../data/books.jsonl");
    file.lines()
        .enumerate()
        .map(|(n, line)| serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {e}", n + 1)))
        .collect()
}

#[test]
fn there_are_enough_books_in_every_category() {
    let lines = lines();
    assert!(lines.len() >= 600, "{}", lines.len());
    let mut counts: BTreeMap<&str, usize> = FIXED_CATEGORIES.iter().map(|&(_, slug, _)| (slug, 0)).collect();
    for category in lines.iter().flat_map(|line| &line.categories) {
        *counts.get_mut(category.as_str()).unwrap_or_else(|| panic!("{category}")) += 1;
    }
    assert!(counts.values().all(|&count| count >= 30), "{counts:?}");
}

#[test]
fn ids_and_works_are_unique() {
    let (mut ids, mut works, mut isbns) = (HashSet::new(), HashSet::new(), HashSet::new());
    for line in lines() {
        assert!(ids.insert(line.id), "{}", line.id);
        let author = line.authors.first().map(|author| fold(author));
        assert!(works.insert((fold(&line.title), author)), "{}", line.title);
        assert!(line.isbn13.is_none_or(|isbn| isbns.insert(isbn)), "{}", line.title);
    }
}

#[test]
fn every_book_is_described() {
    for line in lines() {
        let title = &line.title;
        assert!((1..=4).contains(&line.categories.len()), "{title}: categories");
        assert!((2..=6).contains(&line.subjects.len()), "{title}: subjects");
        assert_eq!(line.categories.iter().collect::<HashSet<_>>().len(), line.categories.len(), "{title}");
        assert_eq!(line.subjects.iter().collect::<HashSet<_>>().len(), line.subjects.len(), "{title}");
        assert!(!line.title_language.is_empty() && !line.language.is_empty(), "{title}: languages");
        assert!((-3000..=2026).contains(&line.year), "{title}: {}", line.year);
        assert!(line.series_number.is_none() || line.series.is_some(), "{title}: series");
    }
}

#[test]
fn check_digits_hold() {
    // Written out on its own, so that a mistake in the importer's does not hide one in the file.
    for isbn in lines().into_iter().filter_map(|line| line.isbn13) {
        let digits: Vec<u32> = isbn.chars().map(|digit| digit.to_digit(10).unwrap()).collect();
        assert_eq!(digits.len(), 13, "{isbn}");
        let sum: u32 =
            digits.iter().zip([1, 3].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
        assert_eq!(sum % 10, 0, "{isbn}");
    }
}

#[test]
fn it_is_diverse() {
    let lines = lines();
    let languages: BTreeSet<_> = lines.iter().map(|line| line.language.as_str()).collect();
    let authors: BTreeSet<_> = lines.iter().flat_map(|line| &line.authors).collect();
    let before_1900 = lines.iter().filter(|line| line.year < 1900).count();
    let since_2000 = lines.iter().filter(|line| line.year >= 2000).count();
    assert!(languages.len() >= 20, "{languages:?}");
    assert!(authors.len() * 2 >= lines.len(), "{}", authors.len());
    assert!(before_1900 * 10 >= lines.len() && since_2000 * 10 >= lines.len(), "{before_1900} {since_2000}");
}

#[test]
fn the_tutorials_books_keep_their_numbers() {
    let lines = lines();
    for (id, title, category) in [
        (1, "The Maltese Falcon", "mystery"),
        (2, "Murder on the Orient Express", "mystery"),
        (3, "The Hound of the Baskervilles", "mystery"),
        (4, "The Hitchhiker's Guide to the Galaxy", "science-fiction"),
        (5, "Ender's Game", "science-fiction"),
        (6, "The Dune Chronicles", "science-fiction"),
        (7, "The 7 Habits of Highly Effective People", "self-help"),
        (8, "How to Win Friends and Influence People", "self-help"),
        (9, "Man's Search for Meaning", "self-help"),
    ] {
        let line = lines.iter().find(|line| line.id == id).unwrap();
        assert_eq!(line.title, title);
        assert!(line.categories.iter().any(|it| it == category), "{title}");
    }
}
