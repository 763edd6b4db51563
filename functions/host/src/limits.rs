use std::time::Duration;

/// What one call may take. None of them can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// By the clock on the wall, waiting included.
    pub time: Duration,
    /// Of a processor's time.
    pub cpu: Duration,
    /// Bytes of all linear memories together.
    pub memory: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Core instances, memories and tables, each.
    pub instances: usize,
    /// Bytes of stdin, or of the payload.
    pub stdin: usize,
    /// Bytes of stdout, or of the result.
    pub stdout: usize,
    /// Bytes of stderr and log lines; what is more is dropped.
    pub stderr: usize,
    /// Calls out of the guest, WASI's included.
    pub host_calls: u64,
}

impl Limits {
    /// The most memory that a function can be given, in bytes: the engine sets aside room for so much.
    pub const MOST_MEMORY: usize = 1 << 30;
    /// The most elements of a table.
    pub const MOST_TABLE_ELEMENTS: usize = 100_000;
    /// The most instances, memories and tables of one component.
    pub const MOST_INSTANCES: usize = 100;

    /// For what re-orders recommendations while a reader waits.
    #[must_use]
    pub const fn of_ranker() -> Self {
        Self {
            time: Duration::from_millis(5),
            cpu: Duration::from_millis(5),
            memory: 64 << 20,
            stderr: 16 << 10,
            host_calls: 10_000,
            ..Self::sane()
        }
    }

    const fn sane() -> Self {
        Self {
            time: Duration::from_secs(10),
            cpu: Duration::from_secs(5),
            memory: 128 << 20,
            table_elements: 50_000,
            instances: 100,
            stdin: 16 << 20,
            stdout: 16 << 20,
            stderr: 64 << 10,
            host_calls: 1_000_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::sane()
    }
}
