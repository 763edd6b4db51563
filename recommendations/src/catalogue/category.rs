/// A shelf of the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// What names it for ever: below 1,000 a `BookCategory` of the contract, from 1,000 up the shop's own.
    pub number: i32,
    /// Its name in addresses: lower-case words joined by hyphens.
    pub slug: String,
    /// Its name for people.
    pub name: String,
}

/// The first number that is given to a category of the shop's own.
pub const FIRST_OWN_CATEGORY: i32 = 1_000;

/// The categories that every catalogue has: number, slug and name, in the order of their numbers. A test holds them
/// against the contract's `BookCategory`.
pub const FIXED_CATEGORIES: [(i32, &str, &str); 18] = [
    (0, "mystery", "Mystery"),
    (1, "science-fiction", "Science Fiction"),
    (2, "self-help", "Self-Help"),
    (3, "fantasy", "Fantasy"),
    (4, "romance", "Romance"),
    (5, "thriller", "Thriller"),
    (6, "history", "History"),
    (7, "biography", "Biography"),
    (8, "science", "Science"),
    (9, "philosophy", "Philosophy"),
    (10, "poetry", "Poetry"),
    (11, "children", "Children"),
    (12, "young-adult", "Young Adult"),
    (13, "classics", "Classics"),
    (14, "business", "Business"),
    (15, "travel", "Travel"),
    (16, "literary-fiction", "Literary Fiction"),
    (17, "horror", "Horror"),
];

/// A category's name in addresses, made of its name for people: `Science Fiction` becomes `science-fiction`. Empty if the
/// name has no letter and no digit.
#[must_use]
pub fn slug(name: &str) -> String {
    super::fold(name).replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::{FIXED_CATEGORIES, slug};

    #[test]
    fn fixed_names_and_slugs_agree() {
        for (_, fixed, name) in FIXED_CATEGORIES {
            assert_eq!(slug(name), fixed);
            assert_eq!(slug(fixed), fixed);
        }
    }
}
