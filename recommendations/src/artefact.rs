//! Models as artefacts: a safetensors file and a manifest in an object store, written by a training and read by every
//! replica, whoever trained.
//!
//! Below `models/VERSION/` lie `model.safetensors` and `manifest.json`, the manifest last: an artefact without one does not
//! exist. Whatever is read is checked before it is used: the manifest's fields, the length and checksum of the tensors,
//! their types, shapes and numbers. What is refused has a reason that an operator can use.
//!
//! | tensor | type and shape | what |
//! |---|---|---|
//! | `books` | I32 `[b]` | the books' numbers, ascending; further tensors count books by their place here |
//! | `popularity` | F32 `[b]` | how many readers count for each book |
//! | `says` | F32 `[3]` | how much a positive, a wish and a negative in a history count; absent: 1, 0.5, 0 |
//! | `weights.starts` | U64 `[b + 1]` | item–item: where the row of each predicted book begins; absent in other models |
//! | `weights.books` | U32 `[n]` | the books that speak for it, ascending within a row |
//! | `weights.values` | F32 `[n]` | how strongly |
//! | `content` | U32 `[m]` | the predicted books whose rows come from content alone, ascending; absent: none |
//! | `weights.alike` | U32 `[⌈n / 32⌉]` | a bit a weight: whether content speaks more for it than readers do; absent: none |
//! | `popularity.weight` | F32 `[1]` | item–item: how much being popular adds to a score, for the most popular book; absent: 0 |
//! | `factors` | F32 `[b, k]` | ALS: the books' factors; absent in other models |
//! | `factors.parameters` | F32 `[2]` | λ and the confidence in a positive, as the factors were trained with |

mod manifest;
mod remnants;
mod tensors;

use ring::digest;
use storage::{Objects, ObjectsError};

pub use self::{
    manifest::{Data, FORMAT, Manifest, Measured, SCHEMA, Tensors, is_version},
    remnants::{ABANDONED, is_ours, remove_remnants},
};

use crate::models::{Model, PartsError};

/// The longest manifest.
pub const MAX_MANIFEST: u64 = 1 << 20;
/// The longest file of tensors: 16 GiB.
pub const MAX_TENSORS: u64 = 16 << 30;
const FOLDER: &str = "models";
const MANIFEST: &str = "manifest.json";
const TENSORS: &str = "model.safetensors";

/// A model and the books that it knows.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The numbers of the books, ascending; the model counts them by their place here.
    pub books: Vec<i32>,
    /// What ranks them.
    pub model: Model,
}

