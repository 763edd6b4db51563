//! Readers' libraries into the real program and out again.

#[path = "../e2e/process.rs"]
#[allow(dead_code)]
mod process;

mod beside;
mod goodbooks;
mod long;
mod mended;
mod round;

use std::{fs, path::Path};

use process::{Ended, run, shelfwise, workspace};
use tempfile::TempDir;

/// A data folder with the catalogue that comes with the program.
struct Shop(TempDir);

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        let books = workspace().join("recommendations/data/books.jsonl");
        let ended = shop.run(&["import", "books", books.to_str().unwrap()]);
        assert!(ended.code == Some(0) && ended.out.contains(" 0 rejected"), "{} {}", ended.out, ended.err);
        shop
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        run(shelfwise().args(arguments).arg("--data").arg(self.0.path().join("data")))
    }

    /// A file in the folder, and its path.
    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Imports a file and says what it came to.
    fn import(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(&[&["import"], arguments].concat());
        assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
        ended
    }

    fn export(&self, arguments: &[&str]) -> String {
        let ended = self.run(&[&["export", "ratings"], arguments].concat());
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
        ended.out
    }
}

const HEADER: &str = "reader,book,stars,shelf,dismissed,owned,interacted,changed_at\n";

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}
