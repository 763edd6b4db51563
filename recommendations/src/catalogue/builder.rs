use super::{
    Book, Catalogue, Category, NONE, TooLarge, UNKNOWN_YEAR, Version,
    compact::{Interned, Lists, Texts},
    fold,
};

/// Makes a [`Catalogue`] of books that come in the order of their ids.
pub struct Builder {
    catalogue: Catalogue,
    people: Interned,
    subjects: Interned,
    languages: Interned,
    series: Interned,
}

impl Builder {
    /// Starts a snapshot of this version with these categories, in any order.
    #[must_use]
    pub fn new(version: Version, mut categories: Vec<Category>) -> Self {
        categories.sort_by_key(|category| category.number);
        Self {
            catalogue: Catalogue { version, categories, ..Catalogue::default() },
            people: Interned::default(),
            subjects: Interned::default(),
            languages: Interned::default(),
            series: Interned::default(),
        }
    }

    /// Adds one book. Categories that the catalogue does not have are left out.
    ///
    /// # Errors
    ///
    /// If the texts or lists outgrow four-byte offsets.
    ///
    /// # Panics
    ///
    /// If its id is not above the one before.
    pub fn push(&mut self, book: &Book) -> Result<(), TooLarge> {
        let Self { catalogue, people, subjects, languages, series } = self;
        assert!(
            catalogue.ids.last().is_none_or(|&last| last < book.id),
            "books come in the order of their ids"
        );
        catalogue.ids.push(book.id);
        catalogue.titles.push(&book.title)?;
        catalogue.years.push(book.year.unwrap_or(UNKNOWN_YEAR));
        catalogue.isbns.push(book.isbn13.map_or(0, super::Isbn13::number));
        catalogue.title_languages.push(languages.place(&book.title_language)?);
        catalogue.languages.push(languages.place(&book.language)?);
        catalogue.authors.push(book.authors.iter().map(|author| people.place(author)))?;
        catalogue.subjects.push(book.subjects.iter().map(|subject| subjects.place(subject)))?;
        let categories = &catalogue.categories;
        let known = book.categories.iter().filter_map(|&number| {
            let place = categories.binary_search_by_key(&number, |category| category.number).ok()?;
            Some(u32::try_from(place).map_err(|_| TooLarge))
        });
        catalogue.book_categories.push(known)?;
        catalogue.series.push(match &book.series {
            None => NONE,
            Some(place) => {
                let name = series.place(&place.name)?;
                catalogue.series_places.push((name, place.number));
                u32::try_from(catalogue.series_places.len() - 1).map_err(|_| TooLarge)?
            }
        });
        Ok(())
    }

    /// Sorts the shelves and closes the snapshot.
    ///
    /// # Errors
    ///
    /// If there are more books than four-byte numbers.
    pub fn finish(self) -> Result<Catalogue, TooLarge> {
        let Self { mut catalogue, people, subjects, languages, series } = self;
        catalogue.author_names = people.texts;
        catalogue.subject_names = subjects.texts;
        catalogue.language_tags = languages.texts;
        catalogue.series_names = series.texts;
        catalogue.by_title = by_title(&catalogue.titles, catalogue.ids.len())?;
        catalogue.works = works(&catalogue);
        catalogue.shelves = shelves(&catalogue)?;
        catalogue.shrink();
        Ok(catalogue)
    }
}

/// The places of all books in the order of their folded titles, then of their ids.
fn by_title(titles: &Texts, books: usize) -> Result<Vec<u32>, TooLarge> {
    let books = u32::try_from(books).map_err(|_| TooLarge)?;
    let mut keys = Texts::default();
    for book in 0..books {
        keys.push(&fold(titles.get(book)))?;
    }
    let mut order: Vec<u32> = (0..books).collect();
    order.sort_unstable_by(|&one, &other| keys.get(one).cmp(keys.get(other)).then(one.cmp(&other)));
    Ok(order)
}

/// For each book the first one with the same title and first author: editions of one work share a number.
fn works(catalogue: &Catalogue) -> Vec<u32> {
    let mut works: Vec<u32> = (0..).take(catalogue.ids.len()).collect();
    let mut same_title: Vec<u32> = Vec::new();
    let mut title = String::new();
    for &book in &catalogue.by_title {
        let folded = fold(catalogue.titles.get(book));
        if folded != title {
            title = folded;
            same_title.clear();
        }
        let author = catalogue.authors.get(book).first();
        let first = same_title.iter().find(|&&other| catalogue.authors.get(other).first() == author);
        match first {
            // Books without an author, such as two anthologies called "Poems", may well be different works.
            Some(&first) if author.is_some() => works[book as usize] = first,
            _ => same_title.push(book),
        }
    }
    works
}

/// For each category its books in the order of their titles: counted first, then filled in one pass over all.
fn shelves(catalogue: &Catalogue) -> Result<Lists, TooLarge> {
    let mut next = vec![0_usize; catalogue.categories.len() + 1];
    for &category in catalogue.book_categories.members() {
        next[category as usize + 1] += 1;
    }
    for category in 1..next.len() {
        next[category] += next[category - 1];
    }
    let starts = next.clone();
    let mut members = vec![0; catalogue.book_categories.members().len()];
    for &book in &catalogue.by_title {
        for &category in catalogue.book_categories.get(book) {
            members[next[category as usize]] = book;
            next[category as usize] += 1;
        }
    }
    let mut shelves = Lists::default();
    for range in starts.windows(2) {
        shelves.push(members[range[0]..range[1]].iter().map(|&book| Ok(book)))?;
    }
    Ok(shelves)
}
