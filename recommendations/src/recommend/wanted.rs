use super::{Question, RecommendError, Shelves};
use crate::catalogue::{BookRef, Catalogue, Shelf};

/// Which books a question is about.
pub(super) struct Wanted<'a> {
    catalogue: &'a Catalogue,
    /// What is chosen from: the shelves of the categories, or the whole catalogue.
    shelves: Vec<Shelf<'a>>,
    /// Positions of the categories, ascending; `None`: all.
    categories: Option<Vec<u32>>,
    language: &'a str,
    from: i32,
    to: i32,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(catalogue: &'a Catalogue, question: &Question<'a>) -> Result<Self, RecommendError> {
        let numbers = match &question.shelves {
            Shelves::All => None,
            Shelves::Of(numbers) => Some(*numbers),
        };
        let mut shelves = Vec::with_capacity(numbers.map_or(1, <[i32]>::len));
        let categories = match numbers {
            None => {
                shelves.push(catalogue.all());
                None
            }
            Some(numbers) => {
                let mut positions = Vec::with_capacity(numbers.len());
                for &number in numbers {
                    let unknown = RecommendError::NoSuchCategory(number);
                    positions.push(catalogue.category_position(number).ok_or(unknown)?);
                }
                positions.sort_unstable();
                positions.dedup();
                shelves.extend(numbers.iter().filter_map(|&number| catalogue.shelf(number)));
                Some(positions)
            }
        };
        let (from, to) = question.years;
        Ok(Self {
            catalogue,
            shelves,
            categories,
            language: question.language,
            from: from.unwrap_or(i32::MIN),
            to: to.unwrap_or(i32::MAX),
        })
    }

    pub(super) fn catalogue(&self) -> &'a Catalogue {
        self.catalogue
    }

    /// The shelves to choose from. A book may stand on several.
    pub(super) fn shelves(&self) -> &[Shelf<'a>] {
        &self.shelves
    }

    /// The only category, if there is one: its position.
    pub(super) fn category(&self) -> Option<u32> {
        match self.categories.as_deref() {
            Some([one]) => Some(*one),
            _ => None,
        }
    }

    pub(super) fn has(&self, book: BookRef<'_>) -> bool {
        self.is_in_category(book) && self.has_on_shelf(book)
    }

    /// As [`Self::has`], for a book that stands on one of the shelves.
    pub(super) fn has_on_shelf(&self, book: BookRef<'_>) -> bool {
        (self.language.is_empty() || self.catalogue.is_in_language(book.place(), self.language))
            && self.is_of_year(book)
    }

    fn is_in_category(&self, book: BookRef<'_>) -> bool {
        self.categories.as_ref().is_none_or(|wanted| {
            book.category_numbers().iter().any(|category| wanted.binary_search(category).is_ok())
        })
    }

    fn is_of_year(&self, book: BookRef<'_>) -> bool {
        if (self.from, self.to) == (i32::MIN, i32::MAX) {
            return true;
        }
        book.year().is_some_and(|year| (self.from..=self.to).contains(&i32::from(year)))
    }
}
