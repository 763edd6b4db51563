//! Files as people really have them.

use std::{
    fs,
    io::{self, Read},
};

use recommendations::import::readers::{Errors, Format, LibraryError};

use crate::{checked, rows};

const GOODREADS: &str = "Book Id,Title,Author,ISBN,ISBN13,My Rating,Exclusive Shelf";

#[test]
fn marks_line_ends_and_quotes_of_spreadsheets_do_not_matter() {
    let file = format!(
        "\u{feff}{GOODREADS}\r\n\
         1,The Hobbit,J.R.R. Tolkien,\"=\"\"0547928220\"\"\",\"=\"\"9780547928227\"\"\",5,read\r\n\
         2,\"Sapiens\",\"Harari, Yuval Noah\",=\"\",=\"\",4,read\r\n\
         3,\"Cien años\r\nde soledad\",\"Gabriel \"\"Gabo\"\" García Márquez\",=\"\",=\"\",0,to-read\r\n\
         4,Unknown,=\"0141439580\",=\"0141439580\",=\"9780141439587\",3,read\r\n"
    );
    assert_eq!(rows(file.as_bytes(), None), (4, vec![]));
    assert_eq!(rows(file.replace("\r\n", "\n").trim_end().as_bytes(), None), (4, vec![]));
}

#[test]
fn columns_stand_in_any_order_and_others_are_not_looked_at() {
    for file in [
        "Exclusive Shelf;My Rating;Whatever;Author;Title\nread;5;\"a;b\";Jane Austen;Emma\n",
        "title\tauthor\tmy rating\texclusive shelf\ttitle\nEmma\tJane Austen\t5\tread\tNo\n",
        "MY RATING,Exclusive  Shelf,TITLE,author,,\n5,read,Emma,Jane Austen,,\n",
    ] {
        assert_eq!(rows(file.as_bytes(), None), (1, vec![]), "{file}");
    }
}

#[test]
fn latin_1_among_utf_8_is_read_as_such() {
    let mut file =
        format!("{GOODREADS}\n1,Cien años de soledad,Gabriel García Márquez,,,5,read\n").into_bytes();
    file.extend_from_slice(b"2,Cien a\xf1os de soledad,Gabriel Garc\xeda M\xe1rquez,,,4,read\n");
    file.extend_from_slice(b"3,\xff\xfe\x00\x01,\x80,,,4,read\n");
    file.extend_from_slice(b"4,Emma,Jane Austen,,,4,read\n");
    let (good, bad) = rows(&file, None);
    assert_eq!((good, bad.len()), (3, 1));
    assert!(bad[0].0 == 4 && bad[0].1.starts_with("the catalogue has no such book: ÿþ"), "{bad:?}");
}

#[test]
fn what_is_no_library_at_all_is_refused_with_the_reason() {
    let utf16: Vec<u8> = "\u{feff}Title,Author".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_without_mark: Vec<u8> = "Title,Author\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let garbage: Vec<u8> = (0..5_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (file, format, reason) in [
        (&b""[..], None, "the file is empty"),
        (b"\xef\xbb\xbf", None, "the file is empty"),
        (b" \r\n\n", Some(Format::Csv), "the file is empty"),
        (&utf16, None, "the file is UTF-16; save it as UTF-8"),
        (&utf16_without_mark, None, "the file is no text, or neither UTF-8 nor Latin-1"),
        (b"%PDF-1.4\n%\xe2\xe3\n", None, "the first line is neither the header of a Goodreads"),
        (b"PK\x03\x04\x00\x00", None, "the file is no text"),
        (b"\"a\nb\nc", None, "the first line is neither"),
        (
            b"Title,My Rating\n",
            None,
            "the first line must name the columns, and `Author` and `Exclusive Shelf` are not among them",
        ),
        (
            b"Read Status,Authors,Title\n",
            None,
            "the first line must name the columns, and `Star Rating` is not",
        ),
        (
            b"stars,shelf\n",
            Some(Format::Csv),
            "the first line must name the columns, and `book` is not among",
        ),
    ] {
        let error = checked(file, format).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
    assert!(checked(garbage.as_slice(), None).is_err());
    // Rows that are garbage are rows that are wrong.
    let mut file = format!("{GOODREADS}\n").into_bytes();
    file.extend(garbage.iter().map(|&byte| if byte == b'"' { b'x' } else { byte }));
    file.extend_from_slice(b"\n4,Emma,Jane Austen,,,4,read\n");
    let (good, bad) = rows(&file, None);
    assert!(good == 1 && !bad.is_empty(), "{good} {bad:?}");
}

#[test]
fn an_open_quote_costs_its_own_row_only() {
    let file = format!("{GOODREADS}\n1,\"The Hobbit,X,,,5,read\n2,Emma,Jane Austen,,,4,read\n");
    let (good, bad) = rows(file.as_bytes(), None);
    assert_eq!((good, bad.len(), bad[0].0), (1, 1, 2), "{bad:?}");
    assert!(bad[0].1.starts_with("a quote on line 2 is never closed"), "{bad:?}");
}

