//! The CSV file that Goodreads exports under "Import and export".

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
    let isbns = [table.field("isbn13"), table.field("isbn")];
    let more = table.field("additional_authors");
    let authors = std::iter::once(table.field("author").trim().to_owned())
        .chain(more.split(',').map(|name| name.trim().to_owned()))
        .filter(|name| !name.is_empty());
    Ok(Described {
        isbns: isbns.iter().filter_map(|text| isbn(text)).collect(),
        title,
        authors: authors.collect(),
    })
}

/// What the reader thinks of the book, which is not known yet.
pub(super) fn entry<R: BufRead>(table: &Table<R>, now: u32) -> Result<Entry, RowError> {
    let stars = match table.field("my_rating").as_ref() {
        "" | "0" => None,
        text => {
            let whole = text.parse::<u8>().ok().filter(|stars| (1..=5).contains(stars));
            let stars = whole.and_then(|stars| Stars::from_halves(stars * 2));
            Some(stars.ok_or_else(|| RowError::value("My Rating", text, "0 to 5"))?)
        }
    };
    let (exclusive, all) = (table.field("exclusive_shelf"), table.field("bookshelves"));
    let names = std::iter::once(exclusive.as_ref()).chain(all.split(','));
    let was_read =
        !matches!(table.field("read_count").as_ref(), "" | "0") || !table.field("date_read").is_empty();
    let shelf = names.filter_map(|name| shelf(name.trim())).next();
    // Whoever has shelves of their own for what was read has a count or a date beside it.
    let shelf = shelf.unwrap_or(if was_read { Shelf::Read } else { Shelf::None });
    let owned = table.field("owned_copies").parse::<u32>().is_ok_and(|copies| copies > 0);
    let dates = [table.field("date_read"), table.field("date_added")];
    let changed = dates.iter().find_map(|text| day(text, now)).unwrap_or(now);
    Ok(Entry { book: 0, changed, stars, shelf, marks: Marks::NONE.with(Marks::OWNED, owned) })
}

/// The shelf with this name: the three that everybody has, and what people call those for books that they gave up.
fn shelf(name: &str) -> Option<Shelf> {
    Some(match name.to_lowercase().replace([' ', '_'], "-").as_str() {
        "read" => Shelf::Read,
        "currently-reading" => Shelf::Reading,
        "to-read" => Shelf::WantToRead,
        "dnf" | "did-not-finish" | "didnt-finish" | "did-not-finished" | "abandoned" | "gave-up"
        | "gave-up-on" | "unfinished" => Shelf::DidNotFinish,
        _ => return None,
    })
}
