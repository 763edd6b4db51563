//! The token that deploying functions takes: made at the first start, in the data folder, for nobody else to read.

use std::path::{Path, PathBuf};

use service::{Failure, secret, token::Token};

/// What the file is called.
const FILE: &str = "token";

/// The one in this folder; if there is none, a new one, which is written there.
pub(crate) fn made(folder: &Path) -> Result<Token, Failure> {
    let file = folder.join(FILE);
    let secret = secret::kept(&file).map_err(|error| failed(&file, &error))?;
    secret.parse().map_err(|error| failed(&file, &error))
}

/// Where it lies.
pub(crate) fn place(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// The one that the suite has made in the data folder, if this machine has one.
pub(crate) fn kept(data: Option<&Path>) -> Result<Option<Token>, Failure> {
    let Some(folder) = service::data_place(data) else { return Ok(None) };
    let file = folder.join(FILE);
    let secret = secret::read(&file).map_err(|error| failed(&file, &error))?;
    secret.map(|secret| secret.parse()).transpose().map_err(|error| failed(&file, &error))
}

fn failed(file: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::io(format!("token {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::{kept, made, place};

    #[test]
    fn a_token_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(kept(Some(folder.path())).unwrap(), None);
        let token = made(folder.path()).unwrap();
        assert_eq!(made(folder.path()).unwrap(), token);
        assert_eq!(kept(Some(folder.path())).unwrap(), Some(token.clone()));
        assert_eq!(token.secret().len(), 64);
        let file = place(folder.path());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&file, "two words").unwrap();
        let told = made(folder.path()).unwrap_err().to_string();
        assert!(!told.contains("words") && told.contains("token"), "{told}");
    }
}
