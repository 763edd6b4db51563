use std::{fs, path::Path, process::Child};

/// A process that is killed when it is dropped.
#[derive(Debug)]
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Shows the last lines of a process's log but for those of its calls, if the test that has started it is failing.
pub fn show_if_failing(log: &Path) {
    if std::thread::panicking() {
        let log = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<_> = log.lines().filter(|line| !line.contains(" method=")).collect();
        eprintln!("{}", lines[lines.len().saturating_sub(50)..].join("\n"));
    }
}
