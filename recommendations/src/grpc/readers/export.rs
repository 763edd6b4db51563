use protobufs::readers::ExportHistoryResponse;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use super::render;
use crate::ratings::Ratings;

/// How many entries a message holds.
const ENTRIES: usize = 1_000;

/// Sends the history of one reader or all, in the order of readers and books. A message is made when the one before is on its
/// way, of what is known at that moment: whoever is erased while it goes on is not sent any more.
pub(super) struct Export {
    ratings: Ratings,
    readers: std::vec::IntoIter<u32>,
    /// Whose history is being sent, and the last book of it that was; all of them have positive numbers.
    under_way: Option<(u32, i32)>,
    _exporting: OwnedSemaphorePermit,
}

impl Export {
    pub(super) fn new(ratings: Ratings, reader: Option<u32>, exporting: OwnedSemaphorePermit) -> Self {
        let readers: Vec<u32> = match reader {
            Some(reader) => vec![reader],
            None => ratings.snapshot().iter().map(|(reader, _)| reader).collect(),
        };
        Self { ratings, readers: readers.into_iter(), under_way: None, _exporting: exporting }
    }
}

impl Iterator for Export {
    type Item = Result<ExportHistoryResponse, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut entries = Vec::new();
        while entries.len() < ENTRIES {
            let next = self.under_way.take().or_else(|| self.readers.next().map(|reader| (reader, 0)));
            let Some((reader, last)) = next else { break };
            let history = self.ratings.history(reader);
            let rest = &history[history.partition_point(|entry| entry.book <= last)..];
            let part = &rest[..rest.len().min(ENTRIES - entries.len())];
            entries.extend(part.iter().map(|entry| render::entry(reader, entry)));
            if part.len() < rest.len() {
                self.under_way = part.last().map(|entry| (reader, entry.book));
            }
        }
        (!entries.is_empty()).then_some(Ok(ExportHistoryResponse { entries }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::{ENTRIES, Export};
    use crate::ratings::{Base, Entry, Marks, Ratings};

    /// Five readers who have so many books each.
    fn export(each: i32) -> (Ratings, Export) {
        let mut base = Base::default();
        for reader in 1..=5 {
            for book in 1..=each {
                base.push(reader, Entry { marks: Marks::OWNED, ..Entry::nothing(book) }).unwrap();
            }
        }
        let ratings = Ratings::new(base, 1);
        let exporting = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        (ratings.clone(), Export::new(ratings, None, exporting))
    }

    /// Reader and book of each entry of the next message.
    fn next(export: &mut Export) -> Vec<(i32, i32)> {
        let message = export.next().map(Result::unwrap).unwrap_or_default();
        message.entries.iter().map(|entry| (entry.reader_id, entry.book_id)).collect()
    }

    #[test]
    fn all_of_it_comes_in_order() {
        for each in [1, 999, 1_000, 1_001, 2_500] {
            let (_, mut export) = export(each);
            let mut all = Vec::new();
            loop {
                let message = next(&mut export);
                if message.is_empty() {
                    break;
                }
                assert!(message.len() == ENTRIES || all.len() + message.len() == each as usize * 5);
                all.extend(message);
            }
            let expected = (1..=5).flat_map(|reader| (1..=each).map(move |book| (reader, book)));
            assert!(all.iter().copied().eq(expected), "{each}");
        }
    }

    #[test]
    fn who_is_erased_is_in_no_further_message() {
        let (ratings, mut export) = export(2_500);
        assert_eq!(next(&mut export).last(), Some(&(1, 1_000)));
        // In the middle of the first one's history, and before the third one's.
        ratings.erase(1..=1, 2);
        ratings.erase(3..=3, 3);
        let mut rest = Vec::new();
        while let message @ [_, ..] = &next(&mut export)[..] {
            rest.extend_from_slice(message);
        }
        let expected = [2, 4, 5].into_iter().flat_map(|reader| (1..=2_500).map(move |book| (reader, book)));
        assert!(rest.iter().copied().eq(expected), "{} entries", rest.len());
    }
}
