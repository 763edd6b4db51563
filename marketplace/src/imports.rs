//! How far imports are, for pages that ask meanwhile. Only this process knows; a page that asks another one hears nothing,
//! and shows how much of the file was sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protobufs::readers::LibraryProgress;

/// Imports at a time. Each holds a few pieces of its file.
const MOST: usize = 16;

/// The imports of this moment.
#[derive(Debug, Default)]
pub(crate) struct Imports(Mutex<Vec<Running>>);

#[derive(Debug)]
struct Running {
    name: String,
    progress: LibraryProgress,
}

/// One of them. It is over when this is dropped.
pub(crate) struct Import {
    all: Arc<Imports>,
    name: String,
}

impl Imports {
    /// `None`: too many are running. `name` is how a page asks for it.
    pub(crate) fn begin(self: &Arc<Self>, name: &str) -> Option<Import> {
        let mut running = self.running();
        if running.len() >= MOST || running.iter().any(|import| import.name == name) {
            return None;
        }
        running.push(Running { name: name.to_owned(), progress: LibraryProgress::default() });
        Some(Import { all: Arc::clone(self), name: name.to_owned() })
    }

    /// How far it is.
    pub(crate) fn progress(&self, name: &str) -> Option<LibraryProgress> {
        self.running().iter().find(|import| import.name == name).map(|import| import.progress)
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        // Numbers, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Import {
    pub(crate) fn tell(&self, progress: &LibraryProgress) {
        let mut running = self.all.running();
        if let Some(import) = running.iter_mut().find(|import| import.name == self.name) {
            import.progress = *progress;
        }
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        self.all.running().retain(|import| import.name != self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_bounded_and_end() {
        let all = Arc::new(Imports::default());
        let mut running: Vec<_> = (0..MOST).map(|n| all.begin(&n.to_string()).unwrap()).collect();
        assert!(all.begin("one more").is_none());
        running[3].tell(&LibraryProgress { rows: 7, ..Default::default() });
        assert_eq!(all.progress("3").unwrap().rows, 7);
        running.remove(3);
        assert!(all.progress("3").is_none());
        assert!(all.begin("4").is_none(), "it is running");
        assert!(all.begin("one more").is_some());
    }
}
