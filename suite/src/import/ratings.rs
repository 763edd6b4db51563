use std::{
    fs::File,
    io::{self, BufWriter, Read, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use recommendations::{
    import::readers::{Books, Errors, Event, Format, LibraryError, Plan, Report, import},
    readers::{ReaderMetrics, Readers, WriteError},
    store::Store,
};
use service::{Failure, telemetry::Metrics};
use storage::Place;

use super::{FileFormat, files, progress};

/// A file of our own format.
#[derive(Args, Debug)]
pub(crate) struct Ratings {
    /// The file, or - for standard input
    file: PathBuf,
    /// How the file holds them [default: what its first line tells]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FileFormat>,
    /// Whose all of it is, whatever the file says
    #[arg(long, value_name = "NUMBER", value_parser = reader)]
    reader: Option<u32>,
    #[command(flatten)]
    target: Target,
}

/// A file from elsewhere, which is one reader's.
#[derive(Args, Debug)]
pub(crate) struct Library {
    /// The file, or - for standard input
    file: PathBuf,
    /// Whose library it is
    #[arg(long, value_name = "NUMBER", value_parser = reader)]
    reader: u32,
    #[command(flatten)]
    target: Target,
}

/// Where ratings go, and where what cannot be stored does.
#[derive(Args, Debug)]
pub(super) struct Target {
    /// Database: sqlite://FILE or postgres://… [default: shelfwise.db in the data folder]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(super) database_url: Option<String>,
    /// Where to write the rows that were not stored, with what is wrong in a last column: a file that can be mended and
    /// imported again
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
}

impl Target {
    /// The file that `--errors` names, anew; it must be none of those that are read.
    pub(super) fn errors(&self, read: &[&Path]) -> Result<Option<File>, Failure> {
        self.errors.as_deref().map(|path| files::create("--errors", path, read)).transpose()
    }
}

/// A reader's number.
pub(crate) fn reader(text: &str) -> Result<u32, &'static str> {
    let number: Option<i32> = text.parse().ok().filter(|&number| number > 0);
    number.map(i32::unsigned_abs).ok_or("must be a number from 1 to 2147483647")
}

impl Ratings {
    pub(super) async fn run(self, data: Option<PathBuf>) -> Result<(), Failure> {
        let format = self.format.map(|format| match format {
            FileFormat::Csv => Format::Csv,
            FileFormat::Jsonl => Format::Jsonl,
        });
        run(&self.file, format, self.reader, self.target, data).await
    }
}

impl Library {
    pub(super) async fn run(self, format: Format, data: Option<PathBuf>) -> Result<(), Failure> {
        run(&self.file, Some(format), Some(self.reader), self.target, data).await
    }
}

async fn run(
    path: &Path,
    format: Option<Format>,
    reader: Option<u32>,
    target: Target,
    data: Option<PathBuf>,
) -> Result<(), Failure> {
    let (file, length) = files::open(path)?;
    let errors = target.errors(&[path])?;
    let place = Place::new(target.database_url, data)?;
    let store = Store::connect(&place.database_url).await?;
    let books = Arc::new(Books::of_store(&store).await?);
    let plan = Plan { format, reader, books, raw: errors.is_some() };
    let outcome = store_all(path, file, length, plan, errors, &store).await;
    store.close().await;
    say!("{}", outcome?);
    Ok(())
}

/// Stores a file's rows, shows how far it is, and says what it came to.
pub(super) async fn store_all(
    path: &Path,
    file: Box<dyn Read + Send>,
    length: Option<u64>,
    plan: Plan,
    errors: Option<File>,
    store: &Store,
) -> Result<String, Failure> {
    let name = path.display().to_string();
    // A shop's ratings take the place of simulated readers; one reader's library does not.
    let shop = plan.reader.is_none();
    let metrics = ReaderMetrics::new(&Metrics::new(recommendations::PREFIX));
    let started = Readers::start(store.clone(), metrics).await;
    let (readers, writer) = started.map_err(|error| Failure::caused(&error))?;
    let writing = tokio::spawn(writer.run());
    let bar = progress(length);
    let mut target = errors;
    let (mut errors, mut lost) = (None, None);
    let mut stored = 0;
    let told = |event: Event<'_>| match event {
        Event::Opened(opening) => {
            if let Some(file) = target.take() {
                match Errors::new(BufWriter::new(file), opening) {
                    Ok(opened) => errors = Some(opened),
                    Err(error) => lost = Some(error),
                }
            }
        }
        Event::Bad(bad) => {
            bar.suspend(|| {
                // A closed standard error is no reason to stop.
                let _ = writeln!(io::stderr(), "{}\t{}", bad.line, bad.reason);
            });
            if let Some(errors) = &mut errors {
                lost = lost.take().or(errors.row(bad).err());
            }
        }
        Event::Progress(report) => {
            stored = report.stored;
            bar.set_position(report.bytes);
            bar.set_message(format!("{} rows", report.rows()));
        }
    };
    let outcome = import(file, plan, &readers, told).await;
    bar.finish_and_clear();
    if let Some(errors) = &mut errors {
        lost = lost.take().or(errors.flush().err());
    }
    let mut gone = Ok(());
    // Also if it broke off in the middle.
    if shop && stored > 0 {
        gone = readers.erase_simulated().await.map(drop);
    }
    readers.close();
    let ended = writing.await;
    let (_, report) = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return Err(failure(&name, error, store).await),
    };
    ended.map_err(|error| Failure::caused(&error))?;
    gone.map_err(|error| Failure::caused(&error))?;
    match lost {
        None => Ok(summary(&name, &report)),
        Some(error) => Err(Failure::io(format!("the rows that were not stored are not listed: {error}"))),
    }
}

fn summary(name: &str, report: &Report) -> String {
    let Report { stored, unmatched, wrong, .. } = report;
    format!("{name}: {stored} stored, {unmatched} not in the catalogue, {wrong} wrong")
}

async fn failure(name: &str, error: LibraryError, store: &Store) -> Failure {
    // The writer only says that the database failed; if it still does, it says itself why.
    if let LibraryError::Write(WriteError::NotStored) = error
        && let Err(why) = store.history_version().await
    {
        return why.into();
    }
    let text = format!("{name}: {}", service::chain(&error));
    match error {
        LibraryError::Read(_) | LibraryError::Store(_) | LibraryError::Write(_) => Failure::io(text),
        LibraryError::Empty
        | LibraryError::Utf16
        | LibraryError::NoText
        | LibraryError::Unknown
        | LibraryError::Missing(_)
        | LibraryError::NoReader => Failure::usage(text),
    }
}
