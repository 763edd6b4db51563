use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ArtefactError, MAX_TENSORS};
use crate::models::{Kind, Parameters};

/// What every manifest of ours begins with.
pub const FORMAT: &str = "shelfwise-model";
/// Which manifests and tensors this release reads and writes.
pub const SCHEMA: u32 = 1;
/// Longer names are nobody's.
const MAX_VERSION: usize = 64;

/// What is known of an artefact beside its tensors. Fields that are not known are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// [`SCHEMA`].
    pub schema: u32,
    /// The model's name for ever: up to 64 small letters, digits, hyphens and dots.
    pub version: String,
    /// Which algorithm: the name of a [`Kind`].
    pub kind: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// How long training took.
    pub seconds: f64,
    /// Which store's ratings and books it was trained on; empty: any.
    #[serde(default)]
    pub store: String,
    /// What it was trained on.
    pub data: Data,
    /// What it was trained with, by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, f64>,
    /// How well it finds books that were held out, if that was measured.
    #[serde(default)]
    pub quality: Option<Measured>,
    /// How well the model that answered before it does, measured in the same way.
    #[serde(default)]
    pub compared_with: Option<Measured>,
    /// Whether simulated readers were among those that it was trained on.
    #[serde(default)]
    pub simulated: bool,
    /// The file of tensors beside it.
    pub tensors: Tensors,
}

/// What a model was trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Readers with a positive interaction.
    pub readers: u64,
    /// Books that the model knows.
    pub books: u64,
    /// Positive interactions.
    pub interactions: u64,
    /// When the first of them changed last, in seconds since 1970; 0 if there is none.
    #[serde(default)]
    pub from: u32,
    /// When the last of them did.
    #[serde(default)]
    pub to: u32,
    /// How many changes of ratings the store had seen.
    #[serde(default)]
    pub revision: i64,
}

/// Quality on held-out rows, as in the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Mean of NDCG@10.
    pub ndcg: f64,
    /// Mean of recall@20.
    pub recall: f64,
    /// Mean average precision at 10.
    pub map: f64,
    /// The share of books among the first ten for somebody.
    pub coverage: f64,
    /// Mean self-information in bits.
    pub novelty: f64,
    /// How unequally books are recommended.
    pub gini: f64,
    /// How many readers had held-out books.
    pub readers: u64,
}

/// The file of tensors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensors {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in small hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// Reads and checks one.
    ///
    /// # Errors
    ///
    /// If it is no JSON, lacks a field, or says what cannot be.
    pub fn read(json: &[u8]) -> Result<Self, ArtefactError> {
        let manifest: Self = serde_json::from_slice(json).map_err(ArtefactError::Json)?;
        let refuse = |reason: String| Err(ArtefactError::Manifest(reason));
        if manifest.format != FORMAT {
            return refuse(format!("its format is {:?}, not {FORMAT:?}", shown(&manifest.format)));
        }
        if manifest.schema != SCHEMA {
            return refuse(format!("its schema is {}; this release reads {SCHEMA}", manifest.schema));
        }
        if !is_version(&manifest.version) {
            return refuse(format!("{:?} names no version", shown(&manifest.version)));
        }
        if let Err(error) = manifest.kind() {
            return refuse(error);
        }
        if let Err(error) = manifest.parameters() {
            return refuse(error);
        }
        if manifest.tensors.bytes > MAX_TENSORS {
            return refuse(format!(
                "its tensors have {} bytes, more than {MAX_TENSORS}",
                manifest.tensors.bytes
            ));
        }
        let measured = [manifest.quality, manifest.compared_with].into_iter().flatten();
        let numbers = measured.flat_map(|it| [it.ndcg, it.recall, it.map, it.coverage, it.novelty, it.gini]);
        if !numbers.chain([manifest.seconds]).all(|number| number.is_finite() && number >= 0.0) {
            return refuse("a number is negative or not finite".to_owned());
        }
        Ok(manifest)
    }

    /// Which algorithm.
    ///
    /// # Errors
    ///
    /// If this release does not know it, in a sentence.
    pub fn kind(&self) -> Result<Kind, String> {
        shown(&self.kind).parse().map_err(|error: crate::models::NoSuchKind| error.to_string())
    }

    /// What it was trained with: the defaults where it does not say.
    ///
    /// # Errors
    ///
    /// If a parameter is unknown to this release or out of range, in a sentence.
    pub fn parameters(&self) -> Result<Parameters, String> {
        let mut parameters = Parameters::default();
        for (name, &value) in &self.parameters {
            parameters.set(name, value).map_err(|error| error.to_string())?;
        }
        Ok(parameters)
    }

    /// As it lies in the store.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("numbers and texts are JSON");
        json.push(b'\n');
        json
    }
}

/// Whether it can name a version: then it can name a folder, too.
#[must_use]
pub fn is_version(name: &str) -> bool {
    let plain = |sign: u8| matches!(sign, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    (1..=MAX_VERSION).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.')
}

/// The beginning of a text that somebody else wrote.
fn shown(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_VERSION).map_or(text.len(), |(end, _)| end);
    &text[..end]
}
