//! What one call may take. The service's configuration file gives the defaults under `[limits]`, a function's manifest its own
//! under the same keys.

use std::{ops::RangeInclusive, time::Duration};

use crate::document::{Item, Size, Table, Value as _, Wrong};

/// What a call of one function may take, and how many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What the guest may take.
    pub guest: host::Limits,
    /// Bytes of a request's body.
    pub body: usize,
    /// Calls of one function at a time.
    pub calls: usize,
    /// Calls of one function that wait for their turn.
    pub queue: usize,
    /// How long one waits.
    pub queue_time: Duration,
}

/// What a file says of limits. Where it says nothing, others hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// `time`: by the clock on the wall, waiting included.
    pub time: Option<Duration>,
    /// `cpu`: of a processor's time.
    pub cpu: Option<Duration>,
    /// `memory`: bytes of all linear memories together.
    pub memory: Option<usize>,
    /// `table-elements`: of all tables together.
    pub table_elements: Option<usize>,
    /// `instances`: core instances, memories and tables, each.
    pub instances: Option<usize>,
    /// `stdin`: bytes of standard input, or of the payload.
    pub stdin: Option<usize>,
    /// `stdout`: bytes of standard output, or of the result.
    pub stdout: Option<usize>,
    /// `stderr`: bytes of standard error and log lines.
    pub stderr: Option<usize>,
    /// `host-calls`: calls out of the guest.
    pub host_calls: Option<u64>,
    /// `body`: bytes of a request's body.
    pub body: Option<usize>,
    /// `calls`: calls at a time.
    pub calls: Option<usize>,
    /// `queue`: calls that wait for their turn.
    pub queue: Option<usize>,
    /// `queue-time`: how long one waits.
    pub queue_time: Option<Duration>,
}

/// No call takes longer; what may take longer is no answer to a request.
const TIMES: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3_600);
/// How long a call may wait.
const WAITS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);
/// What goes in and out lies in memory.
const BYTES: RangeInclusive<usize> = 0..=256 << 20;

impl Default for Limits {
    fn default() -> Self {
        let guest = host::Limits::default();
        Self { guest, body: guest.stdin, calls: 64, queue: 256, queue_time: Duration::from_secs(5) }
    }
}

impl Given {
    /// Takes a file's `[limits]`.
    ///
    /// # Errors
    ///
    /// The first value that is out of its range, or the first key that is unknown.
    pub fn read(file: &mut Table<'_>) -> Result<Self, Wrong> {
        let Some(mut table) = file.table("limits")? else { return Ok(Self::default()) };
        let mut time = |key, range| table.take_item(key, |item| time(item, range));
        let (wall, cpu, queue_time) = (time("time", TIMES)?, time("cpu", TIMES)?, time("queue-time", WAITS)?);
        let mut size = |key, range| table.take_item(key, |item| size(item, range));
        let memory = size("memory", 64 << 10..=host::Limits::MOST_MEMORY)?;
        let (stdin, stdout, stderr) =
            (size("stdin", BYTES)?, size("stdout", BYTES)?, size("stderr", 0..=1 << 20)?);
        let body = size("body", BYTES)?;
        let mut count = |key, least, most| {
            table.take_item(key, |item| item.whole(least as u64, most as u64).map(|count| count as usize))
        };
        let given = Self {
            time: wall,
            cpu,
            memory,
            table_elements: count("table-elements", 1, host::Limits::MOST_TABLE_ELEMENTS)?,
            instances: count("instances", 1, host::Limits::MOST_INSTANCES)?,
            stdin,
            stdout,
            stderr,
            host_calls: count("host-calls", 0, 1_000_000_000_000)?.map(|count| count as u64),
            body,
            calls: count("calls", 1, 10_000)?,
            queue: count("queue", 0, 100_000)?,
            queue_time,
        };
        table.end()?;
        Ok(given)
    }

