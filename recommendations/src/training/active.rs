use std::{error::Error, sync::Arc, time::Instant};

use super::{POLL, Training, TrainingError};
use crate::{
    artefact::{self, ArtefactError, Manifest, Trained},
    knowledge::Served,
    store::{Registered, Standing, now},
};

/// How long a version that cannot be loaded is left alone.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);
/// Why a version is looked at that is not known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It lies in the object store.
    Seen,
    /// Somebody wants it to answer.
    AskedFor,
}

/// How many versions that lie in the object store and are not known are looked at in one listing.
const ADOPTED: usize = 100;

impl Training {
    /// Lets a model answer, whatever its quality: in this process at once, in others as soon as they look. One that somebody
    /// else has put into the object store is registered first.
    ///
    /// # Errors
    ///
    /// If there is no such model, or its artefact cannot be used; then the one before goes on answering.
    pub async fn activate(&self, version: &str) -> Result<(), TrainingError> {
        let inner = &*self.0;
        if inner.store.model(version).await.map_err(TrainingError::Store)?.is_none() {
            self.adopt(version, Why::AskedFor).await?;
        }
        let served = self.read(version).await.map_err(TrainingError::Artefact)?;
        if !inner.store.activate(version).await.map_err(TrainingError::Store)? {
            return Err(TrainingError::NoSuchModel(version.to_owned()));
        }
        self.serve(served);
        Ok(())
    }

    /// Lets the model answer that did before the active one, and says which that is.
    ///
    /// # Errors
    ///
    /// If there was none, or its artefact cannot be used.
    pub async fn roll_back(&self) -> Result<String, TrainingError> {
        let answering = self.0.store.answering().await.map_err(TrainingError::Store)?;
        if answering.previous.is_empty() {
            return Err(TrainingError::NothingBefore);
        }
        self.activate(&answering.previous).await?;
        Ok(answering.previous)
    }

    /// All models with their manifests, the latest first, those included that somebody else has put into the object store.
    ///
    /// # Errors
    ///
    /// If the store fails. An object store that fails is logged: what is registered is listed without it.
    pub async fn models(&self) -> Result<Vec<(Registered, Manifest)>, TrainingError> {
        let inner = &*self.0;
        let mut known = inner.store.models().await.map_err(TrainingError::Store)?;
        match artefact::versions(&inner.objects).await {
            Ok(versions) => {
                let mut adopted = false;
                let is_new = |version: &&String| known.iter().all(|model| model.version != **version);
                for version in versions.iter().filter(is_new).take(ADOPTED) {
                    // One without a manifest is on its way, or was left behind.
                    adopted |= self.adopt(version, Why::Seen).await.is_ok();
                }
                if adopted {
                    known = inner.store.models().await.map_err(TrainingError::Store)?;
                }
            }
            Err(error) => tracing::warn!(error = &error as &dyn Error, "the object store cannot be listed"),
        }
        let read = |model: Registered| {
            let manifest = Manifest::read(model.manifest.as_bytes());
            manifest.ok().map(|manifest| (model, manifest))
        };
        Ok(known.into_iter().filter_map(read).collect())
    }

    /// Registers what somebody else has written. Nothing has measured it here: it answers only once somebody asks for it.
    async fn adopt(&self, version: &str, why: Why) -> Result<(), TrainingError> {
        let inner = &*self.0;
        if !artefact::is_version(version) {
            return Err(TrainingError::NoSuchModel(version.to_owned()));
        }
        let manifest = match artefact::read_manifest(&inner.objects, version).await {
            Ok(manifest) => manifest,
            Err(ArtefactError::Objects { source: storage::ObjectsError::Missing { .. }, .. }) => {
                return Err(TrainingError::NoSuchModel(version.to_owned()));
            }
            Err(error) => return Err(TrainingError::Artefact(error)),
        };
        // A training of this store registers its own models once they are judged: this one never was, or was forgotten.
        if why == Why::Seen && manifest.store == inner.name && artefact::is_ours(version) {
            return Err(TrainingError::NoSuchModel(version.to_owned()));
        }
        let number = inner.store.next_model().await.map_err(TrainingError::Store)?;
        let model = Registered {
            version: version.to_owned(),
            number,
            manifest: String::from_utf8_lossy(&manifest.to_json()).into_owned(),
            standing: Standing::Candidate,
        };
        inner.store.register(&model).await.map_err(TrainingError::Store)
    }

    /// Loads the model that should answer. If it cannot be used, the one before, or else the latest that can: the last good
    /// one answers, and the log says why.
    pub(super) async fn load_first(&self) -> Result<(), TrainingError> {
        let answering = self.0.store.answering().await.map_err(TrainingError::Store)?;
        if answering.active.is_empty() {
            return Ok(());
        }
        let models = self.0.store.models().await.map_err(TrainingError::Store)?;
        let others = models.into_iter().filter(|model| model.standing == Standing::Accepted);
        let others = others.map(|model| model.version);
        let mut tried: Vec<String> = Vec::new();
        for version in [answering.active, answering.previous].into_iter().chain(others) {
            if version.is_empty() || tried.contains(&version) {
                continue;
            }
            match self.read(&version).await {
                Ok(served) => {
                    self.0.active.store(Some(Arc::new(served)));
                    return Ok(());
                }
                Err(error) => self.refuse(&version, &error),
            }
            tried.push(version);
        }
        Ok(())
    }

    /// Swaps in what others activate.
    pub(super) async fn follow(&self) {
        let mut failed: Option<(String, Instant)> = None;
        let mut silent = false;
        loop {
            tokio::time::sleep(POLL).await;
            let wanted = match self.0.store.answering().await {
                Ok(answering) => answering.active,
                Err(error) => {
                    if !silent {
                        tracing::error!(error = &error as &dyn Error, "cannot see which model is active");
                    }
                    silent = true;
                    continue;
                }
            };
            silent = false;
            if wanted == self.answering() {
                failed = None;
                continue;
            }
            if wanted.is_empty() {
                self.0.active.store(None);
                continue;
            }
            if failed.as_ref().is_some_and(|(version, since)| *version == wanted && since.elapsed() < AGAIN) {
                continue;
            }
            match self.read(&wanted).await {
                Ok(served) => self.serve(served),
                Err(error) => {
                    let known = self.unusable().is_some_and(|(version, _)| version == wanted);
                    if !known {
                        self.refuse(&wanted, &error);
                    }
                    failed = Some((wanted, Instant::now()));
                }
            }
        }
    }

    pub(super) fn serve(&self, served: Served) {
        tracing::info!(version = served.version, books = served.books.len(), "this model answers now");
        self.state().unusable = None;
        self.0.active.store(Some(Arc::new(served)));
    }

    pub(super) async fn read(&self, version: &str) -> Result<Served, ArtefactError> {
        let begun = now();
        let (manifest, trained) = artefact::read(&self.0.objects, version, &self.0.name).await?;
        tracing::debug!(version, milliseconds = now() - begun, "read a model");
        let Trained { books, model } = trained;
        Ok(Served { version: manifest.version, simulated: manifest.simulated, model, books })
    }

    fn refuse(&self, version: &str, error: &ArtefactError) {
        tracing::error!(
            version,
            error = error as &dyn Error,
            "the active model cannot be used: the last good one answers"
        );
        self.state().unusable = Some((version.to_owned(), service::chain(error)));
    }
}
