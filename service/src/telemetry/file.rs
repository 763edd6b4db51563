use std::{
    convert::Infallible,
    fmt,
    fs::{File, OpenOptions},
    io::{self, Stdout, Write},
    path::PathBuf,
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output, written `-`.
    Stdout,
    /// The end of a file, which is made if it is absent.
    File(PathBuf),
}

/// What lines are written to. It buffers nothing.
#[derive(Debug)]
pub struct LogFile {
    to: Output,
    next: Arc<Next>,
}

/// Opens a [`LogFile`] anew, so that the old file can be moved away. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reopen {
    target: LogTarget,
    next: Arc<Next>,
}

/// The file to go on with.
#[derive(Debug, Default)]
struct Next {
    /// Spares a lock a line.
    there: AtomicBool,
    file: Mutex<Option<File>>,
}

#[derive(Debug)]
enum Output {
    Stdout(Stdout),
    File(File),
}

impl LogFile {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// If it cannot be written to.
    pub fn open(target: &LogTarget) -> io::Result<(Self, Reopen)> {
        let to = match target {
            LogTarget::Stdout => Output::Stdout(io::stdout()),
            LogTarget::File(path) => Output::File(append(path)?),
        };
        let next = Arc::new(Next::default());
        Ok((Self { to, next: Arc::clone(&next) }, Reopen { target: target.clone(), next }))
    }

    fn out(&mut self) -> &mut dyn Write {
        if self.next.there.swap(false, Ordering::Acquire)
            && let Some(file) = self.next.file.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            self.to = Output::File(file);
        }
        match &mut self.to {
            Output::Stdout(out) => out,
            Output::File(file) => file,
        }
    }
}

impl Reopen {
    /// Opens the file at its path, whatever lies there now: the next line goes to it. Standard output stays what it is.
    ///
    /// # Errors
    ///
    /// If it cannot be opened. Lines then go on to where they went.
    pub fn reopen(&self) -> io::Result<()> {
        let LogTarget::File(path) = &self.target else { return Ok(()) };
        let file = append(path)?;
        *self.next.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        self.next.there.store(true, Ordering::Release);
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.out().write(lines)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out().flush()
    }
}

impl FromStr for LogTarget {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "-" { Self::Stdout } else { Self::File(text.into()) })
    }
}

impl fmt::Display for LogTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => formatter.write_str("-"),
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::{LogFile, LogTarget};

    #[test]
    fn a_file_that_was_moved_away_is_made_anew_when_it_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("log"), folder.path().join("log.1"));
        fs::write(&path, "before\n").unwrap();
        let (mut log, reopen) = LogFile::open(&LogTarget::File(path.clone())).unwrap();
        log.write_all(b"one\n").unwrap();
        fs::rename(&path, &old).unwrap();
        log.write_all(b"two\n").unwrap();
        reopen.reopen().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        log.write_all(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "before\none\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_again_is_told_and_the_old_one_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, moved) = (folder.path().join("logs"), folder.path().join("moved"));
        fs::create_dir(&inner).unwrap();
        let (mut log, reopen) = LogFile::open(&LogTarget::File(inner.join("log"))).unwrap();
        fs::rename(&inner, &moved).unwrap();
        assert!(reopen.reopen().is_err());
        log.write_all(b"on\n").unwrap();
        assert_eq!(fs::read_to_string(moved.join("log")).unwrap(), "on\n");
        assert!(LogFile::open(&LogTarget::File(inner.join("log"))).is_err());
    }
}
