//! Which book of the catalogue a row of somebody else's file means: by ISBN, else by title and author as people compare
//! them. About 100 bytes a book.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
};

use crate::{
    catalogue::{Catalogue, Isbn13, fold},
    store::{Store, StoreError},
};

/// The books that rows are matched with.
#[derive(Debug, Default)]
pub struct Books {
    ids: Vec<i32>,
    isbns: Vec<(u64, u32)>,
    /// The whole title.
    exact: Vec<(u64, u32)>,
    /// The title without what stands in brackets at its end, and the whole one.
    plain: Vec<(u64, u64, u32)>,
    /// The title without its subtitle, where it has one.
    short: Vec<(u64, u32)>,
    authors: Vec<u64>,
    author_ends: Vec<u32>,
}

/// What a row says of its book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) isbns: Vec<Isbn13>,
    pub(super) title: String,
    pub(super) authors: Vec<String>,
}

impl Books {
    /// Those that the store has.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn of_store(store: &Store) -> Result<Self, StoreError> {
        let mut books = Self::default();
        let mut reading = store.read().await?;
        loop {
            let page = reading.next().await?;
            if page.is_empty() {
                break;
            }
            for book in &page {
                books.push(book.id, book.isbn13, &book.title, book.authors.iter().map(String::as_str));
            }
        }
        books.sort();
        Ok(books)
    }

    /// Those of a catalogue. Takes a microsecond or two a book.
    #[must_use]
    pub fn of_catalogue(catalogue: &Catalogue) -> Self {
        let mut books = Self::default();
        for book in (0..catalogue.len()).filter_map(|place| catalogue.at(place)) {
            books.push(book.id(), book.isbn13(), book.title(), book.authors());
        }
        books.sort();
        books
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(super) fn has(&self, id: i32) -> bool {
        self.ids.binary_search(&id).is_ok()
    }

    fn push<'a>(
        &mut self,
        id: i32,
        isbn: Option<Isbn13>,
        title: &str,
        authors: impl Iterator<Item = &'a str>,
    ) {
        // The store's numbers are an int32's.
        let Ok(place) = u32::try_from(self.ids.len()) else { return };
        self.ids.push(id);
        self.isbns.extend(isbn.map(|isbn| (isbn.number(), place)));
        let (exact, plain) = (hash(&fold(title)), fold(without_brackets(title)));
        self.exact.push((exact, place));
        let short = short(title);
        self.plain.push((hash(&plain), exact, place));
        self.short.extend(short.map(|short| (hash(&short), place)));
        self.authors.extend(authors.filter_map(author));
        self.author_ends.push(u32::try_from(self.authors.len()).unwrap_or(u32::MAX));
    }

    fn sort(&mut self) {
        self.isbns.sort_unstable();
        self.exact.sort_unstable();
        self.plain.sort_unstable();
        self.short.sort_unstable();
    }

    /// The number of the book that is meant. Of several editions of one work it is the lowest.
    pub(super) fn find(&self, described: &Described) -> Option<i32> {
        let place = described.isbns.iter().find_map(|isbn| {
            let number = isbn.number();
            let first = self.isbns.partition_point(|&(other, _)| other < number);
            self.isbns.get(first).filter(|&&(other, _)| other == number).map(|&(_, place)| place)
        });
        let place = place.or_else(|| self.by_title(described))?;
        self.ids.get(place as usize).copied()
    }

    fn by_title(&self, described: &Described) -> Option<u32> {
        let title = described.title.as_str();
        let exact = fold(title);
        if exact.is_empty() {
            return None;
        }
        let authors: Vec<u64> = described.authors.iter().filter_map(|name| author(name)).collect();
        let exact = hash(&exact);
        if let Some(place) = self.one_of(same(&self.exact, exact), &authors) {
            return Some(place);
        }
        let plain = fold(without_brackets(title));
        let plain = hash(&plain);
        if let Some(place) = self.without_series(plain, &authors) {
            return Some(place);
        }
        // A title without its subtitle says too little to go without an author.
        if authors.is_empty() {
            return None;
        }
        let whole = short(title).and_then(|short| self.without_series(hash(&short), &authors));
        whole.or_else(|| {
            let mut candidates = same(&self.short, plain).filter(|&place| self.written_by(place, &authors));
            let first = candidates.next()?;
            candidates.next().is_none().then_some(first)
        })
    }

    /// Several books may differ only in what stands in brackets, as the volumes of a series do: then it is none of them,
    /// unless one has no brackets.
    fn without_series(&self, plain: u64, authors: &[u64]) -> Option<u32> {
        let first = self.plain.partition_point(|&(other, ..)| other < plain);
        let found = || self.plain[first..].iter().take_while(|&&(other, ..)| other == plain);
        let bare = found().filter(|&&(_, exact, _)| exact == plain).map(|&(.., place)| place);
        if let Some(place) = self.one_of(bare, authors) {
            return Some(place);
        }
        let mut agreeing = found().filter(|&&(.., place)| self.agrees(place, authors));
        let &(_, exact, place) = agreeing.next()?;
        let rest_is_the_same = agreeing.all(|&(_, other, _)| other == exact);
        (rest_is_the_same && (!authors.is_empty() || found().count() == 1)).then_some(place)
    }

    /// The first that the authors agree with; where the row names none, the only one.
    fn one_of(&self, candidates: impl Iterator<Item = u32>, authors: &[u64]) -> Option<u32> {
        let mut candidates = candidates.filter(|&place| self.agrees(place, authors));
        let first = candidates.next()?;
        (!authors.is_empty() || candidates.next().is_none()).then_some(first)
    }

    /// Nobody contradicts: an author is the same, or one side names none.
    fn agrees(&self, place: u32, authors: &[u64]) -> bool {
        authors.is_empty() || self.authors_of(place).is_empty() || self.written_by(place, authors)
    }

    fn written_by(&self, place: u32, authors: &[u64]) -> bool {
        self.authors_of(place).iter().any(|author| authors.contains(author))
    }

    fn authors_of(&self, place: u32) -> &[u64] {
        let place = place as usize;
        let start = if place == 0 { 0 } else { self.author_ends[place - 1] as usize };
        &self.authors[start..self.author_ends[place] as usize]
    }
}

