//! What commands print. `println!` would panic where nobody reads any more, as in `shelfwise jobs | head -1`.

use std::{
    fmt,
    io::{self, ErrorKind, Write as _},
    process,
};

/// Prints a line as `println!` does. Where whoever reads has had enough, that is the end, and a good one.
macro_rules! say {
    ($($text:tt)*) => { $crate::say::line(format_args!($($text)*)) };
}

/// What `say!` calls.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
        Err(error) => {
            eprintln!("error: standard output: {error}");
            process::exit(74);
        }
    }
}
