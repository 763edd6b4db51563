//! Files as shops have them: damaged rows, and the ways of spreadsheets.

use std::io::{self, Read};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use recommendations::{
    import::{Event, Format, ImportError, books},
    store::Store,
};

use crate::{counts, everything, import};

crate::on_both! {
    async fn bad_lines_are_reported_and_good_ones_imported(database: Database) {
        let store = crate::connect(&database).await;
        let mut file = Vec::new();
        file.extend_from_slice(b"{\"title\":\"Good\",\"categories\":[\"mystery\"]}\n");
        file.extend_from_slice(b"\n{\"title\":\"No category\"}\n{\"title\":7,\"categories\":[\"mystery\"]}\nnonsense\n");
        file.extend_from_slice(b"{\"title\":\"\xff\",\"categories\":[\"mystery\"]}\n");
        file.extend_from_slice(b"{\"title\":\"Bad ISBN\",\"categories\":[\"mystery\"],\"isbn13\":\"9780679722648\"}\n");
        file.extend_from_slice(b"{\"title\":\"Good too\",\"categories\":[\"mystery\"],\"year\":null}");
        let (report, rejected) = import(&store, Format::Jsonl, file).await;
        assert_eq!(report, counts(2, 0, 0, 5));
        assert_eq!(
            rejected,
            [
                (3, "names no category".to_owned()),
                (4, "`title` must be a text in quotes".to_owned()),
                (5, "is not a JSON object".to_owned()),
                (6, "is not UTF-8".to_owned()),
                (7, "isbn 9780679722648 has a wrong check digit".to_owned()),
            ]
        );
    }

    async fn spreadsheets_are_understood(database: Database) {
        let store = crate::connect(&database).await;
        let file = "\u{feff}ISBN,Title,Authors,Year,Categories,Subjects,Series,Series Number,Price,Language\r\n\
            \"=\"\"9780679722649\"\"\",The Maltese Falcon,Dashiell Hammett,1930,mystery; Classics,,,,9.99,en\r\n\
            ,\"A title,\r\nof \"\"two\"\" lines\",Jane Doe; John Doe,,Poetry,a;b,Twos,2,,\r\n\
            \r\n\
            ,Bad year,,nineteen,Poetry,,,,,\r\n\
            ,Short row,,\r\n\
            =\"0-306-40615-2\",Last,,-750,History,,,,,grc\r\n";
        let (report, rejected) = import(&store, Format::Csv, file).await;
        assert_eq!(report.ignored_columns, ["Price"]);
        assert_eq!((report.new, report.rejected), (3, 2));
        assert_eq!(
            rejected,
            [
                (6, "year is not a number: nineteen".to_owned()),
                (7, "has 4 columns, the header has 10".to_owned()),
            ]
        );
        let (_, books) = everything(&store).await;
        let two = books.values().find(|book| book.title == "A title, of \"two\" lines").unwrap();
        assert_eq!((two.authors.len(), two.subjects.len(), two.categories.as_slice()), (2, 2, &[10][..]));
        assert_eq!(two.series.as_ref().unwrap().number, Some(2.0));
        let isbns: Vec<_> = books.values().filter_map(|book| book.isbn13).map(|isbn| isbn.to_string()).collect();
        assert_eq!(isbns, ["9780679722649", "9780306406157"]);
        let last = books.values().find(|book| book.title == "Last").unwrap();
        assert_eq!((last.year, last.language.as_str()), (Some(-750), "grc"));
    }

    async fn other_separators_are_seen(database: Database) {
        let store = crate::connect(&database).await;
        for file in ["title;categories\nA;\"mystery;poetry\"\n", "title\tcategories\nB\tmystery;poetry\n"] {
            assert_eq!(import(&store, Format::Csv, file).await, (counts(1, 0, 0, 0), vec![]));
        }
        assert!(everything(&store).await.1.values().all(|book| book.categories == [0, 10]));
    }
}

#[tokio::test]
async fn a_header_is_needed() {
    let store = Store::connect(":memory:").await.unwrap();
    for file in ["", "\n\n", "name,author\nDune,Frank Herbert\n"] {
        let outcome = books(file.as_bytes(), Format::Csv, &store, |_| {}).await;
        assert!(matches!(outcome, Err(ImportError::NoTitle)), "{file:?}");
    }
    let outcome = books(&b"\xff\xfet\0i\0t\0l\0e\0"[..], Format::Csv, &store, |_| {}).await;
    assert!(matches!(outcome, Err(ImportError::Utf16)));
}

/// A head, so many bytes of `x`, a tail: longer than anybody wants to hold.
struct Long {
    head: io::Cursor<Vec<u8>>,
    middle: io::Take<io::Repeat>,
    tail: io::Cursor<Vec<u8>>,
}

impl Long {
    fn new(head: &str, middle: u64, tail: &str) -> Self {
        Self {
            head: io::Cursor::new(head.into()),
            middle: io::repeat(b'x').take(middle),
            tail: io::Cursor::new(tail.into()),
        }
    }
}

impl Read for Long {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for part in [&mut self.head as &mut dyn Read, &mut self.middle, &mut self.tail] {
            let read = part.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
        }
        Ok(0)
    }
}

