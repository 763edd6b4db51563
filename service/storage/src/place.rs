use std::path::PathBuf;

use service::Failure;

use crate::{ObjectsError, OpenError, in_memory};

/// Where data lies: the database, and the folder for what else is kept. Without a folder nothing else is.
#[derive(Clone, Debug)]
pub struct Place {
    /// The database's URL.
    pub database_url: String,
    /// The data folder, made if it was absent.
    pub folder: Option<PathBuf>,
}

impl Place {
    /// From the settings. Beside a database in memory nothing is kept, whatever folder is given, and one elsewhere needs
    /// no folder; without a URL a file in the data folder is the database, and the platform has a place for that folder.
    ///
    /// # Errors
    ///
    /// If the data folder is needed and cannot be written.
    pub fn new(database_url: Option<String>, data: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(url) = &database_url
            && (data.is_none() || in_memory(url))
        {
            return Ok(Self { database_url: url.clone(), folder: None });
        }
        let folder = service::data_folder(data)?;
        // The URL's own characters may stand in a path.
        let path = folder.join("shelfwise.db").display().to_string();
        let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let database_url = database_url.unwrap_or_else(|| format!("sqlite://{path}"));
        Ok(Self { database_url, folder: Some(folder) })
    }
}

/// A wrong setting is told from a store that does not do its part.
impl From<ObjectsError> for Failure {
    fn from(error: ObjectsError) -> Self {
        match error {
            ObjectsError::Url { .. } => Self::usage(error),
            _ => Self::caused(&error),
        }
    }
}

/// As for objects.
impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Url { .. } => Self::usage(error),
            _ => Self::caused(&error),
        }
    }
}
