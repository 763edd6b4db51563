//! Files that break off: what came before that is stored.

use std::{
    fmt::Write as _,
    io::{self, Cursor, Read},
};

use recommendations::{
    import::{
        self, ImportError,
        readers::{Event, Format, LibraryError, Plan, import},
    },
    readers::{ReaderMetrics, Readers},
    store::Store,
};
use service::telemetry::Metrics;

use crate::{books, checked};

/// What cannot be read.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// So many short rows, and then an error.
fn rows(count: i32) -> impl Read + Send + 'static {
    let mut file = "book,stars,reader\n".to_owned();
    (0..count).for_each(|row| writeln!(file, "{},4.5,{}", row % 4 + 1, row / 4 + 1).unwrap());
    Cursor::new(file).chain(Broken)
}

#[tokio::test]
async fn ratings_before_an_error_are_stored() {
    let store = Store::connect("sqlite::memory:").await.unwrap();
    let metrics = ReaderMetrics::new(&Metrics::new(recommendations::PREFIX));
    let (readers, writer) = Readers::start(store, metrics).await.unwrap();
    let writing = tokio::spawn(writer.run());
    for (count, format) in [(700, None), (701, Some(Format::Csv)), (3, None), (0, None)] {
        let plan = Plan { format, reader: None, books: books(), raw: false };
        let mut stored = 0;
        let told = |event: Event<'_>| {
            if let Event::Progress(report) = event {
                stored = report.stored;
            }
        };
        let error = import(rows(count), plan, &readers, told).await.unwrap_err();
        assert!(matches!(error, LibraryError::Read(_)), "{error}");
        assert_eq!(stored, u64::from(count.unsigned_abs()));
    }
    assert_eq!(readers.ratings().len(), 701);
    readers.close();
    writing.await.unwrap();
}

#[tokio::test]
async fn books_before_an_error_are_stored() {
    let store = Store::connect("sqlite::memory:").await.unwrap();
    let file =
        "{\"title\":\"Emma\",\"authors\":[\"Jane Austen\"],\"categories\":[\"classics\"]}\n{\"title\":\"Ha";
    let mut rows = 0;
    let told = |event: import::Event<'_>| {
        if let import::Event::Progress { rows: all, .. } = event {
            rows = all;
        }
    };
    let file = Cursor::new(file).chain(Broken);
    let error = import::books(file, import::Format::Jsonl, &store, told).await.unwrap_err();
    assert!(matches!(error, ImportError::Read(_)), "{error}");
    assert_eq!((rows, store.version().await.unwrap().number), (1, 1));
}

#[test]
fn an_error_before_anything_else_is_not_taken_for_an_empty_file() {
    for start in ["", "\n \r\n", "\u{feff}\n", "book", "{\"book\":1"] {
        let error = checked(Cursor::new(start).chain(Broken), None).unwrap_err();
        assert!(matches!(error, LibraryError::Read(_)), "{start:?}: {error}");
    }
}

/// A file that comes a byte at a time.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut buffer[..1])
    }
}

#[test]
fn a_file_may_come_in_pieces() {
    for file in [
        "\u{feff}\r\n\nbook,stars\n1,5\n2,4\n",
        "\n  {\"book\":1,\"stars\":5}\n{\"book\":2,\"shelf\":\"read\"}",
    ] {
        let (opening, report, bad) = checked(Slow(file.as_bytes()), None).unwrap();
        assert!(report.stored == 2 && bad.is_empty(), "{opening:?} {bad:?}");
    }
}
