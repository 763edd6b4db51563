use rustix::process::{Pid, kill_process};

pub use rustix::process::Signal;

/// Sends a signal to a process that this one has started and not yet waited for, as `kill` does where it is installed.
///
/// # Panics
///
/// If it cannot be sent.
pub fn signal(process: u32, signal: Signal) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process's number");
    kill_process(pid, signal).unwrap_or_else(|error| panic!("{signal:?} to {process}: {error}"));
}
