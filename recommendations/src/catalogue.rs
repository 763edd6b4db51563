//! The catalogue in memory: an immutable snapshot that is swapped whole.
//!
//! Every text is held once in a shared allocation, authors, subjects, series and languages are interned, and lists lie
//! one behind the other. A book costs 50 bytes, four for each of its authors and subjects, eight for each of its categories and 24
//! for its place in a series, its title, and its share of the interned names: about 146 bytes for one of those that come with the
//! program, of which 37 are names, less where more books share them. [`Catalogue::memory`] tells exactly.

mod builder;
mod category;
mod compact;
mod fold;
mod isbn;

use compact::{Lists, Texts};

pub use self::{
    builder::Builder,
    category::{Category, FIRST_OWN_CATEGORY, FIXED_CATEGORIES, slug},
    fold::fold,
    isbn::{Isbn13, IsbnError},
};

/// Instead of a place: nothing there.
const NONE: u32 = u32::MAX;
/// Instead of a year: not known.
const UNKNOWN_YEAR: i16 = i16::MIN;

/// A work, whatever its editions: what import writes, the store keeps and a snapshot is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    /// The number that names it for ever, at least 1.
    pub id: i32,
    /// Its title, 1 to 500 characters.
    pub title: String,
    /// The language of the title as a BCP 47 tag. Empty if unknown.
    pub title_language: String,
    /// Who wrote it, in the order of the title page.
    pub authors: Vec<String>,
    /// The year in which it was first published, negative before the common era.
    pub year: Option<i16>,
    /// The language that it was written in as a BCP 47 tag. Empty if unknown.
    pub language: String,
    /// The series that it belongs to.
    pub series: Option<Series>,
    /// The numbers of its categories, the best fit first.
    pub categories: Vec<i32>,
    /// What it is about.
    pub subjects: Vec<String>,
    /// The number of one edition.
    pub isbn13: Option<Isbn13>,
}

/// A place in a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The series' name.
    pub name: String,
    /// The book's number in it, if known.
    pub number: Option<f64>,
}

/// Which state of which store a snapshot shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The store's own name, random and the same for all who share it.
    pub store: String,
    /// Raised by every change.
    pub number: i64,
}

/// The catalogue outgrew the four-byte numbers that keep it small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the catalogue holds more than 4 GiB of text or 4 billion entries")]
pub struct TooLarge;

/// Where a number stands among these, which ascend.
///
/// Numbers mostly come without gaps: it is looked for where it stands if there is none, and from there downwards in steps that
/// double.
pub(crate) fn place_of(ids: &[i32], id: i32) -> Option<usize> {
    let without_gaps = usize::try_from(i64::from(id) - i64::from(*ids.first()?)).ok()?;
    let mut high = without_gaps.min(ids.len() - 1);
    let mut step = 1;
    while ids[high] > id {
        let low = high.saturating_sub(step);
        if ids[low] <= id {
            return ids[low..high].binary_search(&id).ok().map(|place| low + place);
        }
        (high, step) = (low, step * 2);
    }
    (ids[high] == id).then_some(high)
}

/// All books at one moment. See the [module](self) for what it costs.
#[derive(Default)]
pub struct Catalogue {
    version: Version,
    categories: Vec<Category>,
    ids: Vec<i32>,
    titles: Texts,
    years: Vec<i16>,
    isbns: Vec<u64>,
    title_languages: Vec<u32>,
    languages: Vec<u32>,
    language_tags: Texts,
    authors: Lists,
    author_names: Texts,
    subjects: Lists,
    subject_names: Texts,
    series: Vec<u32>,
    series_places: Vec<(u32, Option<f64>)>,
    series_names: Texts,
    book_categories: Lists,
    by_title: Vec<u32>,
    works: Vec<u32>,
    shelves: Lists,
}

