//! The CSV file that StoryGraph exports under "Manage your data".

use std::io::BufRead;

use super::{
    RowError,
    matching::Described,
    table::Table,
    values::{day, isbn},
};
use crate::ratings::{Entry, Marks, Shelf, Stars};

pub(super) fn described<R: BufRead>(table: &Table<R>) -> Result<Described, RowError> {
    let title = table.field("title").into_owned();
    if title.is_empty() {
        return Err(RowError::Empty("Title"));
    }
    let authors = table.field("authors");
    let authors = authors.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    // Editions without an ISBN have an identifier of StoryGraph's there.
    Ok(Described {
        isbns: isbn(&table.field("isbn_uid")).into_iter().collect(),
        title,
        authors: authors.collect(),
    })
}

/// What the reader thinks of the book, which is not known yet.
pub(super) fn entry<R: BufRead>(table: &Table<R>, now: u32) -> Result<Entry, RowError> {
    let stars = match table.field("star_rating").as_ref() {
        "" | "0" | "0.0" => None,
        text => Some(stars(text).ok_or_else(|| RowError::value("Star Rating", text, "0.25 to 5"))?),
    };
    let shelf = match table.field("read_status").as_ref() {
        "read" => Shelf::Read,
        "to-read" => Shelf::WantToRead,
        "currently-reading" => Shelf::Reading,
        "did-not-finish" => Shelf::DidNotFinish,
        "" => Shelf::None,
        // Begun, and not given up.
        "paused" => Shelf::Reading,
        text => {
            let expected = "read, to-read, currently-reading, paused or did-not-finish";
            return Err(RowError::value("Read Status", text, expected));
        }
    };
    let owned = table.field("owned");
    let owned = ["yes", "true", "1"].iter().any(|yes| owned.eq_ignore_ascii_case(yes));
    let dates = [table.field("last_date_read"), table.field("date_added")];
    let changed = dates.iter().find_map(|text| day(text, now)).unwrap_or(now);
    Ok(Entry { book: 0, changed, stars, shelf, marks: Marks::NONE.with(Marks::OWNED, owned) })
}

/// StoryGraph gives quarters: they become the next half.
fn stars(text: &str) -> Option<Stars> {
    let value: f32 = text.replace(',', ".").parse().ok()?;
    if !(0.25..=5.0).contains(&value) {
        return None;
    }
    (1..=10_u8).find(|&halves| f32::from(halves) >= value * 2.0).and_then(Stars::from_halves)
}
