//! What can go wrong in a measurement.

use std::{error::Error, io, net::SocketAddr, path::PathBuf, time::Duration};

/// Why there is no measurement. Every text says what was being done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(
        "{path} is missing; build it in the same profile first: cargo build [--release] --workspace --bins"
    )]
    NoBinary { path: PathBuf },
    #[error("cannot start {name}: {source}")]
    Start { name: String, source: io::Error },
    #[error("{name} ended at once ({status}): {log}")]
    Ended { name: String, status: String, log: String },
    #[error("{name} is not up after {after:?}, the last answer was: {last}")]
    NotUp { name: String, after: Duration, last: String },
    #[error("cannot {doing}: {source}")]
    File { doing: String, source: io::Error },
    #[error("cannot {doing}: {why}")]
    Work { doing: String, why: String },
    #[error("{what} said what is not understood: {said}")]
    Said { what: String, said: String },
    #[error("{address}: cannot {doing}: {why}")]
    Call { address: SocketAddr, doing: &'static str, why: String },
    #[error("{address}: a wrong answer: {why}")]
    Answer { address: SocketAddr, why: String },
    #[error("{address}: no call was answered within the round")]
    NoCalls { address: SocketAddr },
    #[error("{address}: calls are stuck {0:?} after the end of the round", .after)]
    Stuck { address: SocketAddr, after: Duration },
    #[error("{what} failed ({status}): {log}")]
    Command { what: String, status: String, log: String },
    #[error("{skipped} was not measured, and SHELFWISE_REQUIRE_TOOLS is set")]
    Skipped { skipped: String },
    #[error("README.md has no `<!-- {marker}:begin -->` … `<!-- {marker}:end -->`")]
    NoMarker { marker: String },
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// For `map_err` on file operations.
    pub(crate) fn file(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::File { doing, source }
    }

    /// For `map_err` on everything else, with the whole chain of causes.
    pub(crate) fn work<E: Error>(doing: impl Into<String>) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |error| Self::Work { doing, why: chain(&error) }
    }
}

/// An error with all of its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}
