//! A reader's library as it is uploaded: pieces of a file in, progress and what became of it out.

use std::{
    io::{self, Read, Write},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use protobufs::readers::{
    ImportLibraryRequest, ImportLibraryResponse, LibraryError as RowProblem, LibraryFormat, LibraryHeader,
    LibraryProgress, LibraryResult, LibraryUnmatched, import_library_request::Part,
    import_library_response::Part as Told,
};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, mpsc},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::{
    catalogue::Version,
    grpc::{
        parse,
        status::{CallError, Violation},
    },
    import::readers::{Bad, Books, Errors, Event, Format, Plan, Report, RowError, import},
    loading::Current,
    readers::Readers,
};

/// The longest piece of a file, in bytes.
pub(in crate::grpc) const CHUNK: usize = 65_536;
/// How long a stream may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// How many pieces wait for whoever reads the file.
const PIECES: usize = 4;
/// How often progress is told at most.
const PROGRESS: Duration = Duration::from_millis(100);
/// How many rows of each kind the result names.
const ROWS: usize = 1_000;
/// How long the file of the rows that were not stored gets, in bytes: with the two lists it fits into one answer.
const NOT_STORED: usize = 1 << 20;
/// After how many characters a title is cut.
const TITLE: usize = 200;

/// What rows are matched with, made anew when the catalogue has changed.
#[derive(Clone, Default)]
pub(super) struct Matching(Arc<Mutex<Option<Made>>>);

/// Of which catalogue, and what.
type Made = (Version, Arc<Books>);

impl Matching {
    async fn books(&self, current: &Current) -> Result<Arc<Books>, CallError> {
        let snapshot = current.load_full();
        let version = snapshot.catalogue.version().clone();
        let mut held = self.0.lock().await;
        if let Some((of, books)) = held.as_ref()
            && *of == version
        {
            return Ok(Arc::clone(books));
        }
        let making = tokio::task::spawn_blocking(move || Books::of_catalogue(&snapshot.catalogue));
        let books = Arc::new(
            making.await.map_err(|error| CallError::of_task(&error, "Reading the catalogue failed"))?,
        );
        *held = Some((version, Arc::clone(&books)));
        Ok(books)
    }
}

/// What an import needs.
pub(super) struct Uploading {
    pub(super) readers: Readers,
    pub(super) current: Current,
    pub(super) matching: Matching,
    pub(super) max_bytes: u64,
    pub(super) permit: OwnedSemaphorePermit,
}

/// Reads the header, and the rest while the answers are taken.
pub(super) async fn start(
    uploading: Uploading,
    mut stream: Streaming<ImportLibraryRequest>,
) -> Result<ReceiverStream<Result<ImportLibraryResponse, Status>>, CallError> {
    let Some(Part::Header(header)) = next(&mut stream).await? else {
        return Err(invalid("part", "must be the header in the first message"));
    };
    let LibraryHeader { reader_id, format } = header;
    let (reader, format, ()) = parse::all(
        parse::reader_id("header.reader_id", reader_id),
        self::format("header.format", format),
        Ok(()),
    )?;
    let Uploading { readers, current, matching, max_bytes, permit } = uploading;
    let books = matching.books(&current).await?;
    let plan = Plan { format, reader: Some(reader), books, raw: true };
    let (told, answers) = mpsc::channel(4);
    tokio::spawn(async move {
        let _permit = permit;
        let (pieces, file) = mpsc::channel(PIECES);
        let file = Pieces { waiting: file, piece: Vec::new(), place: 0 };
        let mut result = Collected::default();
        let last = {
            let mut receiving = pin!(receive(stream, pieces, max_bytes));
            let mut importing = pin!(import(file, plan, &readers, |event| result.take(event, &told)));
            tokio::select! {
                received = &mut receiving => match received {
                    // The importer was told so, too.
                    Err(error) => {
                        let _ = importing.await;
                        Err(error)
                    }
                    Ok(()) => importing.await.map_err(CallError::Library),
                },
                imported = &mut importing => imported.map_err(CallError::Library),
            }
        };
        let last = last.map(|(format, total)| result.render(&format, &total)).map_err(Status::from);
        // Who asked may have gone.
        let _ = told.send(last).await;
    });
    Ok(ReceiverStream::new(answers))
}

async fn next(stream: &mut Streaming<ImportLibraryRequest>) -> Result<Option<Part>, CallError> {
    let message = timeout(SILENCE, stream.message()).await.map_err(|_| CallError::Silent)?;
    match message.map_err(CallError::Broken)? {
        None => Ok(None),
        Some(ImportLibraryRequest { part: Some(part) }) => Ok(Some(part)),
        Some(ImportLibraryRequest { part: None }) => Err(invalid("part", "is not set")),
    }
}

