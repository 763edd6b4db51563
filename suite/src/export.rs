use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use recommendations::{
    import::readers::{Format, write, write_header},
    ratings::FIRST_SIMULATED,
    store::{HistoryReading, Store, StoreError},
};
use service::Failure;
use storage::Place;

use crate::import::{FileFormat, reader};

/// What can be brought out.
#[derive(Subcommand, Debug)]
pub(crate) enum Export {
    /// What readers think of books, simulated readers left out. Importing the file gives the same state
    Ratings(Ratings),
}

/// A file and the database that it comes from.
#[derive(Args, Debug)]
pub(crate) struct Ratings {
    /// The file, or - for standard output
    #[arg(default_value = "-")]
    file: PathBuf,
    /// How the file is to hold them [default: what its name ends in, else csv]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FileFormat>,
    /// Only what this reader thinks
    #[arg(long, value_name = "NUMBER", value_parser = reader)]
    reader: Option<u32>,
    /// Database: sqlite://FILE or postgres://… [default: shelfwise.db in the data folder]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
}

/// Why an export ended early.
enum Ended {
    Read(StoreError),
    Write(io::Error),
}

impl Export {
    pub(crate) fn run(self, data: Option<PathBuf>) -> Result<(), Failure> {
        let Self::Ratings(ratings) = self;
        service::block_on(ratings.run(data))
    }
}

impl Ratings {
    async fn run(self, data: Option<PathBuf>) -> Result<(), Failure> {
        let format = match self.format {
            Some(FileFormat::Jsonl) => Format::Jsonl,
            Some(FileFormat::Csv) => Format::Csv,
            None if is_jsonl(&self.file) => Format::Jsonl,
            None => Format::Csv,
        };
        let place = Place::new(self.database_url, data)?;
        let store = Store::connect(&place.database_url).await?;
        let reading = store.read_history().await?;
        let name = self.file.display().to_string();
        let written = |error: io::Error| Failure::io(format!("{name}: {error}"));
        let entries = if self.file.as_os_str() == "-" {
            all(reading, self.reader, &format, BufWriter::new(io::stdout())).await
        } else {
            let file = File::create(&self.file).map_err(written)?;
            all(reading, self.reader, &format, BufWriter::new(file)).await
        };
        store.close().await;
        match entries {
            Ok(entries) if self.file.as_os_str() != "-" => {
                say!("{name}: {entries} entries");
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(Ended::Read(error)) => Err(error.into()),
            // Whoever reads has read enough.
            Err(Ended::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(Ended::Write(error)) => Err(written(error)),
        }
    }
}

fn is_jsonl(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ["jsonl", "ndjson", "json"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// Writes the history of one reader or all, and counts the entries.
async fn all(
    mut reading: HistoryReading,
    reader: Option<u32>,
    format: &Format,
    mut to: impl Write,
) -> Result<u64, Ended> {
    write_header(format, &mut to).map_err(Ended::Write)?;
    if let Some(reader) = reader {
        reading.skip_to(reader);
    }
    let mut written = 0;
    'reading: loop {
        let entries = reading.next().await.map_err(Ended::Read)?;
        if entries.is_empty() {
            break;
        }
        for (of, entry) in entries {
            if reader.map_or(of >= FIRST_SIMULATED, |reader| of != reader) {
                break 'reading;
            }
            write(format, &mut to, of, &entry).map_err(Ended::Write)?;
            written += 1;
        }
    }
    to.flush().map_err(Ended::Write)?;
    Ok(written)
}