fn same(sorted: &[(u64, u32)], key: u64) -> impl Iterator<Item = u32> + '_ {
    let first = sorted.partition_point(|&(other, _)| other < key);
    sorted[first..].iter().take_while(move |&&(other, _)| other == key).map(|&(_, place)| place)
}

/// `The Hobbit (Middle-earth, #0)` is `The Hobbit`; what is nothing but brackets stays.
fn without_brackets(title: &str) -> &str {
    let mut rest = title.trim();
    while let Some(open) = match rest.chars().next_back() {
        Some(')') => rest.rfind('('),
        Some(']') => rest.rfind('['),
        _ => None,
    } {
        let before = rest[..open].trim_end();
        if !before.chars().any(char::is_alphanumeric) {
            break;
        }
        rest = before;
    }
    rest
}

/// What stands before the subtitle, if there is one.
fn short(title: &str) -> Option<String> {
    let title = without_brackets(title);
    let ends = [": ", " - ", " – ", " — ", "; or"];
    let end = ends.iter().filter_map(|end| title.find(end)).min()?;
    let short = fold(&title[..end]);
    (!short.is_empty()).then_some(short)
}

/// Authors are the same person if the last names are, and the first letters of the first ones: people write J. R. R. Tolkien
/// in more ways than one.
fn author(name: &str) -> Option<u64> {
    let turned = name.split_once(',').filter(|(_, first)| first.chars().any(char::is_alphanumeric));
    let folded = match turned {
        Some((last, first)) => fold(&format!("{first} {last}")),
        None => fold(name),
    };
    let mut words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
    while words.len() > 2 && matches!(words.last(), Some(&("jr" | "sr" | "ii" | "iii" | "phd"))) {
        words.pop();
    }
    let (first, last) = (words.first()?.chars().next()?, words.last()?);
    Some(hash(&format!("{first} {last}")))
}

/// The same in every run of the program, and different for different texts as far as anybody will ever see.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{Books, Described};
    use crate::catalogue::Isbn13;

    fn books() -> Books {
        let mut books = Books::default();
        for (id, isbn, title, authors) in [
            (1, "9780547928227", "The Hobbit", &["J. R. R. Tolkien"][..]),
            (2, "", "Sapiens: A Brief History of Humankind", &["Yuval Noah Harari"]),
            (3, "", "Naruto (Vol. 1)", &["Masashi Kishimoto"]),
            (4, "", "Naruto (Vol. 2)", &["Masashi Kishimoto"]),
            (5, "", "The Hunger Games (The Hunger Games, #1)", &["Suzanne Collins"]),
            (6, "", "Emma", &["Jane Austen"]),
            (7, "", "Emma", &["Kaoru Mori"]),
            (8, "", "Beowulf", &[]),
            (9, "", "Good Omens", &["Terry Pratchett", "Neil Gaiman"]),
            (10, "", "Star Wars: Thrawn", &["Timothy Zahn"]),
            (11, "", "Star Wars: Heir to the Empire", &["Timothy Zahn"]),
            (12, "", "Émile, or On Education", &["Jean-Jacques Rousseau"]),
        ] {
            books.push(id, Isbn13::parse(isbn).ok(), title, authors.iter().copied());
        }
        books.sort();
        books
    }

    #[test]
    fn books_are_found_as_people_write_them() {
        for (isbn, title, author, found) in [
            ("0547928220", "whatever", "nobody", None),
            ("9780547928227", "whatever", "nobody", Some(1)),
            ("9780679722649", "The Hobbit (Middle-earth, #0)", "J.R.R. Tolkien", Some(1)),
            ("", "the hobbit", "Tolkien, John Ronald Reuel", Some(1)),
            ("", "The Hobbit", "", Some(1)),
            ("", "The Hobbit", "Jane Austen", None),
            ("", "Sapiens", "Yuval Harari", Some(2)),
            ("", "Sapiens", "", None),
            ("", "SAPIENS – a brief history (Illustrated)", "Yuval Noah Harari", None),
            ("", "The Hobbit: There and Back Again", "J. Tolkien", Some(1)),
            ("", "Naruto (Vol. 2)", "Masashi Kishimoto", Some(4)),
            ("", "Naruto", "Masashi Kishimoto", None),
            ("", "The Hunger Games", "Suzanne Collins", Some(5)),
            ("", "Emma", "Jane Austen", Some(6)),
            ("", "Emma", "Mori Kaoru", None),
            ("", "Emma", "Kaoru Mori", Some(7)),
            ("", "Emma", "", None),
            ("", "Beowulf", "Seamus Heaney", Some(8)),
            ("", "Good Omens [Audiobook]", "Neil Gaiman", Some(9)),
            ("", "Star Wars", "Timothy Zahn", None),
            ("", "Emile, or on education", "J.J. Rousseau", Some(12)),
            ("", "(…)", "", None),
            ("", "", "", None),
        ] {
            let described = Described {
                isbns: Isbn13::parse(isbn).ok().into_iter().collect(),
                title: title.to_owned(),
                authors: vec![author.to_owned()],
            };
            assert_eq!(books().find(&described), found, "{isbn} {title} {author}");
        }
    }
}
