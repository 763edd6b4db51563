//! A file with this process's number, for as long as it runs.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};
use service::Failure;

/// Longer contents are no process's number.
const MOST_BYTES: u64 = 32;

/// The file, removed when this is dropped. It stays locked until then, so that another process knows it for a living one's even
/// where it cannot see that process.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Writes this process's number.
    ///
    /// # Errors
    ///
    /// If another process that lives has its number there, or the file cannot be written.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let failed = |why: &dyn std::fmt::Display| Failure::io(format!("pidfile {}: {why}", path.display()));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| failed(&error))?;
        let mut before = String::new();
        // What cannot be read as text is no number.
        let _ = (&file).take(MOST_BYTES).read_to_string(&mut before);
        let holder = before.trim().parse::<u32>().ok();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let who = holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
                return Err(failed(&format!("{who} holds it")));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let written = file.metadata().and_then(|metadata| metadata.modified()).ok();
        if let Some(pid) = holder.filter(|pid| *pid != std::process::id() && lives_since(*pid, written)) {
            return Err(failed(&format!(
                "process {pid} holds it; remove the file if that is another program"
            )));
        }
        let write = |file: &mut File| -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(|error| failed(&error))?;
        Ok(Self { path: path.to_owned(), file })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Removed before it is unlocked; a file that somebody has put in its place is not ours to remove.
        let ours = same(&self.file, &self.path).unwrap_or(false);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(pidfile = %self.path.display(), %error, "cannot be removed");
        }
    }
}

fn same(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (open, there) = (file.metadata()?, fs::metadata(path)?);
    Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
}

/// Whether a process of this number lives that may have written the file then. One that began later was given the number of one
/// that has gone.
fn lives_since(pid: u32, written: Option<SystemTime>) -> bool {
    let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    let lives = match test_kill_process(process) {
        // It is another user's.
        Ok(()) | Err(Errno::PERM) => true,
        Err(_) => false,
    };
    let later = began(pid).zip(written).is_some_and(|(began, written)| began > written + CLOCKS_DIFFER);
    lives && !later
}

/// When a process began is known by the tick, and when a file was written, to the kernel's last look at the clock.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);
/// Linux counts times of processes in hundredths of a second, whatever its timer does.
const TICK: Duration = Duration::from_millis(10);

/// When a process began. Only Linux says so.
fn began(pid: u32) -> Option<SystemTime> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything. After it, the start is the 20th field (proc_pid_stat(5) counts it 22nd).
    let ticks: u32 = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split(' ').next()?.parse().ok()?;
    let age = Duration::try_from_secs_f64(uptime).ok()?.checked_sub(TICK * ticks)?;
    SystemTime::now().checked_sub(age)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        process::{Child, Command},
        time::{Duration, SystemTime},
    };

    use super::PidFile;

    struct Sleeper(Child);

    impl Sleeper {
        fn new() -> Self {
            Self(Command::new("sleep").arg("600").spawn().unwrap())
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn it_holds_this_process_and_is_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("functions.pid");
        for before in
            [None, Some(""), Some("what"), Some("0"), Some("999999999"), Some("99999999999999999999")]
        {
            if let Some(before) = before {
                fs::write(&path, before).unwrap();
            }
            let held = PidFile::create(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()), "{before:?}");
            drop(held);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_living_process_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("functions.pid");
        let sleeper = Sleeper::new();
        let pid = sleeper.0.id();
        fs::write(&path, format!("{pid}\n")).unwrap();
        let told = PidFile::create(&path).unwrap_err().to_string();
        assert!(
            told.contains(&path.display().to_string()) && told.contains(&format!("process {pid} holds it")),
            "{told}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{pid}\n"), "it is left as it was");
        // Where it began after the file was written, the number was another's.
        let old = SystemTime::now() - Duration::from_secs(3_600);
        fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        if std::path::Path::new("/proc/self/stat").exists() {
            drop(PidFile::create(&path).unwrap());
        }
        drop(sleeper);
        fs::write(&path, format!("{pid}\n")).unwrap();
        drop(PidFile::create(&path).unwrap());
    }

    #[test]
    fn one_that_is_locked_is_kept_whatever_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("functions.pid");
        let held = PidFile::create(&path).unwrap();
        let told = PidFile::create(&path).unwrap_err().to_string();
        assert!(told.contains(&format!("process {} holds it", std::process::id())), "{told}");
        assert!(path.exists());
        // What somebody puts in its place is not removed.
        fs::rename(&path, folder.path().join("moved")).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(held);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn a_path_that_cannot_be_written_is_told() {
        let told = PidFile::create(std::path::Path::new("/nowhere/functions.pid")).unwrap_err().to_string();
        assert!(told.starts_with("pidfile /nowhere/functions.pid: "), "{told}");
    }
}
