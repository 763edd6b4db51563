use std::collections::BTreeMap;

use storage::{Listed, Objects, ObjectsError};

use super::{
    Version,
    version::{Digest, Record},
};
use crate::manifest;

/// Where modules lie in the store.
const FOLDER: &str = "functions";
/// Where their versions lie.
const VERSIONS: &str = "functions/versions";
/// Says that there have been functions. No function's versions are called so.
const BEGUN: &str = "functions/versions/.begun";
/// No record is longer.
const MOST_RECORD: u64 = 4 << 10;

/// A module and what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) module: Vec<u8>,
    pub(crate) manifest: Option<String>,
}

/// The state of a module's and a manifest's file, as far as a list tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) module: Option<Listed>,
    pub(crate) manifest: Option<Listed>,
}

/// What was found under a name.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) pair: Pair,
    pub(crate) versions: Vec<Version>,
}

/// Why nothing that can be used was found.
#[derive(Debug)]
pub(crate) enum NotFound {
    /// It is being written at this moment.
    Changing,
    /// It can never be used as it is.
    Unusable(String),
    /// The store does not answer.
    Store(ObjectsError),
}

/// The files of all functions and of their versions.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    objects: Objects,
    /// The longest module, in bytes.
    longest: u64,
}

impl Files {
    pub(crate) fn new(objects: Objects, longest: u64) -> Self {
        Self { objects, longest }
    }

    /// What lies there now, by the names of the files without their endings.
    pub(crate) async fn look(&self) -> Result<BTreeMap<Box<str>, Marks>, ObjectsError> {
        let mut all: BTreeMap<Box<str>, Marks> = BTreeMap::new();
        for listed in self.objects.list(FOLDER).await? {
            let (name, is_module) = match listed.name.rsplit_once('.') {
                // Editors and copying programs hide what is not finished.
                Some((name, _)) if name.is_empty() || name.starts_with('.') => continue,
                Some((name, "wasm")) => (name, true),
                Some((name, "toml")) => (name, false),
                _ => continue,
            };
            let marks = all.entry(name.into()).or_default();
            let mark = if is_module { &mut marks.module } else { &mut marks.manifest };
            *mark = Some(listed);
        }
        Ok(all)
    }

    /// What lies under a name, if it still is what was listed.
    pub(crate) async fn find(&self, name: &str, marks: &Marks) -> Result<Found, NotFound> {
        let module = async {
            match &marks.module {
                Some(listed) => self.read(listed, self.longest).await,
                None => Err(NotFound::Unusable(format!("there is {name}.toml without {name}.wasm"))),
            }
        };
        let manifest = async {
            let Some(listed) = &marks.manifest else { return Ok(None) };
            let bytes = self.read(listed, manifest::MOST_BYTES as u64).await?;
            text(name, bytes).map(Some)
        };
        let versions = async { self.versions(name).await.map_err(NotFound::Store) };
        let (module, manifest, versions) = tokio::try_join!(module, manifest, versions)?;
        Ok(Found { pair: Pair { module, manifest }, versions })
    }

    async fn read(&self, listed: &Listed, limit: u64) -> Result<Vec<u8>, NotFound> {
        let name = format!("{FOLDER}/{}", listed.name);
        match self.objects.get_marked(&name, limit).await {
            Ok((bytes, mark)) if mark == listed.mark => Ok(bytes),
            Ok(_) | Err(ObjectsError::Missing { .. }) => Err(NotFound::Changing),
            Err(ObjectsError::TooLong { bytes, limit, .. }) => {
                let what = format!("{} has {bytes} bytes, more than {limit}", listed.name);
                Err(NotFound::Unusable(what))
            }
            Err(error) => Err(NotFound::Store(error)),
        }
    }

    /// The versions that are kept, the oldest first.
    pub(crate) async fn versions(&self, name: &str) -> Result<Vec<Version>, ObjectsError> {
        let listed = self.kept(name).await?;
        let records = listed.iter().filter_map(|listed| listed.name.strip_suffix(".json")?.parse().ok());
        let mut versions: Vec<Version> = records.collect();
        versions.sort_unstable();
        Ok(versions)
    }

    /// A version that is kept; none if it is not whole, or is not what it was.
    pub(crate) async fn version(
        &self,
        name: &str,
        version: &Version,
    ) -> Result<Option<(Pair, Record)>, ObjectsError> {
        let Some(record) = self.record(name, version).await? else { return Ok(None) };
        let file = |ending| format!("{VERSIONS}/{name}/{version}.{ending}");
        let Some(module) = present(self.objects.get(&file("wasm"), self.longest).await)? else {
            return Ok(None);
        };
        let manifest = present(self.objects.get(&file("toml"), manifest::MOST_BYTES as u64).await)?;
        let Ok(manifest) = manifest.map(String::from_utf8).transpose() else { return Ok(None) };
        let pair = Pair { module, manifest };
        Ok((pair.digest() == record.digest).then_some((pair, record)))
    }

