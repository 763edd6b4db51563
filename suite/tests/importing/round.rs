use crate::{HEADER, Shop, read};

/// Every kind of entry, in the order of an export.
fn all_kinds(readers: i32) -> String {
    let mut file = HEADER.to_owned();
    for reader in 1..=readers {
        for book in 1..=40 {
            let n = reader + book;
            let stars = ["", "0.5", "3.5", "5"][n as usize % 4];
            let dismissed = stars.is_empty() && n % 3 == 0;
            let shelf = ["", "want_to_read", "reading", "read", "did_not_finish"][n as usize % 5];
            let (owned, day) = (n % 7 == 0, 1 + n % 28);
            file += &format!(
                "{reader},{book},{stars},{shelf},{dismissed},{owned},true,2024-02-{day:02}T01:02:03Z\n"
            );
        }
    }
    file
}

#[test]
fn what_was_exported_can_be_imported_and_gives_the_same_state() {
    let shop = Shop::new();
    let file = all_kinds(60);
    let path = shop.file("all.csv", &file);
    let ended = shop.import(&["ratings", &path]);
    assert_eq!(ended.out.trim(), format!("{path}: 2400 stored, 0 not in the catalogue, 0 wrong"));
    assert_eq!(ended.err, "");
    assert_eq!(shop.export(&[]), file);
    shop.import(&["ratings", &path]);
    assert_eq!(shop.export(&["-"]), file);

    // Through JSON into another shop, in another order.
    let json = shop.path("all.jsonl");
    assert!(shop.export(&[&json]).contains("2400 entries"));
    let lines: Vec<_> = read(&json).lines().rev().map(|line| format!("{line}\n")).collect();
    let other = Shop::new();
    let reversed = other.file("reversed", lines.concat());
    other.import(&["ratings", &reversed]);
    assert_eq!(other.export(&[]), file);
    assert_eq!(other.export(&["--format", "jsonl"]), read(&json));

    // One reader alone.
    let own: String =
        file.lines().filter(|line| line.starts_with("7,")).map(|line| format!("{line}\n")).collect();
    assert_eq!(shop.export(&["--reader", "7"]), format!("{HEADER}{own}"));
    assert_eq!(shop.export(&["--reader", "61"]), HEADER);
    let path = other.file("own.csv", shop.export(&["--reader", "7"]));
    other.import(&["ratings", &path, "--reader", "100"]);
    let own: String = own.lines().map(|line| line.replacen("7,", "100,", 1) + "\n").collect();
    assert_eq!(other.export(&["--reader", "100"]), format!("{HEADER}{own}"));
}

#[test]
fn without_times_the_same_again_changes_nothing() {
    let shop = Shop::new();
    let path = shop.file("few.csv", "stars;book;reader;more\n4,5;2;1;x\n;3;1;\n5;1;1;\n");
    let ended = shop.import(&["ratings", &path]);
    assert!(ended.out.ends_with(": 2 stored, 0 not in the catalogue, 1 wrong\n"), "{}", ended.out);
    assert_eq!(ended.err, "3\tsays nothing: it has no stars, dismissal, shelf, ownership or interaction\n");
    let before = shop.export(&[]);
    assert!(before.contains("\n1,1,5,,false,false,false,20") && before.contains("\n1,2,4.5,,"), "{before}");
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    shop.import(&["ratings", &path]);
    assert_eq!(shop.export(&[]), before);
}

#[test]
fn what_cannot_be_imported_is_said_in_one_line() {
    let shop = Shop::new();
    let csv = shop.file("own.csv", "book,stars\n1,5\n");
    let goodreads =
        shop.file("goodreads.csv", "Title,Author,My Rating,Exclusive Shelf\nEmma,Jane Austen,5,read\n");
    let empty = shop.file("empty.csv", "");
    let utf16 = shop.file("utf16.csv", b"\xff\xfet\0i\0");
    let folder = shop.path("");
    for (arguments, code, reason) in [
        (vec!["ratings", &csv], 64, "the first line must name the columns, and `reader` is not among them"),
        (vec!["ratings", &goodreads], 64, "the file does not say whose its rows are: name the reader"),
        (vec!["ratings", &empty], 64, "the file is empty"),
        (vec!["ratings", &utf16], 64, "the file is UTF-16; save it as UTF-8"),
        (
            vec!["goodreads", &csv, "--reader", "1"],
            64,
            "`Title`, `Author`, `My Rating` and `Exclusive Shelf` are not",
        ),
        (
            vec!["storygraph", &goodreads, "--reader", "1"],
            64,
            "`Authors`, `Read Status` and `Star Rating` are not",
        ),
        (vec!["ratings", &folder], 74, "is a folder"),
        (vec!["ratings", "/nowhere.csv"], 74, "No such file"),
        (
            vec!["ratings", &csv, "--reader", "1", "--errors", &csv],
            64,
            "is a file that is read; name another",
        ),
        (vec!["goodbooks", &folder], 74, "books.csv: No such file"),
    ] {
        let ended = shop.run(&[&["import"], arguments.as_slice()].concat());
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(reason) && ended.err.lines().count() == 1, "{}", ended.err);
    }
    assert_eq!(read(&csv), "book,stars\n1,5\n");
    for arguments in [vec!["goodreads", &goodreads], vec!["goodreads", &goodreads, "--reader", "0"]] {
        assert_eq!(shop.run(&[&["import"], arguments.as_slice()].concat()).code, Some(64));
    }
    assert_eq!(shop.export(&[]), HEADER);
}
