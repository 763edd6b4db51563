//! What a training has left behind that died while it wrote: tensors without a manifest, and halves of files.

use std::time::Duration;

use chrono::{DateTime, Utc};
use storage::{Objects, ObjectsError};

use super::{FOLDER, MANIFEST, TENSORS};
use crate::models::Kind;

/// No upload takes so long, so that what is older waits for nothing more.
pub const ABANDONED: Duration = Duration::from_secs(24 * 3_600);

/// Removes tensors without a manifest that have lain there for longer than [`ABANDONED`] at `now`, under names that
/// this program gives and of which `is_known` knows nothing; and halves of files that are as old. Anything else stays: an
/// artefact that somebody else brings, a file that is none of ours, and a folder that holds one. Says how many were removed.
///
/// # Errors
///
/// If the store fails.
pub async fn remove_remnants(
    objects: &Objects,
    now: DateTime<Utc>,
    is_known: impl Fn(&str) -> bool,
) -> Result<usize, ObjectsError> {
    let before = now - ABANDONED;
    let mut removed = 0;
    for version in objects.folders(FOLDER).await?.iter().filter(|version| is_ours(version)) {
        let folder = format!("{FOLDER}/{version}");
        removed += objects.remove_halves(&folder, &[TENSORS, MANIFEST], before).await?;
        if is_known(version) {
            continue;
        }
        let files = objects.files(&folder).await?;
        let alone = |(name, changed): &(String, DateTime<Utc>)| name == TENSORS && *changed < before;
        if !files.is_empty() && files.iter().all(alone) {
            objects.delete(&format!("{folder}/{TENSORS}")).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether it is `NUMBER-KIND-RANDOM`, as a training names its model.
#[must_use]
pub fn is_ours(version: &str) -> bool {
    let parts = version.split_once('-').and_then(|(number, rest)| Some((number, rest.rsplit_once('-')?)));
    parts.is_some_and(|(number, (kind, random))| {
        let hexadecimal = |sign: u8| sign.is_ascii_digit() || matches!(sign, b'a'..=b'f');
        number.parse::<u64>().is_ok()
            && kind.parse::<Kind>().is_ok()
            && random.len() == 6
            && random.bytes().all(hexadecimal)
    })
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn names_that_a_training_gives_are_told_from_others() {
        assert!(is_ours("12-blend-0af3e9") && is_ours("1-knn-bm25-abcdef"));
        for other in [
            "",
            "notes",
            "12",
            "12-blend",
            "12-blend-xyz123",
            "12-mine-0af3e9",
            "a-blend-0af3e9",
            "spark-1-0af3e9",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
