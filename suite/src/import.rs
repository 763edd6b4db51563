mod goodbooks;
mod ratings;

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use recommendations::{
    import::{self, Event, Format as BooksFormat, ImportError, Report, readers::Format},
    store::Store,
};
use service::Failure;
use storage::Place;

use crate::files;

pub(crate) use self::ratings::reader;

/// What can be brought in.
#[derive(Subcommand, Debug)]
pub(crate) enum Import {
    /// Books from a CSV or JSONL file. Importing a file again changes nothing; a running suite shows the books at once
    Books(Books),
    /// What readers think of books, from a CSV or JSONL file of our own, as `shelfwise export ratings` writes it.
    ///
    /// A row replaces what is known of its reader and book. Importing a file again changes nothing; a running suite knows
    /// it within two seconds. CSV columns: reader, book, stars (0.5 to 5 in halves), shelf (want_to_read, reading, read,
    /// did_not_finish), dismissed, owned, interacted (true or false) and changed_at (like 2026-01-31T12:00:00Z).
    Ratings(ratings::Ratings),
    /// One reader's library as Goodreads exports it, matched by ISBN, then by title and author. What a row is silent about
    /// stays as it was
    Goodreads(ratings::Library),
    /// One reader's library as StoryGraph exports it, matched by ISBN, then by title and author. What a row is silent about
    /// stays as it was
    Storygraph(ratings::Library),
    /// The books and ratings of goodbooks-10k, from a folder with books.csv and ratings.csv. Books that the catalogue does
    /// not have are added
    Goodbooks(goodbooks::Goodbooks),
}

/// A file and the database that it goes to.
#[derive(Args, Debug)]
pub(crate) struct Books {
    /// The file, or - for standard input
    file: PathBuf,
    /// How the file holds its books [default: what its name ends in]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FileFormat>,
    /// Database: sqlite://FILE or postgres://… [default: shelfwise.db in the data folder]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Where to list the rows that were not imported, as line, tab, reason [default: standard error]
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub(crate) enum FileFormat {
    /// A header line, then a line a book
    Csv,
    /// A JSON object a line
    Jsonl,
}

impl Import {
    pub(crate) fn run(self, data: Option<PathBuf>) -> Result<(), Failure> {
        match self {
            Self::Books(books) => service::block_on(books.run(data)),
            Self::Ratings(ratings) => service::block_on(ratings.run(data)),
            Self::Goodreads(library) => service::block_on(library.run(Format::Goodreads, data)),
            Self::Storygraph(library) => service::block_on(library.run(Format::Storygraph, data)),
            Self::Goodbooks(goodbooks) => service::block_on(goodbooks.run(data)),
        }
    }
}

impl Books {
    async fn run(self, data: Option<PathBuf>) -> Result<(), Failure> {
        let name = self.file.display().to_string();
        let (file, length) = files::open(&self.file)?;
        let format = match self.format {
            Some(FileFormat::Csv) => BooksFormat::Csv,
            Some(FileFormat::Jsonl) => BooksFormat::Jsonl,
            None => BooksFormat::of(&self.file).ok_or_else(|| {
                Failure::usage(format!("{name}: cannot tell its format; add --format csv or jsonl"))
            })?,
        };
        let mut rejected: Box<dyn io::Write> = match &self.rejected {
            None => Box::new(io::stderr()),
            Some(path) => Box::new(io::BufWriter::new(files::create("--rejected", path, &[&self.file])?)),
        };
        let place = Place::new(self.database_url, data)?;
        let store = Store::connect(&place.database_url).await?;

        let bar = progress(length);
        let mut lost = None;
        let told = |event: Event<'_>| match event {
            Event::Rejected { line, reason } => {
                let written = bar.suspend(|| writeln!(rejected, "{line}\t{reason}"));
                lost = lost.take().or(written.err());
            }
            Event::Progress { bytes, rows } => {
                bar.set_position(bytes);
                bar.set_message(format!("{rows} rows"));
            }
        };
        let report = import::books(file, format, &store, told).await;
        bar.finish_and_clear();
        let flushed = rejected.flush();
        store.close().await;
        let report = report.map_err(|error| failure(&name, &error))?;
        say!("{}", summary(&name, &report));
        match lost.or(flushed.err()) {
            None => Ok(()),
            Some(error) => Err(Failure::io(format!("the list of rejected rows was not written: {error}"))),
        }
    }
}

fn progress(length: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match length {
        Some(length) => {
            (ProgressBar::new(length), "{bar:40} {percent:>3} %  {msg}  {bytes}/{total_bytes}  {eta} left")
        }
        None => (ProgressBar::new_spinner(), "{spinner}  {msg}  {bytes}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("a valid template"))
}

fn summary(name: &str, report: &Report) -> String {
    let mut line = format!(
        "{name}: {} new, {} changed, {} unchanged, {} rejected",
        report.new, report.changed, report.unchanged, report.rejected
    );
    if !report.ignored_columns.is_empty() {
        line += &format!("; columns that mean nothing here: {}", report.ignored_columns.join(", "));
    }
    line
}

fn failure(name: &str, error: &ImportError) -> Failure {
    let text = format!("{name}: {}", service::chain(error));
    match error {
        ImportError::Read(_) | ImportError::Store(_) => Failure::io(text),
        ImportError::Utf16 | ImportError::NoTitle | ImportError::Header(_) => Failure::usage(text),
    }
}
