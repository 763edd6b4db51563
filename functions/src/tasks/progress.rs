//! How far a function says that it is.

use std::sync::{Arc, Mutex, PoisonError};

/// What a line of a function's log begins with that says how far it is.
const MARK: &str = "progress:";
const LEVELS: [&str; 4] = ["error: ", "warn: ", "info: ", "debug: "];
/// The words that may follow are cut to so many bytes.
const LONGEST: usize = 200;

/// How far one task is. Clones are the same.
///
/// A function of any kind says it by a line in its log (or on stderr, for those that have no other), while it runs: `progress:`,
/// a number from 0 to 1, and, if it likes, words, such as `progress: 0.25 reading ratings`.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<(f32, String)>>);

impl Progress {
    /// Looks at a line of the log. Any other line says nothing.
    pub fn line(&self, line: &str) {
        let line = line.trim();
        // The log of a component says how grave a line is.
        let line = LEVELS.iter().find_map(|level| line.strip_prefix(level)).unwrap_or(line);
        let Some(said) = line.strip_prefix(MARK).map(str::trim_start) else { return };
        let (number, words) = said.split_once([' ', '\t']).unwrap_or((said, ""));
        let Some(number) = number.parse().ok().filter(|number| (0.0..=1.0).contains(number)) else { return };
        let words: String = words.trim().chars().filter(|sign| !sign.is_control()).collect();
        let end = words.floor_char_boundary(LONGEST);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (number, words[..end].to_owned());
    }

    /// From 0 to 1, and what is being done.
    #[must_use]
    pub fn now(&self) -> (f32, String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn lines_that_say_it_are_understood_and_others_left() {
        let progress = Progress::default();
        for (line, number, words) in [
            ("starting", 0.0, ""),
            ("progress: 0.25 reading ratings", 0.25, "reading ratings"),
            ("progress: 2", 0.25, "reading ratings"),
            ("progress: NaN", 0.25, "reading ratings"),
            ("progress: half", 0.25, "reading ratings"),
            ("the progress: 0.9", 0.25, "reading ratings"),
            (" progress:.5\tnearly  ", 0.5, "nearly"),
            ("info: progress: 0.75 as a component", 0.75, "as a component"),
            ("note: progress: 0.8", 0.75, "as a component"),
            ("progress: 1", 1.0, ""),
        ] {
            progress.line(line);
            assert_eq!(progress.now(), (number, words.to_owned()), "{line}");
        }
        progress.line(&format!("progress: 0.1 {}", "ö".repeat(500)));
        assert_eq!(progress.now().1.len(), 200);
    }
}