/// So many bytes of one letter, then the rest.
fn with_a_long_line(before: &str, length: u64, after: &str) -> impl Read {
    io::Cursor::new(before.to_owned())
        .chain(io::repeat(b'x').take(length))
        .chain(io::Cursor::new(after.to_owned()))
}

fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib << 10)
}

#[test]
fn lines_of_200_megabytes_are_rows_that_are_too_long() {
    // In a process of its own: memory is counted.
    let alone = "LONG_LINES_ALONE";
    if std::env::var_os(alone).is_none() {
        let mut test = std::process::Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", "malformed::lines_of_200_megabytes_are_rows_that_are_too_long", "--nocapture"]);
        assert!(test.env(alone, "1").status().unwrap().success());
        return;
    }
    let before = peak_memory();
    for (start, end, format) in [
        (format!("{GOODREADS}\n1,"), "\n2,Emma,Jane Austen,,,4,read\n", Format::Goodreads),
        (format!("{GOODREADS}\n1,\""), "\",,,,,\n2,Emma,Jane Austen,,,4,read\n", Format::Goodreads),
        ("{\"book\":1,\"shelf\":\"".to_owned(), "\"}\n{\"book\":4,\"stars\":5}\n", Format::Jsonl),
    ] {
        let (_, report, bad) = checked(with_a_long_line(&start, 200 << 20, end), Some(format)).unwrap();
        assert_eq!(report.stored, 1, "{bad:?}");
        assert_eq!(bad.len(), 1);
        let reason = bad[0].reason.to_string();
        assert!(reason == "is longer than 1 MiB" || reason.starts_with("a quote on line 2"), "{reason}");
    }
    // The header, too.
    let error = checked(with_a_long_line("", 200 << 20, "\n"), Some(Format::Goodreads)).unwrap_err();
    assert!(matches!(error, LibraryError::Unknown), "{error}");
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        // The program's own pages are in it as soon as they are used.
        assert!(after < before + (32 << 20), "{before} {after}");
    }
}

/// The file that lists what was wrong.
fn list(file: &[u8], format: Option<Format>) -> Vec<u8> {
    let (opening, _, bad) = checked(file, format).unwrap();
    let mut list = Vec::new();
    let mut errors = Errors::new(&mut list, &opening).unwrap();
    bad.iter().for_each(|bad| errors.row(bad).unwrap());
    list
}

#[test]
fn what_was_wrong_is_listed_as_it_was_and_stays_wrong_until_it_is_mended() {
    let file = b"book;stars;shelf;note\n\
        1;5;read;fine\n\
        2;7;read;\"two\nlines; \"\"quoted\"\"\"\n\
        3;5\n\
        9;5;read;\n\
        4;5;read;caf\xe9;more\n\
        \"1;5;read;\n\
        1;5;\"read\";fine\n";
    assert_eq!(rows(file, None).0, 2);
    let first = list(file, None);
    let text = String::from_utf8_lossy(&first);
    assert_eq!(
        text,
        "book;stars;shelf;note;reason\n\
         2;7;read;\"two\nlines; \"\"quoted\"\"\";\"line 3: stars is \"\"7\"\", not 0.5 to 5 in halves\"\n\
         3;5;line 5: has 2 columns, the header has 4\n\
         9;5;read;;line 6: the catalogue has no book 9\n\
         4;5;read;caf\u{fffd};more;line 7: has 5 columns, the header has 4\n\
         \"\"\"1;5;read;\";;;;\"line 8: a quote on line 8 is never closed and takes in the lines up to 9; those from 9 \
         on are read anew, as rows\"\n"
    );
    assert!(first.windows(4).any(|bytes| bytes == b"caf\xe9"), "bytes stay as they were");
    // Again, nothing is good, and the list of that has one column for reasons.
    let (good, bad) = rows(&first, None);
    assert_eq!((good, bad.len()), (0, 5));
    let second = list(&first, None);
    assert!(second.starts_with(b"book;stars;shelf;note;reason\n2;7;read;"), "{second:?}");
    // Mended, all of it is.
    let mended = text
        .replace("2;7;", "2;4.5;")
        .replace("3;5;line", "3;5;;;line")
        .replace("9;5", "4;5")
        .replace(";more;", ";")
        .replace("\"\"\"1;5;read;\";;;;", "1;5;read;;");
    assert_eq!(rows(mended.as_bytes(), None), (5, vec![]));

    let file = b"{\"book\":1,\"stars\":9,\"note\":\"x\"}\n[1]\n{\"book\":2,\"sh\n{\"book\":1,\"stars\":4}\n";
    let first = String::from_utf8(list(file, None)).unwrap();
    assert_eq!(
        first,
        "{\"book\":1,\"note\":\"x\",\"stars\":9,\"reason\":\"line 1: stars is \\\"9\\\", not 0.5 to 5 in halves\"}\n\
         {\"text\":\"[1]\",\"reason\":\"line 2: is not a JSON object\"}\n\
         {\"text\":\"{\\\"book\\\":2,\\\"sh\",\"reason\":\"line 3: is not JSON: it ends too early\"}\n"
    );
    assert_eq!(rows(first.as_bytes(), None).0, 0);
}
