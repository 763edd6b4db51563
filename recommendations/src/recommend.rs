//! What to recommend: candidates, what is left out, the choice. Pure: no transport, no SQL.
//!
//! While nothing is known of what readers like, the choice is uniform without repetition.

use rand::{Rng, seq::index};

use crate::catalogue::{BookRef, Catalogue};

/// Why nothing can be recommended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecommendError {
    /// The catalogue has no category with this number.
    #[error("there is no category {0}")]
    NoSuchCategory(i32),
}

/// Chooses up to `count` different books of a category, in the order in which they should be shown. All of them if the
/// category holds no more than that.
///
/// The cost grows with the answer, not with the catalogue.
///
/// # Errors
///
/// If the catalogue does not have the category.
pub fn recommend<'a, R: Rng>(
    catalogue: &'a Catalogue,
    category: i32,
    count: usize,
    random: &mut R,
) -> Result<impl ExactSizeIterator<Item = BookRef<'a>> + use<'a, R>, RecommendError> {
    let shelf = catalogue.shelf(category).ok_or(RecommendError::NoSuchCategory(category))?;
    let chosen = index::sample(random, shelf.len(), count.min(shelf.len()));
    Ok(chosen
        .into_iter()
        .map(move |position| shelf.get(position).expect("the sample is of positions on the shelf")))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::{SeedableRng as _, rngs::StdRng};

    use super::{RecommendError, recommend};
    use crate::catalogue::{Book, BookRef, Builder, Catalogue, Category, Version};

    fn catalogue(books: i32) -> Catalogue {
        let categories = vec![Category { number: 3, slug: "fantasy".to_owned(), name: "Fantasy".to_owned() }];
        let mut builder = Builder::new(Version::default(), categories);
        for id in 1..=books {
            builder
                .push(&Book { id, title: id.to_string(), categories: vec![3], ..Book::default() })
                .unwrap();
        }
        builder.finish().unwrap()
    }

    #[test]
    fn no_book_twice_and_all_when_asked_for_more() {
        let mut random = StdRng::seed_from_u64(1);
        let catalogue = catalogue(100);
        for count in [0, 1, 50, 99, 100, 1_000_000] {
            let ids: Vec<_> =
                recommend(&catalogue, 3, count, &mut random).unwrap().map(BookRef::id).collect();
            assert_eq!(ids.len(), count.min(100));
            assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        }
        assert_eq!(recommend(&catalogue, 4, 1, &mut random).err(), Some(RecommendError::NoSuchCategory(4)));
    }

    #[test]
    fn every_book_has_the_same_chance_of_the_first_place() {
        let mut random = StdRng::seed_from_u64(2);
        let catalogue = catalogue(10);
        let mut firsts = [0; 10];
        for _ in 0..10_000 {
            let first = recommend(&catalogue, 3, 3, &mut random).unwrap().next().unwrap();
            firsts[usize::try_from(first.id() - 1).unwrap()] += 1;
        }
        assert!(firsts.iter().all(|&count| (850..1_150).contains(&count)), "{firsts:?}");
    }
}
