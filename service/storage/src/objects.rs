//! Where models and modules lie: a folder, or a bucket of an S3-compatible store, chosen by URL.
//!
//! What is put is there whole or not at all: a folder gets a finished file by renaming, a bucket by completing an upload.

mod list;

use std::{
    fmt,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use object_store::{
    ClientOptions, GetOptions, ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig, WriteMultipart,
    aws::AmazonS3Builder, local::LocalFileSystem, memory::InMemory, path::Path,
};

pub use list::Listed;

/// Objects of more bytes go up in pieces of this size.
const PIECE: usize = 16 << 20;
/// Pieces under way at a time.
const AT_A_TIME: usize = 4;
/// How long a store that answers with errors is asked again.
const PATIENCE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);

/// A store of objects. Clones are the same one.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// If it is a folder.
    folder: Option<Arc<FilePath>>,
    shown: String,
}

/// Why an object store does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// The URL names no store that is known here, or is malformed.
    #[error("OBJECTS_URL {url}: {reason}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder cannot be made, or the bucket's settings do not fit together.
    #[error("cannot open the object store {url}")]
    Open {
        /// The URL.
        url: String,
        /// In the store's own words.
        source: Box<object_store::Error>,
    },
    /// The folder cannot be made, or its files not removed.
    #[error("cannot make or tidy the folder {folder}")]
    Folder {
        /// Which folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such object.
    #[error("there is no object {name}")]
    Missing {
        /// Its name.
        name: String,
    },
    /// An object is longer than what may be read.
    #[error("the object {name} has {bytes} bytes, more than {limit}")]
    TooLong {
        /// Its name.
        name: String,
        /// Its length.
        bytes: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The store took too long.
    #[error("the object store did not answer in time")]
    Late,
    /// The store failed.
    #[error("cannot {operation} the object {name}")]
    Failed {
        /// What was being done.
        operation: &'static str,
        /// The object's name.
        name: String,
        /// In the store's own words.
        source: Box<object_store::Error>,
    },
}

impl Objects {
    /// The store that `url` names: `file:///FOLDER`, which is made if it is absent, or `s3://BUCKET/PREFIX`, whose place and
    /// keys are in the usual variables (`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, …).
    /// Without a URL it is the data folder, and where nothing is kept, memory.
    ///
    /// # Errors
    ///
    /// If the URL names neither, or the folder cannot be made. A bucket is not asked yet.
    pub fn open(url: Option<&str>, data: Option<&FilePath>) -> Result<Self, ObjectsError> {
        match (url, data) {
            (Some(url), _) => match url.split_once("://") {
                Some(("file", folder)) if folder.starts_with('/') => Self::folder(FilePath::new(folder), url),
                Some(("file", _)) => Err(bad(url, "a folder begins with a slash: file:///srv/objects")),
                Some(("s3", place)) => Self::bucket(url, place),
                _ => Err(bad(url, "starts neither with file:// nor with s3://")),
            },
            (None, Some(data)) => Self::folder(data, &format!("file://{}", data.display())),
            (None, None) => Ok(Self {
                store: Arc::new(InMemory::new()),
                prefix: Path::default(),
                folder: None,
                shown: "memory".to_owned(),
            }),
        }
    }

    fn folder(folder: &FilePath, url: &str) -> Result<Self, ObjectsError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| ObjectsError::Folder { folder: folder.display().to_string(), source })?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(|source| ObjectsError::Open { url: url.to_owned(), source: Box::new(source) })?
            // So that what names another object never outlives a loss of power that the other did not.
            .with_fsync(true)
            .with_automatic_cleanup(true);
        Ok(Self {
            store: Arc::new(store),
            prefix: Path::default(),
            folder: Some(folder.into()),
            shown: url.to_owned(),
        })
    }

    fn bucket(url: &str, place: &str) -> Result<Self, ObjectsError> {
        let (bucket, prefix) = place.trim_end_matches('/').split_once('/').unwrap_or((place, ""));
        let bucket = bucket.trim_end_matches('/');
        if bucket.is_empty() || url.contains(['@', '?', '#']) {
            return Err(bad(
                url,
                "must be s3://BUCKET or s3://BUCKET/PREFIX; keys belong into AWS_ variables",
            ));
        }
        // Whoever was first has chosen the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap_or_default();
        let client = ClientOptions::new()
            // Said in so many letters by whoever sets it.
            .with_allow_http(endpoint.starts_with("http://"))
            .with_connect_timeout(CONNECT)
            .with_timeout(Duration::from_secs(300));
        let retry = RetryConfig { max_retries: 5, retry_timeout: PATIENCE, ..RetryConfig::default() };
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_client_options(client)
            .with_retry(retry)
            .build()
            .map_err(|source| ObjectsError::Open { url: url.to_owned(), source: Box::new(source) })?;
        let prefix = Path::parse(prefix).map_err(|error| bad(url, &error.to_string()))?;
        Ok(Self { store: Arc::new(store), prefix, folder: None, shown: url.to_owned() })
    }

    /// Puts an object in place of one of the same name.
    ///
    /// # Errors
    ///
    /// If the store fails; then the object is not there, or as it was.
    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), ObjectsError> {
        let place = self.place(name);
        if bytes.len() <= PIECE {
            let put = self.store.put(&place, PutPayload::from(bytes)).await;
            return put.map(drop).map_err(failed("write", name));
        }
        let upload = self.store.put_multipart(&place).await.map_err(failed("write", name))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PIECE);
        for piece in bytes.chunks(PIECE) {
            upload.wait_for_capacity(AT_A_TIME).await.map_err(failed("write", name))?;
            upload.write(piece);
        }
        upload.finish().await.map(drop).map_err(failed("write", name))
    }

    /// An object of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// If it is absent or longer, or the store fails.
    pub async fn get(&self, name: &str, limit: u64) -> Result<Vec<u8>, ObjectsError> {
        let operation = "read";
        let place = self.place(name);
        let got =
            self.store.get_opts(&place, GetOptions::default()).await.map_err(failed(operation, name))?;
        let bytes = got.meta.size;
        if bytes > limit {
            return Err(ObjectsError::TooLong { name: name.to_owned(), bytes, limit });
        }
        Ok(got.bytes().await.map_err(failed(operation, name))?.into())
    }

    /// Removes an object; one that is absent is as good.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn delete(&self, name: &str) -> Result<(), ObjectsError> {
        match self.store.delete(&self.place(name)).await.map_err(failed("delete", name)) {
            Ok(()) | Err(ObjectsError::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The names of the folders in a folder.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>, ObjectsError> {
        let place = self.place(folder);
        let listed = self.store.list_with_delimiter(Some(&place)).await.map_err(failed("list", folder))?;
        Ok(listed.common_prefixes.iter().filter_map(|path| path.filename()).map(str::to_owned).collect())
    }

    /// The objects in a folder: their names there, and when each was last changed.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn files(&self, folder: &str) -> Result<Vec<(String, DateTime<Utc>)>, ObjectsError> {
        let place = self.place(folder);
        let name = |path: &Path| path.as_ref()[place.as_ref().len()..].trim_start_matches('/').to_owned();
        let listed = self.store.list(Some(&place));
        let listed = listed.map_ok(|object| (name(&object.location), object.last_modified));
        listed.try_collect().await.map_err(failed("list", folder))
    }

    /// Removes what interrupted [`Self::put`]s of objects with these names have left in a folder until then, and the folder
    /// itself if it is empty. Says how many files that were. A bucket has no such files: what was not completed does
    /// not show, and its own rules end it.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read or changed.
    pub async fn remove_halves(
        &self,
        folder: &str,
        names: &'static [&'static str],
        before: DateTime<Utc>,
    ) -> Result<usize, ObjectsError> {
        let Some(root) = &self.folder else { return Ok(0) };
        let path: PathBuf = root.join(folder);
        let removed = tokio::task::spawn_blocking(move || {
            let mut removed = 0;
            for file in std::fs::read_dir(&path)? {
                let file = file?;
                let is_half = file.file_name().to_str().is_some_and(|name| half(name, names));
                let about = file.metadata()?;
                if is_half && about.is_file() && DateTime::<Utc>::from(about.modified()?) < before {
                    std::fs::remove_file(file.path())?;
                    removed += 1;
                }
            }
            // One that holds anything stays.
            if removed > 0 && std::fs::read_dir(&path)?.next().is_none() {
                std::fs::remove_dir(&path)?;
            }
            Ok::<_, std::io::Error>(removed)
        });
        let removed = removed.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        match removed {
            Ok(removed) => Ok(removed),
            // Somebody else was faster.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(source) => Err(ObjectsError::Folder { folder: folder.to_owned(), source }),
        }
    }

    fn place(&self, name: &str) -> Path {
        self.prefix.parts().chain(Path::from(name).parts()).collect()
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Objects({})", self.shown)
    }
}

/// A file that is on its way to one of these names: until it is whole it bears a number behind a `#`.
fn half(file: &str, names: &[&str]) -> bool {
    let number = |number: &str| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    file.rsplit_once('#').is_some_and(|(name, rest)| names.contains(&name) && number(rest))
}

fn bad(url: &str, reason: &str) -> ObjectsError {
    // Whatever stands before an @ may be a key.
    let shown = url.rsplit_once('@').map_or(url.to_owned(), |(_, rest)| format!("***@{rest}"));
    ObjectsError::Url { url: shown, reason: reason.to_owned() }
}

fn failed(operation: &'static str, name: &str) -> impl FnOnce(object_store::Error) -> ObjectsError {
    let name = name.to_owned();
    move |source| match source {
        object_store::Error::NotFound { .. } => ObjectsError::Missing { name },
        source => ObjectsError::Failed { operation, name, source: Box::new(source) },
    }
}