/// Hands on what comes in. If something is wrong with it, whoever reads the file hears that it broke off.
async fn receive(
    mut stream: Streaming<ImportLibraryRequest>,
    pieces: mpsc::Sender<io::Result<Vec<u8>>>,
    max_bytes: u64,
) -> Result<(), CallError> {
    let mut bytes = 0;
    loop {
        let piece = match next(&mut stream).await {
            Ok(None) => return Ok(()),
            Ok(Some(Part::Chunk(piece))) if piece.len() > CHUNK => {
                Err(invalid("chunk", "must be at most 65,536 bytes"))
            }
            Ok(Some(Part::Chunk(piece))) => {
                bytes += piece.len() as u64;
                if bytes > max_bytes { Err(CallError::LibraryTooLong(max_bytes)) } else { Ok(piece) }
            }
            Ok(Some(Part::Header(_))) => Err(invalid("header", "must come once")),
            Err(error) => Err(error),
        };
        let (piece, failure) = match piece {
            Ok(piece) => (Ok(piece), None),
            Err(error) => (Err(io::ErrorKind::UnexpectedEof.into()), Some(error)),
        };
        // Whoever reads may have ended with an error of its own.
        let gone = pieces.send(piece).await.is_err();
        match failure {
            Some(error) => return Err(error),
            None if gone => return Ok(()),
            None => {}
        }
    }
}

fn invalid(field: &'static str, description: &'static str) -> CallError {
    CallError::Invalid(vec![Violation { field, description }])
}

fn format(field: &'static str, value: i32) -> Result<Option<Format>, Violation> {
    match LibraryFormat::try_from(value) {
        Ok(LibraryFormat::Unspecified) => Ok(None),
        Ok(LibraryFormat::Goodreads) => Ok(Some(Format::Goodreads)),
        Ok(LibraryFormat::Storygraph) => Ok(Some(Format::Storygraph)),
        Ok(LibraryFormat::ShelfwiseCsv) => Ok(Some(Format::Csv)),
        Ok(LibraryFormat::ShelfwiseJsonl) => Ok(Some(Format::Jsonl)),
        Err(_) => Err(Violation { field, description: "is no format" }),
    }
}

/// The file, as its pieces come in.
struct Pieces {
    waiting: mpsc::Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    place: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.place == self.piece.len() {
            let Some(piece) = self.waiting.blocking_recv() else { return Ok(0) };
            (self.piece, self.place) = (piece?, 0);
        }
        let rest = &self.piece[self.place..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.place += length;
        Ok(length)
    }
}

/// A file in memory, which takes what it has room for whole, and nothing else.
#[derive(Default)]
struct Room(Vec<u8>);

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > NOT_STORED {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct Collected {
    errors: Vec<RowProblem>,
    unmatched: Vec<LibraryUnmatched>,
    not_stored: Option<Errors<Room>>,
    not_stored_rows: i64,
    told: Option<Instant>,
}

impl Collected {
    fn take(&mut self, event: Event<'_>, told: &mpsc::Sender<Result<ImportLibraryResponse, Status>>) {
        match event {
            // Without room for its header there is no file.
            Event::Opened(opening) => self.not_stored = Errors::new(Room::default(), opening).ok(),
            Event::Bad(bad) => self.note(bad),
            Event::Progress(report) => {
                if self.told.is_none_or(|at| at.elapsed() >= PROGRESS) {
                    self.told = Some(Instant::now());
                    let answer = ImportLibraryResponse { part: Some(Told::Progress(progress(report))) };
                    // Who takes answers slowly is told less often.
                    let _ = told.try_send(Ok(answer));
                }
            }
        }
    }

    fn note(&mut self, bad: &Bad) {
        let kept = self.not_stored.as_mut().is_some_and(|file| file.row(bad).is_ok());
        self.not_stored_rows += i64::from(kept);
        let line = i64::try_from(bad.line).unwrap_or(i64::MAX);
        let (title, author) = match &bad.reason {
            RowError::Unmatched { title, author } => (cut(title), cut(author)),
            RowError::NoBook(number) => (number.to_string(), String::new()),
            RowError::Titled { title, .. } => (cut(title), String::new()),
            _ => (String::new(), String::new()),
        };
        if bad.reason.is_unmatched() {
            if self.unmatched.len() < ROWS {
                self.unmatched.push(LibraryUnmatched { line, title, author });
            }
        } else if self.errors.len() < ROWS {
            self.errors.push(RowProblem { line, reason: bad.reason.to_string(), title });
        }
    }

    fn render(self, format: &Format, total: &Report) -> ImportLibraryResponse {
        let format = match format {
            Format::Goodreads => LibraryFormat::Goodreads,
            Format::Storygraph => LibraryFormat::Storygraph,
            Format::Csv => LibraryFormat::ShelfwiseCsv,
            Format::Jsonl => LibraryFormat::ShelfwiseJsonl,
            Format::Goodbooks(_) => LibraryFormat::Unspecified,
        };
        let not_stored = self.not_stored.filter(|_| self.not_stored_rows > 0).map(|file| file.into_inner().0);
        let result = LibraryResult {
            total: Some(progress(total)),
            format: format.into(),
            errors: self.errors,
            unmatched: self.unmatched,
            not_stored: not_stored.unwrap_or_default(),
            not_stored_rows: self.not_stored_rows,
        };
        ImportLibraryResponse { part: Some(Told::Result(result)) }
    }
}

fn progress(report: &Report) -> LibraryProgress {
    let count = |number| i64::try_from(number).unwrap_or(i64::MAX);
    LibraryProgress {
        bytes: count(report.bytes),
        rows: count(report.rows()),
        stored: count(report.stored),
        unmatched: count(report.unmatched),
        wrong: count(report.wrong),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TITLE).collect()
}
