//! A fresh database for one test.

/// Empty at first, gone at the end of the test. With `use testing::Database` at the root of a test crate it is what
/// [`on_both!`](crate::on_both) takes.
#[derive(Debug)]
pub struct Database {
    /// Its URL.
    pub url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Database {
    /// A file.
    ///
    /// # Panics
    ///
    /// If there is no room for it.
    #[must_use]
    pub fn sqlite() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        Some(Self { url, _folder: Some(folder) })
    }

    /// On a real server; `None` (and a skip by name) where PostgreSQL is not installed.
    #[must_use]
    pub fn postgres() -> Option<Self> {
        Some(Self { url: crate::postgres()?, _folder: None })
    }
}