#[tokio::test]
async fn a_record_of_any_length_is_skipped() {
    const LENGTH: u64 = 40 << 20;
    let good = r#"{"title":"Good","categories":["mystery"]}"#;
    let too_long = |line| (line, "is longer than 1 MiB".to_owned());
    let open = |line, last| {
        let next = line + 1;
        let text = format!(
            "a quote on line {line} is never closed and takes in the lines up to {last}; \
             those from {next} on are read anew, as rows"
        );
        (line, text)
    };
    for (format, file, reasons) in [
        (Format::Jsonl, Long::new("{\"title\":\"", LENGTH, &format!("\"}}\n{good}\n")), vec![too_long(1)]),
        (Format::Csv, Long::new("title,categories\n", LENGTH, ",mystery\nGood,mystery\n"), vec![too_long(2)]),
        (
            Format::Csv,
            Long::new("title,categories\n\"a quote left open,mystery\n", LENGTH, ",mystery\nGood,mystery\n"),
            vec![open(2, 3), too_long(3)],
        ),
    ] {
        let store = Store::connect(":memory:").await.unwrap();
        let mut rejected = Vec::new();
        let report = books(file, format, &store, |event| {
            if let Event::Rejected { line, reason } = event {
                rejected.push((line, reason.to_string()));
            }
        })
        .await
        .unwrap();
        assert_eq!(report, counts(1, 0, 0, reasons.len() as u64));
        assert_eq!(rejected, reasons);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_line_is_said_in_plain_words() {
    for (line, reason) in [
        ("[1,\"Dune\"]", "is not a JSON object"),
        ("7", "is not a JSON object"),
        ("{\"title\":\"Dune\"", "is not JSON: it ends too early"),
        ("{\"title\":Dune}", "is not JSON from column 10 on"),
        ("{\"year\":\"1965\"}", "`year` must be a whole number"),
        ("{\"id\":1.5}", "`id` must be a whole number"),
        ("{\"series_number\":\"1\"}", "`series_number` must be a number"),
        ("{\"title\":null,\"authors\":\"Frank Herbert\"}", "`authors` must be an array of texts"),
        ("{\"subjects\":[1]}", "`subjects` must be an array of texts"),
        ("{\"title\":\"A\",\"title\":\"B\"}", "names a field twice"),
    ] {
        let store = Store::connect(":memory:").await.unwrap();
        let (_, rejected) = import(&store, Format::Jsonl, line).await;
        assert_eq!(rejected, [(1, reason.to_owned())], "{line}");
    }
}

#[tokio::test]
async fn an_open_quote_costs_its_own_line_only() {
    // Nobody closes the quote; a later field's quote seems to; a later row's last field has one that fits.
    let plain: String = (0..60_000).map(|n| format!("Book {n},A. Writer of Books,mystery\n")).collect();
    let quoted: String = (0..60_000).map(|n| format!("Book {n},\"Writer, A.\",mystery\r\n")).collect();
    for (head, rows, tail, good) in [
        ("\"Open,Nobody,mystery\n", plain.as_str(), "", 60_000),
        ("Open,\"Nobody,mystery\r\n", quoted.as_str(), "", 60_000),
        ("\"Open,Nobody,mystery\n", "A,B,mystery\nB,C,mystery\n", "C,D,\"mystery\"\n", 3),
        ("Open,\"Nobody,mystery\n", "A,B,mystery\n", "\"Two\nlines\",\"C\r\nD\",mystery\n", 2),
        ("Open,\"Nobody,mystery\n", "A,B,mystery\n", "B,C,mystery\"\n", 2),
        ("A,B,mystery\n", "B,C,mystery\n", "Open,D,\"mystery", 2),
    ] {
        let store = Store::connect(":memory:").await.unwrap();
        let file = format!("title,authors,categories\n{head}{rows}{tail}");
        let (report, rejected) = import(&store, Format::Csv, file).await;
        assert_eq!((report, rejected.len()), (counts(good, 0, 0, 1), 1), "{head} {tail} {rejected:?}");
        let (line, reason) = &rejected[0];
        assert!(reason.starts_with(&format!("a quote on line {line} is never closed")), "{reason}");
    }
}

#[tokio::test]
async fn a_failing_file_says_so() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let store = Store::connect(":memory:").await.unwrap();
    let outcome = books(Failing, Format::Jsonl, &store, |_| {}).await;
    assert!(matches!(outcome, Err(ImportError::Read(error)) if error.to_string() == "the disk is gone"));
}

#[tokio::test]
async fn no_bytes_whatever_stop_an_import() {
    const PIECES: [&[u8]; 24] = [
        b"title",
        b"categories",
        b"isbn13",
        b"id",
        b"year",
        b",",
        b",",
        b";",
        b"\"",
        b"\"",
        b"\n",
        b"\n",
        b"\r\n",
        b"mystery",
        b"\xc3",
        b"\xa9",
        b"\xff",
        b"\0",
        b"{\"title\":\"",
        b"\",\"categories\":[\"poetry\"]}\n",
        b"=\"",
        b"-1",
        b"7",
        b"\t",
    ];
    let mut random = StdRng::seed_from_u64(7);
    let store = Store::connect(":memory:").await.unwrap();
    for _ in 0..500 {
        let mut file = if random.random() { b"title,categories,id,year\n".to_vec() } else { Vec::new() };
        for _ in 0..random.random_range(0..200) {
            file.extend_from_slice(PIECES.choose(&mut random).unwrap());
        }
        for format in [Format::Csv, Format::Jsonl] {
            let outcome = books(io::Cursor::new(file.clone()), format, &store, |_| {}).await;
            assert!(matches!(outcome, Ok(_) | Err(ImportError::NoTitle | ImportError::Utf16)), "{outcome:?}");
        }
    }
}
