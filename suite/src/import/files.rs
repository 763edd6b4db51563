use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use service::Failure;

/// A file, or standard input for `-`, and its length in bytes, where it has one.
pub(super) fn open(path: &Path) -> Result<(Box<dyn Read + Send>, Option<u64>), Failure> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(io::stdin()), None));
    }
    let failed = |error: io::Error| Failure::io(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.is_dir() {
        return Err(Failure::io(format!("{}: is a folder", path.display())));
    }
    Ok((Box::new(file), about.is_file().then_some(about.len())))
}

/// A new file in place of what was there, which must not be the one that is read.
pub(super) fn create(option: &str, path: &Path, read: &Path) -> Result<File, Failure> {
    let same = match (path.canonicalize(), read.canonicalize()) {
        (Ok(path), Ok(read)) => path == read,
        _ => false,
    };
    if same {
        let text = format!("{option} {}: is the file that is imported; name another", path.display());
        return Err(Failure::usage(text));
    }
    File::create(path).map_err(|error| Failure::io(format!("{}: {error}", path.display())))
}
