//! A model's file and labels as they were at one moment, and the model once somebody has asked for it.

use std::{
    fs::{File, Metadata},
    io::Read as _,
    path::Path,
    sync::Arc,
    time::{Instant, SystemTime},
};

use tokio::sync::OnceCell;

use super::{bounds, model::Model, settings::ModelSettings, threads::Threads};

/// One state of a model's files.
pub(super) struct Version {
    settings: Arc<ModelSettings>,
    stamp: Stamp,
    labels: String,
    model: OnceCell<Result<Arc<Model>, Arc<str>>>,
}

/// What tells that a file has changed: when it was last written, and its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (Option<SystemTime>, u64),
    labels: Option<(Option<SystemTime>, u64)>,
}

/// Why a model's files are not what they should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("cannot read {0}")]
    Read(String, #[source] std::io::Error),
    #[error("{0} is no file")]
    NoFile(String),
    #[error("{file} has {bytes} bytes, more than {limit}")]
    TooLong { file: String, bytes: u64, limit: u64 },
    #[error("{0} is no text in UTF-8")]
    NoText(String),
}

impl Stamp {
    /// Looks at the files.
    pub(super) fn of(settings: &ModelSettings) -> Result<Self, FileError> {
        let stamp = |metadata: Metadata| (metadata.modified().ok(), metadata.len());
        let file = stamp(look(&settings.file, bounds::FILE)?);
        let labels =
            settings.labels.as_ref().map(|path| look(path, bounds::LABELS).map(stamp)).transpose()?;
        Ok(Self { file, labels })
    }

    /// Bytes of the labels.
    pub(super) fn labels(&self) -> u64 {
        self.labels.map_or(0, |(_, bytes)| bytes)
    }
}

impl Version {
    /// Looks at the files and reads the labels. The model is read when it is asked for.
    pub(super) fn open(settings: &Arc<ModelSettings>) -> Result<Self, FileError> {
        let stamp = Stamp::of(settings)?;
        let labels = match &settings.labels {
            None => String::new(),
            Some(path) => {
                let text = read(path, bounds::LABELS)?;
                let text = String::from_utf8(text).ok().filter(|text| !text.contains('\0'));
                text.ok_or_else(|| FileError::NoText(path.display().to_string()))?
            }
        };
        Ok(Self { settings: Arc::clone(settings), stamp, labels, model: OnceCell::new() })
    }

    pub(super) const fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The names of the classes, one a line; empty if there are none.
    pub(super) fn labels(&self) -> &str {
        &self.labels
    }

    /// Whether the model has been loaded and is fit to be asked.
    pub(super) fn is_loaded(&self) -> bool {
        self.model.get().is_some_and(Result::is_ok)
    }

    /// The model, loaded if nobody has asked for it before; or why it is none.
    pub(super) async fn model(self: &Arc<Self>, threads: &Arc<Threads>) -> Result<Arc<Model>, Arc<str>> {
        if let Some(known) = self.model.get() {
            return known.clone();
        }
        let (version, threads) = (Arc::clone(self), Arc::clone(threads));
        // In a task of its own: a call whose time is over before the model is loaded leaves it to the next.
        let loading =
            tokio::spawn(async move { version.model.get_or_init(|| version.load(&threads)).await.clone() });
        loading.await.unwrap_or_else(|_| Err("its loading broke off".into()))
    }

    async fn load(self: &Arc<Self>, threads: &Arc<Threads>) -> Result<Arc<Model>, Arc<str>> {
        let version = Arc::clone(self);
        let start = Instant::now();
        let loading = threads.run(move |thread| {
            let onnx = read(&version.settings.file, bounds::FILE).map_err(|error| chain(&error))?;
            Model::load(onnx, version.settings.longest, thread).map_err(|error| chain(&error))
        });
        let loaded = loading.await.unwrap_or_else(|error| Err(chain(&error)));
        let (name, file) = (&self.settings.name, self.settings.file.display());
        let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        match loaded {
            Ok(model) => {
                tracing::info!(model = name, %file, milliseconds, "loaded a model");
                Ok(Arc::new(model))
            }
            Err(reason) => {
                tracing::error!(model = name, %file, error = reason, "cannot load a model");
                Err(reason.into())
            }
        }
    }
}

/// An error and what caused it, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}

fn look(path: &Path, limit: u64) -> Result<Metadata, FileError> {
    let file = || path.display().to_string();
    let metadata = path.metadata().map_err(|error| FileError::Read(file(), error))?;
    if !metadata.is_file() {
        return Err(FileError::NoFile(file()));
    }
    match metadata.len() {
        bytes if bytes > limit => Err(FileError::TooLong { file: file(), bytes, limit }),
        _ => Ok(metadata),
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let bytes = look(path, limit)?.len();
    let error = |error| FileError::Read(path.display().to_string(), error);
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    // It may grow while it is read.
    File::open(path).map_err(error)?.take(limit).read_to_end(&mut content).map_err(error)?;
    Ok(content)
}