impl Catalogue {
    /// Which state of which store this is.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// How many books there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no book at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The book with this id.
    #[must_use]
    pub fn book(&self, id: i32) -> Option<BookRef<'_>> {
        self.at(place_of(&self.ids, id)?)
    }

    /// The book at this place, counted from 0 in the order of ids.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<BookRef<'_>> {
        let place = u32::try_from(place).ok().filter(|_| place < self.len())?;
        Some(BookRef { catalogue: self, place })
    }

    /// Whether the book at this place was written in this language, or in a region's variant of it.
    pub(crate) fn is_in_language(&self, place: u32, language: &str) -> bool {
        let tag = self.language_tags.get(self.languages[place as usize]);
        tag.get(..language.len()).is_some_and(|start| start.eq_ignore_ascii_case(language))
            && matches!(tag.as_bytes().get(language.len()), None | Some(b'-'))
    }

    /// All categories in the order of their numbers, each with its books.
    pub fn categories(&self) -> impl Iterator<Item = (&Category, Shelf<'_>)> {
        self.categories
            .iter()
            .zip(0..)
            .map(|(category, place)| (category, Shelf { catalogue: self, books: self.shelves.get(place) }))
    }

    /// The position of the category with this number in [`Self::categories`].
    pub(crate) fn category_position(&self, number: i32) -> Option<u32> {
        let place = self.categories.binary_search_by_key(&number, |category| category.number).ok()?;
        u32::try_from(place).ok()
    }

    /// The books of the category with this number, if there is such a category.
    #[must_use]
    pub fn shelf(&self, category: i32) -> Option<Shelf<'_>> {
        let place = self.category_position(category)?;
        Some(Shelf { catalogue: self, books: self.shelves.get(place) })
    }

    /// All books.
    #[must_use]
    pub fn all(&self) -> Shelf<'_> {
        Shelf { catalogue: self, books: &self.by_title }
    }

    /// How many bytes the snapshot holds.
    #[must_use]
    pub fn memory(&self) -> usize {
        let texts =
            [&self.titles, &self.language_tags, &self.author_names, &self.subject_names, &self.series_names];
        let lists = [&self.authors, &self.subjects, &self.book_categories, &self.shelves];
        let numbers = [&self.title_languages, &self.languages, &self.series, &self.by_title, &self.works];
        let categories =
            self.categories.iter().map(|it| size_of::<Category>() + it.slug.len() + it.name.len());
        size_of::<Self>()
            + texts.iter().map(|texts| texts.memory()).sum::<usize>()
            + lists.iter().map(|lists| lists.memory()).sum::<usize>()
            + numbers.iter().map(|numbers| numbers.capacity() * size_of::<u32>()).sum::<usize>()
            + self.ids.capacity() * size_of::<i32>()
            + self.years.capacity() * size_of::<i16>()
            + self.isbns.capacity() * size_of::<u64>()
            + self.series_places.capacity() * size_of::<(u32, Option<f64>)>()
            + categories.sum::<usize>()
    }

    /// Gives back what growing took too much.
    fn shrink(&mut self) {
        let Self { titles, language_tags, author_names, subject_names, series_names, .. } = self;
        [titles, language_tags, author_names, subject_names, series_names]
            .into_iter()
            .for_each(Texts::shrink);
        let Self { authors, subjects, book_categories, shelves, .. } = self;
        [authors, subjects, book_categories, shelves].into_iter().for_each(Lists::shrink);
        let Self { title_languages, languages, series, by_title, works, .. } = self;
        [title_languages, languages, series, by_title, works].into_iter().for_each(Vec::shrink_to_fit);
        self.ids.shrink_to_fit();
        self.years.shrink_to_fit();
        self.isbns.shrink_to_fit();
        self.series_places.shrink_to_fit();
    }
}

/// Books in the order of their titles.
#[derive(Clone, Copy)]
pub struct Shelf<'a> {
    catalogue: &'a Catalogue,
    books: &'a [u32],
}

impl<'a> Shelf<'a> {
    /// How many books it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.books.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.books.is_empty()
    }

    /// The book at this position, counted from 0.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<BookRef<'a>> {
        self.books.get(position).map(|&place| BookRef { catalogue: self.catalogue, place })
    }

    /// The places of its books.
    pub(crate) fn places(&self) -> &'a [u32] {
        self.books
    }

    /// The position of the first book that stands behind this one, which need not be on the shelf itself.
    #[must_use]
    pub fn behind(&self, book: BookRef<'_>) -> usize {
        let key = (fold(book.title()), book.id());
        self.books.partition_point(|&place| {
            let other = BookRef { catalogue: self.catalogue, place };
            (fold(other.title()), other.id()) <= key
        })
    }
}