    /// What a guest may take where these are said over `defaults`.
    #[must_use]
    pub fn of_guest(&self, defaults: &host::Limits) -> host::Limits {
        host::Limits {
            time: self.time.unwrap_or(defaults.time),
            cpu: self.cpu.unwrap_or(defaults.cpu),
            memory: self.memory.unwrap_or(defaults.memory),
            table_elements: self.table_elements.unwrap_or(defaults.table_elements),
            instances: self.instances.unwrap_or(defaults.instances),
            stdin: self.stdin.unwrap_or(defaults.stdin),
            stdout: self.stdout.unwrap_or(defaults.stdout),
            stderr: self.stderr.unwrap_or(defaults.stderr),
            host_calls: self.host_calls.unwrap_or(defaults.host_calls),
        }
    }

    /// What holds where these are said over `others`.
    #[must_use]
    pub fn over(&self, others: &Limits) -> Limits {
        Limits {
            guest: self.of_guest(&others.guest),
            body: self.body.unwrap_or(others.body),
            calls: self.calls.unwrap_or(others.calls),
            queue: self.queue.unwrap_or(others.queue),
            queue_time: self.queue_time.unwrap_or(others.queue_time),
        }
    }
}

fn time(item: &Item<'_, '_>, range: RangeInclusive<Duration>) -> Result<Duration, Wrong> {
    let time = Duration::read(item)?;
    if range.contains(&time) {
        return Ok(time);
    }
    Err(item.wrong(format_args!("expected {:?} to {:?}", range.start(), range.end())))
}

fn size(item: &Item<'_, '_>, range: RangeInclusive<usize>) -> Result<usize, Wrong> {
    let Size(bytes) = Size::read(item)?;
    let fits = usize::try_from(bytes).ok().filter(|bytes| range.contains(bytes));
    let shown = |bytes: &usize| Size(*bytes as u64);
    fits.ok_or_else(|| {
        item.wrong(format_args!("expected {} to {}", shown(range.start()), shown(range.end())))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Given, Limits};
    use crate::document::{Table, Wrong};

    fn read(text: &str) -> Result<Given, Wrong> {
        Given::read(&mut Table::parse("f.toml", &format!("[limits]\n{text}"))?)
    }

    #[test]
    fn every_limit_can_be_given_and_what_is_not_given_stays() {
        let given = read(
            "time = '2s'\ncpu = '1s'\nmemory = '64MiB'\ntable-elements = 5\ninstances = 6\nstdin = 7\nstdout = 8\n\
             stderr = 9\nhost-calls = 10\nbody = 11\ncalls = 12\nqueue = 13\nqueue-time = '0s'",
        );
        let limits = given.unwrap().over(&Limits::default());
        assert_eq!(
            limits,
            Limits {
                guest: host::Limits {
                    time: Duration::from_secs(2),
                    cpu: Duration::from_secs(1),
                    memory: 64 << 20,
                    table_elements: 5,
                    instances: 6,
                    stdin: 7,
                    stdout: 8,
                    stderr: 9,
                    host_calls: 10,
                },
                body: 11,
                calls: 12,
                queue: 13,
                queue_time: Duration::ZERO,
            }
        );
        assert_eq!(read("").unwrap(), Given::default());
        assert_eq!(Given::default().over(&limits), limits);
    }

    #[test]
    fn no_limit_can_be_switched_off() {
        for (text, why) in [
            ("time = '0s'", "expected 1ms to 3600s"),
            ("time = '2h'", "expected 1ms to 3600s"),
            ("cpu = '0ms'", "expected 1ms to 3600s"),
            ("memory = 0", "expected 64KiB to 1GiB"),
            ("memory = '2GiB'", "expected 64KiB to 1GiB"),
            ("stdout = '1GiB'", "expected 0 to 256MiB"),
            ("body = -1", "expected a whole number from 0"),
            ("calls = 0", "expected a whole number from 1 to 10000"),
            ("instances = 0", "expected a whole number from 1 to 100"),
            ("queue = 1000000", "expected a whole number from 0 to 100000"),
            ("queue-time = '1h'", "expected 0ns to 600s"),
            ("queue_time = '1s'", "did you mean queue-time?"),
        ] {
            let told = read(text).unwrap_err().to_string();
            assert!(told.starts_with("f.toml:2: limits.") && told.contains(why), "{told}");
        }
    }
}