    pub(crate) async fn record(&self, name: &str, version: &Version) -> Result<Option<Record>, ObjectsError> {
        let record = self.objects.get(&format!("{VERSIONS}/{name}/{version}.json"), MOST_RECORD).await;
        Ok(present(record)?.and_then(|record| serde_json::from_slice(&record).ok()))
    }

    /// Keeps a version. It is there whole or not at all.
    pub(crate) async fn keep(
        &self,
        name: &str,
        version: &Version,
        pair: &Pair,
        record: &Record,
    ) -> Result<(), ObjectsError> {
        let file = |ending| format!("{VERSIONS}/{name}/{version}.{ending}");
        self.objects.put(&file("wasm"), pair.module.clone()).await?;
        if let Some(manifest) = &pair.manifest {
            self.objects.put(&file("toml"), manifest.clone().into_bytes()).await?;
        }
        let record = serde_json::to_vec(record).expect("a record is JSON");
        self.objects.put(&file("json"), record).await
    }

    /// Forgets a version.
    pub(crate) async fn forget(&self, name: &str, version: &Version) -> Result<(), ObjectsError> {
        for ending in ["json", "toml", "wasm"] {
            self.objects.delete(&format!("{VERSIONS}/{name}/{version}.{ending}")).await?;
        }
        Ok(())
    }

    /// Puts what answers from now on. `before` is what lies there: what is the same is not written again.
    pub(crate) async fn put(
        &self,
        name: &str,
        pair: &Pair,
        before: Option<&Pair>,
    ) -> Result<(), ObjectsError> {
        if before.is_none_or(|before| before.manifest != pair.manifest) {
            let file = format!("{FOLDER}/{name}.toml");
            match &pair.manifest {
                Some(manifest) => self.objects.put(&file, manifest.clone().into_bytes()).await?,
                None => self.objects.delete(&file).await?,
            }
        }
        if before.is_none_or(|before| before.module != pair.module) {
            self.objects.put(&format!("{FOLDER}/{name}.wasm"), pair.module.clone()).await?;
        }
        Ok(())
    }

    /// What lies under a name, whatever it is; none if there is no module.
    pub(crate) async fn present(&self, name: &str) -> Result<Option<Pair>, ObjectsError> {
        let module = self.objects.get(&format!("{FOLDER}/{name}.wasm"), self.longest).await;
        let Some(module) = present(module)? else { return Ok(None) };
        let manifest = self.objects.get(&format!("{FOLDER}/{name}.toml"), manifest::MOST_BYTES as u64).await;
        let manifest = present(manifest)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Some(Pair { module, manifest }))
    }

    /// Removes a function and all its versions.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), ObjectsError> {
        self.clear(name).await?;
        for listed in self.kept(name).await? {
            self.objects.delete(&format!("{VERSIONS}/{name}/{}", listed.name)).await?;
        }
        self.make().await
    }

    /// Removes what answers, and keeps its versions.
    pub(crate) async fn clear(&self, name: &str) -> Result<(), ObjectsError> {
        for ending in ["wasm", "toml"] {
            self.objects.delete(&format!("{FOLDER}/{name}.{ending}")).await?;
        }
        // The last one takes it along, and others would take the store for away.
        self.make().await
    }

    /// Makes the place where modules lie, so that whoever wants to put one there finds it.
    pub(crate) async fn make(&self) -> Result<(), ObjectsError> {
        self.objects.make_folder(FOLDER).await
    }

    /// Whether there have ever been functions.
    pub(crate) async fn has_begun(&self) -> Result<bool, ObjectsError> {
        Ok(present(self.objects.get(BEGUN, MOST_RECORD).await)?.is_some())
    }

    /// Writes down that there have been functions.
    pub(crate) async fn begin(&self) -> Result<(), ObjectsError> {
        self.objects.put(BEGUN, Vec::new()).await
    }

    /// The files of all versions.
    async fn kept(&self, name: &str) -> Result<Vec<Listed>, ObjectsError> {
        match self.objects.list(&format!("{VERSIONS}/{name}")).await {
            Err(ObjectsError::Missing { .. }) => Ok(Vec::new()),
            listed => listed,
        }
    }
}

impl Pair {
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.module, self.manifest.as_deref())
    }
}

fn text(name: &str, bytes: Vec<u8>) -> Result<String, NotFound> {
    String::from_utf8(bytes).map_err(|_| NotFound::Unusable(format!("{name}.toml is no UTF-8 text")))
}

/// What is absent, or longer than it may be, is not there.
fn present(got: Result<Vec<u8>, ObjectsError>) -> Result<Option<Vec<u8>>, ObjectsError> {
    match got {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ObjectsError::Missing { .. } | ObjectsError::TooLong { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
