//! What many readers like: positive ratings, of which each counts half as much after half a year.

use crate::catalogue::Catalogue;

/// After so many seconds a rating counts half.
pub const HALF_LIFE: f32 = 180.0 * 24.0 * 3600.0;

/// Books in the order of what they are worth to readers, for each category and in all. Books that nobody likes are absent.
///
/// It costs 8 bytes a book, and 4 for each of its categories.
#[derive(Clone, Debug, Default)]
pub struct Popularity {
    worth: Vec<f32>,
    all: Vec<u32>,
    categories: Vec<Vec<u32>>,
}

impl Popularity {
    /// From the likes of books by their numbers: each a weight, 1 for a positive rating, and its age in seconds.
    /// Books that the catalogue does not have are left out.
    #[must_use]
    pub fn new(catalogue: &Catalogue, likes: impl IntoIterator<Item = (i32, f32, u32)>) -> Self {
        let mut worth = vec![0.0_f32; catalogue.len()];
        for (book, weight, age) in likes {
            if let Some(book) = catalogue.book(book) {
                worth[book.place() as usize] += weight * (-(age as f32) / HALF_LIFE).exp2();
            }
        }
        let mut all: Vec<u32> =
            (0..).take(catalogue.len()).filter(|&place| worth[place as usize] > 0.0).collect();
        all.sort_unstable_by(|&a, &b| worth[b as usize].total_cmp(&worth[a as usize]).then(a.cmp(&b)));
        let mut categories = vec![Vec::new(); catalogue.categories().count()];
        for &place in &all {
            if let Some(book) = catalogue.at(place as usize) {
                for &category in book.category_numbers() {
                    categories[category as usize].push(place);
                }
            }
        }
        Self { worth, all, categories }
    }

    /// Whether nobody likes anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What the book at this place is worth: the number of likes, decayed.
    #[must_use]
    pub fn worth(&self, place: u32) -> f32 {
        self.worth.get(place as usize).copied().unwrap_or(0.0)
    }

    /// Places in the order of worth: of the category at this position, or of all.
    #[must_use]
    pub fn order(&self, category: Option<u32>) -> &[u32] {
        match category {
            None => &self.all,
            Some(category) => self.categories.get(category as usize).map_or(&[], Vec::as_slice),
        }
    }
}