/// One book of a snapshot.
#[derive(Clone, Copy)]
pub struct BookRef<'a> {
    catalogue: &'a Catalogue,
    place: u32,
}

impl<'a> BookRef<'a> {
    /// The number that names it for ever.
    #[must_use]
    pub fn id(self) -> i32 {
        self.catalogue.ids[self.place as usize]
    }

    /// Its place, counted from 0 in the order of ids.
    pub(crate) fn place(self) -> u32 {
        self.place
    }

    /// The work that it is an edition of: the place of the first book with the same title and first author.
    pub(crate) fn work(self) -> u32 {
        self.catalogue.works[self.place as usize]
    }

    /// Its authors as numbers that hold within this snapshot; so have its series, subjects and categories.
    pub(crate) fn author_numbers(self) -> &'a [u32] {
        self.catalogue.authors.get(self.place)
    }

    /// See [`Self::author_numbers`].
    pub(crate) fn series_number(self) -> Option<u32> {
        let place = self.catalogue.series[self.place as usize];
        self.catalogue.series_places.get(place as usize).map(|(name, _)| *name)
    }

    /// See [`Self::author_numbers`].
    pub(crate) fn subject_numbers(self) -> &'a [u32] {
        self.catalogue.subjects.get(self.place)
    }

    /// See [`Self::author_numbers`]: the positions of its categories in [`Catalogue::categories`].
    pub(crate) fn category_numbers(self) -> &'a [u32] {
        self.catalogue.book_categories.get(self.place)
    }

    /// Its title.
    #[must_use]
    pub fn title(self) -> &'a str {
        self.catalogue.titles.get(self.place)
    }

    /// The language of the title as a BCP 47 tag; empty if unknown.
    #[must_use]
    pub fn title_language(self) -> &'a str {
        self.catalogue.language_tags.get(self.catalogue.title_languages[self.place as usize])
    }

    /// Who wrote it, in the order of the title page.
    pub fn authors(self) -> impl ExactSizeIterator<Item = &'a str> {
        let names = &self.catalogue.author_names;
        self.catalogue.authors.get(self.place).iter().map(|&author| names.get(author))
    }

    /// The year in which it was first published, if known.
    #[must_use]
    pub fn year(self) -> Option<i16> {
        Some(self.catalogue.years[self.place as usize]).filter(|&year| year != UNKNOWN_YEAR)
    }

    /// The language that it was written in as a BCP 47 tag; empty if unknown.
    #[must_use]
    pub fn language(self) -> &'a str {
        self.catalogue.language_tags.get(self.catalogue.languages[self.place as usize])
    }

    /// The series that it belongs to and its number there.
    #[must_use]
    pub fn series(self) -> Option<(&'a str, Option<f64>)> {
        let place = self.catalogue.series[self.place as usize];
        let (name, number) = *self.catalogue.series_places.get(place as usize)?;
        Some((self.catalogue.series_names.get(name), number))
    }

    /// The numbers of its categories, the best fit first.
    pub fn categories(self) -> impl ExactSizeIterator<Item = i32> {
        let categories = &self.catalogue.categories;
        self.catalogue
            .book_categories
            .get(self.place)
            .iter()
            .map(|&category| categories[category as usize].number)
    }

    /// What it is about.
    pub fn subjects(self) -> impl ExactSizeIterator<Item = &'a str> {
        let names = &self.catalogue.subject_names;
        self.catalogue.subjects.get(self.place).iter().map(|&subject| names.get(subject))
    }

    /// The number of one edition, if known.
    #[must_use]
    pub fn isbn13(self) -> Option<Isbn13> {
        Some(self.catalogue.isbns[self.place as usize]).filter(|&isbn| isbn != 0).map(Isbn13::from_number)
    }
}

#[cfg(test)]
mod tests;
