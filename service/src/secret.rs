//! Secrets that a service makes for itself and keeps in a file.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

/// The one in this file, without white space around it; if there is no file, a new one of 64 hexadecimal digits, which is written
/// there for nobody else to read.
///
/// # Errors
///
/// If the file cannot be read or written.
pub fn kept(file: &Path) -> io::Result<String> {
    if let Some(secret) = read(file)? {
        return Ok(secret);
    }
    let secret = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(format!("{secret}\n").as_bytes())?;
    file.sync_all()?;
    Ok(secret)
}

/// The one in this file, if there is such a file.
///
/// # Errors
///
/// If it cannot be read.
pub fn read(file: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
