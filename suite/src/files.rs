use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use service::Failure;

/// A file, or standard input for `-`, and its length in bytes, where it has one.
pub(crate) fn open(path: &Path) -> Result<(Box<dyn Read + Send>, Option<u64>), Failure> {
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

/// A new file in place of what was there, which must be none of those that are read.
pub(crate) fn create(option: &str, path: &Path, read: &[&Path]) -> Result<File, Failure> {
    keep(option, path, read)?;
    File::create(path).map_err(|error| Failure::io(format!("{}: {error}", path.display())))
}

/// Refuses an option that would write over one of the files that are read.
pub(crate) fn keep(option: &str, path: &Path, read: &[&Path]) -> Result<(), Failure> {
    let there = identity(path);
    if there.is_some() && read.iter().any(|read| identity(read) == there) {
        let text = format!("{option} {}: is a file that is read; name another", path.display());
        return Err(Failure::usage(text));
    }
    Ok(())
}

/// What tells a file from all others, whatever the path; for `-` that of what is standard input. None where there is no file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let path = if path.as_os_str() == "-" { Path::new("/dev/stdin") } else { path };
    let about = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some((about.dev(), about.ino()))
}
