//! What there is to learn from, with books and readers as numbers from 0.

use crate::{
    catalogue::Catalogue,
    knowledge::opinion,
    models::{Facts, Interaction, Items, Opinion, Run, TrainError},
    ratings::{FIRST_SIMULATED, Snapshot},
    readers::now,
};

/// A "not for me" as stars.
const DISMISSED: f32 = 0.5;
/// In seconds.
const DAY: u32 = 24 * 3_600;
/// How many readers are read between two looks at whether somebody cancelled.
const AT_A_TIME: usize = 10_000;

/// All histories at one moment, and the catalogue's books.
pub(super) struct Rows {
    /// The reader of each number.
    pub(super) readers: Vec<i64>,
    /// The book of each number, ascending.
    pub(super) books: Vec<i32>,
    /// What readers think of books. 16 bytes each.
    pub(super) all: Vec<Interaction>,
    /// How many days ago each of them last changed. 2 bytes each.
    pub(super) ages: Vec<u16>,
    /// What is known of the books.
    pub(super) items: Items,
    /// The histories' revision that they are of.
    pub(super) revision: i64,
    /// How many changes of ratings the store had seen at least.
    pub(super) changes: i64,
    /// How many readers like anything.
    pub(super) likers: u64,
    /// How many of the rows are positive.
    pub(super) positives: u64,
    /// When the first and the last of them changed, in seconds since 1970.
    pub(super) from: u32,
    pub(super) to: u32,
    /// Whether simulated readers are among them.
    pub(super) simulated: bool,
}

impl Rows {
    /// Books that the catalogue does not have any more are left out, and so are wishes, which say nothing when a model is
    /// made.
    pub(super) fn gather(catalogue: &Catalogue, histories: &Snapshot, run: &Run) -> Result<Self, TrainError> {
        let books: Vec<_> = (0..catalogue.len()).filter_map(|place| catalogue.at(place)).collect();
        let items = Items::new(books.iter().map(|book| Facts {
            authors: book.authors().map(str::to_owned).collect(),
            series: book.series().map(|(name, _)| name.to_owned()),
            subjects: book.subjects().map(str::to_owned).collect(),
            language: book.language().to_owned(),
        }));
        let mut rows = Self {
            readers: Vec::with_capacity(histories.readers()),
            books: books.iter().map(|book| book.id()).collect(),
            all: Vec::with_capacity(histories.len()),
            ages: Vec::with_capacity(histories.len()),
            items,
            revision: histories.revision(),
            changes: 0,
            likers: 0,
            positives: 0,
            from: u32::MAX,
            to: 0,
            simulated: false,
        };
        let now = now();
        for (count, (reader, history)) in histories.iter().enumerate() {
            if count % AT_A_TIME == 0 {
                run.at(count, histories.readers())?;
            }
            let number = rows.readers.len() as u32;
            let before = rows.positives;
            for entry in history {
                let Some(book) = catalogue.book(entry.book) else { continue };
                let opinion = opinion(entry);
                let stars = match opinion {
                    Opinion::Wanted => continue,
                    Opinion::Positive => entry.stars.map(|stars| stars.value()),
                    Opinion::Neutral => Some(3.0),
                    Opinion::Negative => Some(entry.stars.map_or(DISMISSED, |stars| stars.value())),
                };
                if opinion == Opinion::Positive {
                    rows.positives += 1;
                    rows.from = rows.from.min(entry.changed);
                    rows.to = rows.to.max(entry.changed);
                }
                rows.all.push(Interaction { reader: number, book: book.place(), stars });
                rows.ages.push(u16::try_from(now.saturating_sub(entry.changed) / DAY).unwrap_or(u16::MAX));
            }
            rows.likers += u64::from(rows.positives > before);
            rows.simulated |= reader >= FIRST_SIMULATED;
            rows.readers.push(i64::from(reader));
        }
        if rows.positives == 0 {
            rows.from = 0;
        }
        Ok(rows)
    }

    /// Whether any reader with these numbers, both included, is among them.
    pub(super) fn have(&self, first: u32, last: u32) -> bool {
        let place = self.readers.partition_point(|&reader| reader < i64::from(first));
        self.readers.get(place).is_some_and(|&reader| reader <= i64::from(last))
    }

    /// Reader, book and age in days of each.
    pub(super) fn aged(&self) -> impl Iterator<Item = (u32, u32, f32)> + '_ {
        self.all.iter().zip(&self.ages).map(|(it, &days)| (it.reader, it.book, f32::from(days)))
    }
}
