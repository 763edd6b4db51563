use std::fs;

use crate::{Shop, process::workspace};

const BOOKS: &str = "book_id,isbn,isbn13,authors,original_publication_year,original_title,title,language_code\n\
    10,679722645,9.78067972265e+12,Dashiell Hammett,1930.0,The Maltese Falcon,The Maltese Falcon,eng\n\
    20,439023483,9780439023480.0,Suzanne Collins,2008.0,The Hunger Games,\"The Hunger Games (The Hunger Games, #1)\",eng\n\
    30,,,\"A. Nobody, B. Somebody\",-750.0,,A Book of Our Own,en-US\n\
    x,,,Nobody,,,Without a number,eng\n";
const RATINGS: &str = "user_id,book_id,rating\n1,10,5\n1,20,3\n2,30,4\n2,40,4\n2,10,0\n";

#[test]
fn books_are_found_or_added_and_their_ratings_follow() {
    let shop = Shop::new();
    let folder = shop.path("goodbooks");
    fs::create_dir(&folder).unwrap();
    fs::write(format!("{folder}/books.csv"), BOOKS).unwrap();
    fs::write(format!("{folder}/ratings.csv"), RATINGS).unwrap();
    fs::write(format!("{folder}/genres35.csv"), "item_id,genres35\n20,young-adult:0.9;fantasy:0.3\n")
        .unwrap();

    let ended = shop.import(&["goodbooks", &folder, "--match-only"]);
    let lines: Vec<_> = ended.out.lines().collect();
    let [books, ratings] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(books.ends_with("/books.csv: 2 found, 0 added, 1 not in the catalogue, 1 wrong"), "{books}");
    assert!(ratings.ends_with("/ratings.csv: 2 stored, 2 not in the catalogue, 1 wrong"), "{ratings}");

    let ended = shop.import(&["goodbooks", &folder]);
    assert!(
        ended.out.contains("books.csv: 2 found, 1 added, 0 not in the catalogue, 1 wrong"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("ratings.csv: 3 stored, 1 not in the catalogue, 1 wrong"), "{}", ended.out);
    assert!(ended.err.contains("6\trating is \"0\", not 0.5 to 5 in halves"), "{}", ended.err);
    let before = shop.export(&[]);
    assert!(before.contains("\n1,1,5,,") && before.contains("\n2,1000000,4,,"), "{before}");
    let again = shop.import(&["goodbooks", &folder]);
    assert!(again.out.contains("books.csv: 3 found, 0 added, 0 not"), "{}", again.out);
    assert_eq!(shop.export(&[]), before);
}

#[test]
fn rows_that_are_wrong_are_written_over_none_of_the_files_that_are_read() {
    let shop = Shop::new();
    let folder = shop.path("goodbooks");
    fs::create_dir(&folder).unwrap();
    let files = [
        ("books.csv", BOOKS),
        ("ratings.csv", RATINGS),
        ("genres35.csv", "item_id,genres35\n20,fantasy:0.3\n"),
        ("genres.csv", "item_id,genres35\n20,fantasy:0.4\n"),
    ];
    for (name, text) in files {
        fs::write(format!("{folder}/{name}"), text).unwrap();
    }
    let link = shop.path("link.csv");
    fs::hard_link(format!("{folder}/books.csv"), &link).unwrap();
    let genres = format!("{folder}/genres.csv");
    let named = |name: &str| format!("{folder}/../goodbooks/{name}");
    for (errors, more) in [
        (named("books.csv"), &[][..]),
        (named("ratings.csv"), &[]),
        (named("genres35.csv"), &[]),
        (named("genres.csv"), &["--genres", &genres]),
        (link, &[]),
    ] {
        let ended = shop.run(&[&["import", "goodbooks", &folder, "--errors", &errors], more].concat());
        assert_eq!((ended.code, ended.err.lines().count()), (Some(64), 1), "{errors}: {}", ended.err);
        let told = format!("--errors {errors}: is a file that is read; name another");
        assert!(ended.err.contains(&told), "{}", ended.err);
        for (name, text) in files {
            assert_eq!(fs::read_to_string(format!("{folder}/{name}")).unwrap(), text, "{name}");
        }
    }
    // One that is there and is not read may go.
    let ended = shop.import(&["goodbooks", &folder, "--errors", &genres]);
    assert!(ended.out.contains("books.csv: 2 found, 1 added"), "{}", ended.out);
    assert!(fs::read_to_string(&genres).unwrap().starts_with("user_id,book_id,rating,reason\n"));
}

#[test]
fn goodbooks_10k_comes_in_whole() {
    let folder = workspace().join("../shared/data/goodbooks-10k-books");
    if !folder.is_dir() {
        return testing::skipped("../shared/data/goodbooks-10k-books");
    }
    let shop = Shop::new();
    let (folder, ratings) = (folder.to_str().unwrap().to_owned(), folder.join("ratings_sample.csv"));
    let arguments = ["goodbooks", &folder, "--ratings", ratings.to_str().unwrap()];
    let ended = shop.import(&arguments);
    assert!(ended.out.contains(" 0 not in the catalogue, 0 wrong\n"), "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("ratings_sample.csv: 100000 stored, 0 not in"), "{}", ended.out);
    let before = shop.export(&[]);
    // Two editions of one work may be one book here.
    assert!(before.lines().count() > 99_000, "{}", before.lines().count());
    let again = shop.import(&arguments);
    assert!(again.out.contains("books.csv: 10000 found, 0 added"), "{}", again.out);
    assert_eq!(shop.export(&[]), before);
}
