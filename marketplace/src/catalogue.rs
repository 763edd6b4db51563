use protobufs::recommendations::BookCategory;

/// A category as pages name it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Category {
    pub(crate) number: i32,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) books: i32,
}

/// What is known of the catalogue as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    /// In the order of their numbers, those without books included; empty if nothing is known yet.
    pub(crate) categories: Vec<Category>,
    pub(crate) books: i32,
}

impl Catalogue {
    pub(crate) fn category(&self, number: i32) -> Option<&Category> {
        self.categories.iter().find(|category| category.number == number)
    }

    /// The categories that have something to show.
    pub(crate) fn stocked(&self) -> impl Iterator<Item = &Category> {
        self.categories.iter().filter(|category| category.books > 0)
    }

    /// Those of them with the most books, at most `count`, in the order of their numbers.
    pub(crate) fn largest(&self, count: usize) -> Vec<&Category> {
        let mut categories: Vec<_> = self.stocked().collect();
        categories.sort_by_key(|category| std::cmp::Reverse(category.books));
        categories.truncate(count);
        categories.sort_by_key(|category| category.number);
        categories
    }

    /// The slug that decides a cover's style. `None` for a shop's own category that is not known (yet).
    pub(crate) fn slug(&self, number: i32) -> Option<String> {
        if let Some(category) = self.category(number) {
            return Some(category.slug.clone());
        }
        // The contract's own categories have the same slugs in every shop.
        let known = BookCategory::try_from(number).ok()?;
        Some(known.as_str_name().to_lowercase().replace('_', "-"))
    }
}