/// Why an artefact is not read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArtefactError {
    /// The object store failed, or the artefact is not there.
    #[error("the artefact of {version} cannot be reached")]
    Objects {
        /// Whose artefact.
        version: String,
        /// Why.
        source: ObjectsError,
    },
    /// The manifest is no JSON, or lacks a field.
    #[error("the manifest cannot be read")]
    Json(#[source] serde_json::Error),
    /// The manifest says what cannot be.
    #[error("the manifest is refused: {0}")]
    Manifest(String),
    /// The tensors are not those of the manifest.
    #[error("the tensors have {found} bytes, the manifest says {expected}: the artefact is incomplete")]
    Length {
        /// What the manifest says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// The tensors are not those of the manifest.
    #[error("the tensors' SHA-256 is {found}, the manifest says {expected}: the artefact is damaged")]
    Checksum {
        /// What the manifest says.
        expected: String,
        /// What there is.
        found: String,
    },
    /// The file of tensors is malformed.
    #[error("the tensors cannot be read")]
    Format(#[source] safetensors::SafeTensorError),
    /// A tensor is missing or of another type or shape.
    #[error("the tensor {name}: {reason}")]
    Tensor {
        /// Which tensor.
        name: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The tensors make no model.
    #[error("the tensors make no model")]
    Parts(#[source] PartsError),
    /// It holds a model of another store.
    #[error("the model was trained for another store, {0}")]
    Foreign(String),
}

/// An artefact as bytes.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The manifest as JSON.
    pub manifest: Vec<u8>,
    /// The safetensors file.
    pub tensors: Vec<u8>,
}

/// Writes a model as bytes and completes its manifest with their length and checksum.
///
/// # Errors
///
/// If there are too many tensors for their header, which no model has.
pub fn encode(manifest: &mut Manifest, trained: &Trained) -> Result<Encoded, ArtefactError> {
    let tensors = tensors::encode(trained)?;
    manifest.tensors = Tensors { bytes: tensors.len() as u64, sha256: sha256(&tensors) };
    Ok(Encoded { manifest: manifest.to_json(), tensors })
}

/// Reads a model from bytes that nobody vouches for.
///
/// # Errors
///
/// If anything about them is wrong.
pub fn decode(manifest: &[u8], tensors: &[u8]) -> Result<(Manifest, Trained), ArtefactError> {
    let manifest = Manifest::read(manifest)?;
    let trained = checked(&manifest, tensors)?;
    Ok((manifest, trained))
}

/// Writes an artefact, the manifest last.
///
/// # Errors
///
/// If the store fails; what was written until then is not seen by anybody.
pub async fn write(objects: &Objects, version: &str, encoded: Encoded) -> Result<(), ArtefactError> {
    write_tensors(objects, version, encoded.tensors).await?;
    put_manifest(objects, version, encoded.manifest).await
}

/// Writes the tensors of an artefact, which nobody sees before [`write_manifest`].
///
/// # Errors
///
/// If the store fails.
pub async fn write_tensors(objects: &Objects, version: &str, tensors: Vec<u8>) -> Result<(), ArtefactError> {
    let written = objects.put(&tensors_name(version), tensors).await;
    written.map_err(|source| ArtefactError::Objects { version: version.to_owned(), source })
}

/// Writes the manifest of an artefact whose tensors are there, or writes it anew.
///
/// # Errors
///
/// If the store fails.
pub async fn write_manifest(objects: &Objects, manifest: &Manifest) -> Result<(), ArtefactError> {
    put_manifest(objects, &manifest.version, manifest.to_json()).await
}

async fn put_manifest(objects: &Objects, version: &str, json: Vec<u8>) -> Result<(), ArtefactError> {
    let written = objects.put(&manifest_name(version), json).await;
    written.map_err(|source| ArtefactError::Objects { version: version.to_owned(), source })
}

/// Reads and checks a manifest.
///
/// # Errors
///
/// If it is not there, or wrong.
pub async fn read_manifest(objects: &Objects, version: &str) -> Result<Manifest, ArtefactError> {
    let failed = |source| ArtefactError::Objects { version: version.to_owned(), source };
    let bytes = objects.get(&manifest_name(version), MAX_MANIFEST).await.map_err(failed)?;
    let manifest = Manifest::read(&bytes)?;
    if manifest.version != version {
        return Err(ArtefactError::Manifest(format!(
            "it lies under {version} and says {}",
            manifest.version
        )));
    }
    Ok(manifest)
}

/// Reads and checks an artefact for the store of this name.
///
/// # Errors
///
/// If it is not there, damaged, or another store's.
pub async fn read(
    objects: &Objects,
    version: &str,
    store: &str,
) -> Result<(Manifest, Trained), ArtefactError> {
    let manifest = read_manifest(objects, version).await?;
    if !manifest.store.is_empty() && manifest.store != store {
        return Err(ArtefactError::Foreign(manifest.store));
    }
    let failed = |source| ArtefactError::Objects { version: version.to_owned(), source };
    let limit = manifest.tensors.bytes.min(MAX_TENSORS);
    let bytes = match objects.get(&tensors_name(version), limit).await {
        Err(ObjectsError::TooLong { bytes: found, .. }) => {
            return Err(ArtefactError::Length { expected: manifest.tensors.bytes, found });
        }
        other => other.map_err(failed)?,
    };
    // Hashing a gigabyte and building indexes of it takes seconds.
    let decoded = tokio::task::spawn_blocking(move || {
        let trained = checked(&manifest, &bytes)?;
        Ok((manifest, trained))
    });
    decoded
        .await
        .unwrap_or_else(|error| Err(ArtefactError::Manifest(format!("reading it was interrupted: {error}"))))
}

/// The versions that lie in the store, whole or not.
///
/// # Errors
///
/// If the store fails.
pub async fn versions(objects: &Objects) -> Result<Vec<String>, ObjectsError> {
    let mut versions = objects.folders(FOLDER).await?;
    versions.retain(|version| is_version(version));
    Ok(versions)
}

/// Removes an artefact, the manifest first.
///
/// # Errors
///
/// If the store fails.
pub async fn remove(objects: &Objects, version: &str) -> Result<(), ObjectsError> {
    objects.delete(&manifest_name(version)).await?;
    objects.delete(&tensors_name(version)).await
}

/// The model of these tensors, if they are those of the manifest.
fn checked(manifest: &Manifest, tensors: &[u8]) -> Result<Trained, ArtefactError> {
    let Tensors { bytes, sha256: expected } = &manifest.tensors;
    if *bytes != tensors.len() as u64 {
        return Err(ArtefactError::Length { expected: *bytes, found: tensors.len() as u64 });
    }
    let found = sha256(tensors);
    if *expected != found {
        return Err(ArtefactError::Checksum { expected: expected.clone(), found });
    }
    let trained = tensors::decode(tensors)?;
    if trained.books.len() as u64 != manifest.data.books {
        return Err(ArtefactError::Manifest("it tells of another number of books".to_owned()));
    }
    Ok(trained)
}

fn manifest_name(version: &str) -> String {
    format!("{FOLDER}/{version}/{MANIFEST}")
}

fn tensors_name(version: &str) -> String {
    format!("{FOLDER}/{version}/{TENSORS}")
}

/// In hexadecimal digits.
fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}
