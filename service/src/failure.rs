use std::{fmt, process::ExitCode};

/// Why a process cannot start: one line for the operator, and an exit code from `sysexits.h`.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// A setting or an argument is wrong: exit code 64 (`EX_USAGE`).
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(64, message)
    }

    /// The machine does not give what is needed (a port, a folder, a database): exit code 74 (`EX_IOERR`).
    pub fn io(message: impl fmt::Display) -> Self {
        Self::new(74, message)
    }

    /// As [`Failure::io`], with the whole chain of causes: the operator can use each.
    pub fn caused(error: &dyn std::error::Error) -> Self {
        Self::io(chain(error))
    }

    /// Prints the line to standard error and gives the code to return from `main`.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        eprintln!("error: {self}");
        ExitCode::from(self.code)
    }

    fn new(code: u8, message: impl fmt::Display) -> Self {
        // One line, whatever the cause wrote.
        let message = message.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { code, message }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// An error and its causes in one line, for operators and logs.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Some say their cause themselves.
        let text = cause.to_string();
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::chain;

    #[derive(Debug, thiserror::Error)]
    enum Error {
        #[error("the door is shut")]
        Shut,
        #[error("cannot enter")]
        Enter(#[source] Box<Error>),
        #[error("late: {0}")]
        Late(#[source] Box<Error>),
    }

    #[test]
    fn each_cause_is_said_once() {
        let error = Error::Late(Box::new(Error::Enter(Box::new(Error::Shut))));
        assert_eq!(chain(&error), "late: cannot enter: the door is shut");
    }
}
