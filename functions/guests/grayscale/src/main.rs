//! An image on stdin, the same without colours on stdout.

use std::io::{Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut image = Vec::new();
    let grey = std::io::stdin().read_to_end(&mut image).map_err(|error| error.to_string());
    let grey = grey.and_then(|_| grayscale::grayscale(&image).map_err(|fault| fault.to_string()));
    match grey.and_then(|grey| std::io::stdout().write_all(&grey).map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}
