use std::{fs, io, path::Path, time::UNIX_EPOCH};

use object_store::{GetOptions, ObjectMeta, ObjectStore as _};

use super::{Objects, ObjectsError, failed};

/// An object, as a list tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name within the folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Differs once the object is written anew.
    pub mark: String,
}

impl Objects {
    /// The objects that lie in a folder itself, and not in one below it, in the order of their names. In a folder of this
    /// machine these are the files whose names are text; links are followed.
    ///
    /// # Errors
    ///
    /// [`ObjectsError::Missing`] if it is a folder of this machine and not there, else if the store fails.
    pub async fn list(&self, folder: &str) -> Result<Vec<Listed>, ObjectsError> {
        let mut all = if let Some(root) = &self.folder {
            let path = root.join(folder);
            let files = tokio::task::spawn_blocking(move || files(&path)).await;
            match files.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(files) => files,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(ObjectsError::Missing { name: folder.to_owned() });
                }
                Err(error) => return Err(broken("list", folder, error)),
            }
        } else {
            let place = self.place(folder);
            let listed =
                self.store.list_with_delimiter(Some(&place)).await.map_err(failed("list", folder))?;
            listed.objects.iter().filter_map(of_store).collect()
        };
        all.sort_unstable_by(|one: &Listed, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Makes a folder, where the store is one of this machine and does not have it. A bucket needs none.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub async fn make_folder(&self, folder: &str) -> Result<(), ObjectsError> {
        let Some(root) = &self.folder else { return Ok(()) };
        let made = tokio::fs::create_dir_all(root.join(folder)).await;
        made.map_err(|error| broken("make", folder, error))
    }

    /// An object of at most `limit` bytes, and the mark that a list of this moment shows of it.
    ///
    /// # Errors
    ///
    /// If it is absent or longer, or the store fails.
    pub async fn get_marked(&self, name: &str, limit: u64) -> Result<(Vec<u8>, String), ObjectsError> {
        let operation = "read";
        if let Some(root) = &self.folder {
            let path = root.join(name);
            let read = tokio::task::spawn_blocking(move || read(&path, limit)).await;
            return match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(Ok(read)) => Ok(read),
                Ok(Err(bytes)) => Err(ObjectsError::TooLong { name: name.to_owned(), bytes, limit }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(ObjectsError::Missing { name: name.to_owned() })
                }
                Err(error) => Err(broken(operation, name, error)),
            };
        }
        let place = self.place(name);
        let got =
            self.store.get_opts(&place, GetOptions::default()).await.map_err(failed(operation, name))?;
        let bytes = got.meta.size;
        if bytes > limit {
            return Err(ObjectsError::TooLong { name: name.to_owned(), bytes, limit });
        }
        let mark = mark_of(&got.meta);
        Ok((got.bytes().await.map_err(failed(operation, name))?.into(), mark))
    }
}

fn broken(operation: &'static str, name: &str, error: io::Error) -> ObjectsError {
    failed(operation, name)(object_store::Error::Generic { store: "folder", source: Box::new(error) })
}

fn of_store(meta: &ObjectMeta) -> Option<Listed> {
    let name = meta.location.filename()?.to_owned();
    Some(Listed { name, bytes: meta.size, mark: mark_of(meta) })
}

/// Some servers of the protocol know no tags of what did not come through them; of times, an answer tells no more than seconds.
fn mark_of(meta: &ObjectMeta) -> String {
    match meta.e_tag.as_deref().map(|tag| tag.trim_matches('"')) {
        Some(tag) if !tag.is_empty() => tag.to_owned(),
        _ => format!("{}-{}", meta.last_modified.timestamp(), meta.size),
    }
}

fn files(folder: &Path) -> io::Result<Vec<Listed>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // A link leads to what counts. What has gone meanwhile, or leads nowhere, is no file.
        let Ok(about) = fs::metadata(entry.path()) else { continue };
        if about.is_file() {
            files.push(Listed { name, bytes: about.len(), mark: mark(&about) });
        }
    }
    Ok(files)
}

/// The file and its mark, or its length if that is more than `limit`.
fn read(path: &Path, limit: u64) -> io::Result<Result<(Vec<u8>, String), u64>> {
    let file = fs::File::open(path)?;
    let about = file.metadata()?;
    if about.len() > limit {
        return Ok(Err(about.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).map_err(io::Error::other)?);
    // It may grow at this moment; then its mark is another one.
    io::Read::read_to_end(&mut io::Read::take(&file, limit + 1), &mut bytes)?;
    let about = file.metadata()?;
    if bytes.len() as u64 > limit { Ok(Err(about.len())) } else { Ok(Ok((bytes, mark(&about)))) }
}

fn mark(about: &fs::Metadata) -> String {
    let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.unwrap_or_default().as_nanos();
    #[cfg(unix)]
    let file = std::os::unix::fs::MetadataExt::ino(about);
    #[cfg(not(unix))]
    let file = 0;
    format!("{file:x}-{modified:x}-{:x}", about.len())
}

#[cfg(test)]
mod tests {
    use crate::{Objects, ObjectsError};

    #[tokio::test]
    async fn a_list_tells_what_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        for objects in [Objects::open(None, Some(folder.path())).unwrap(), Objects::open(None, None).unwrap()]
        {
            objects.put("f/b.wasm", b"bb".to_vec()).await.unwrap();
            objects.put("f/a.toml", b"a".to_vec()).await.unwrap();
            objects.put("f/below/c.wasm", b"c".to_vec()).await.unwrap();
            let before = objects.list("f").await.unwrap();
            let names: Vec<_> = before.iter().map(|listed| (listed.name.as_str(), listed.bytes)).collect();
            assert_eq!(names, [("a.toml", 1), ("b.wasm", 2)]);
            let (bytes, mark) = objects.get_marked("f/b.wasm", 2).await.unwrap();
            assert_eq!((bytes.as_slice(), &mark), (b"bb".as_slice(), &before[1].mark));
            let long = objects.get_marked("f/b.wasm", 1).await.unwrap_err();
            assert!(matches!(long, ObjectsError::TooLong { bytes: 2, .. }), "{long}");
            assert!(matches!(objects.get_marked("f/x", 1).await.unwrap_err(), ObjectsError::Missing { .. }));

            objects.put("f/b.wasm", b"cc".to_vec()).await.unwrap();
            let after = objects.list("f").await.unwrap();
            assert_eq!(after[0], before[0]);
            assert_ne!(after[1].mark, before[1].mark);
        }
        std::fs::remove_dir_all(folder.path().join("f")).unwrap();
        let objects = Objects::open(None, Some(folder.path())).unwrap();
        assert!(matches!(objects.list("f").await.unwrap_err(), ObjectsError::Missing { .. }));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_no_file_is_not_listed() {
        use std::os::unix::{ffi::OsStrExt as _, fs::symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::create_dir_all(path.join("below")).unwrap();
        std::fs::write(path.join("real"), "x").unwrap();
        symlink(path.join("real"), path.join("link")).unwrap();
        symlink("nowhere", path.join("dangling")).unwrap();
        symlink(&path, path.join("circle")).unwrap();
        std::fs::write(path.join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
        let objects = Objects::open(None, Some(folder.path())).unwrap();
        let names: Vec<_> = objects.list("f").await.unwrap().into_iter().map(|listed| listed.name).collect();
        assert_eq!(names, ["link", "real"]);
    }
}
