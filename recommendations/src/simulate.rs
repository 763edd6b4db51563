//! Simulated readers, so that a suite that nobody has rated anything in yet shows what it does. Pure: no transport, no SQL.
//!
//! How they come about, the same in every release for the same catalogue and seed:
//!
//! 1. Each book has a renown, log-normal with σ = 0.8; a classic is e^0.5 times as renowned.
//! 2. A reader has a home: a book drawn by renown. From it come the reader's favourites: its first category, two of its
//!    subjects, its author; and one subject and one author more from a second book of the same category.
//! 3. A reader's liking of a book is the sum of what they share: category 4, or 2 where it is not the book's first; author 2,
//!    series 2, up to three subjects 1.2 each. So most of what somebody reads is of one shelf, and a reason names a book that
//!    a newcomer would have named.
//! 4. How much a reader reads is log-normal: 24 books in the median, σ = 0.6, from 6 to 120.
//! 5. Which ones: by liking + ln(renown) + Gumbel noise, the highest first, which is a draw without replacement with weights
//!    renown · e^liking (Tim Vieira, "Gumbel-max trick and weighted reservoir sampling", 2014).
//! 6. The stars: 2.2 + 0.4 · liking + 0.5 · noise, rounded to halves, from 0.5 to 5: few like what is not of their shelf.
//! 7. When: evenly over the two years before.
//!
//! They stand under numbers from [`FIRST_SIMULATED`] up, and every model and answer that they have a part in says so.

use std::collections::HashSet;

use service::stable::SplitMix64;

use crate::{
    catalogue::{BookRef, Catalogue},
    ratings::{Entry, FIRST_SIMULATED, Stars},
};

/// How many readers are simulated.
pub const READERS: u32 = 400;
/// Larger catalogues are shops' own, whose readers are not ours to make up.
pub const MAX_BOOKS: usize = 5_000;

const TWO_YEARS: f64 = 2.0 * 365.25 * 24.0 * 3600.0;

/// Readers and what they rated, in the order of readers and books; `now` in seconds since 1970. Nobody if the catalogue has
/// fewer than 20 books or more than [`MAX_BOOKS`].
#[must_use]
pub fn readers(catalogue: &Catalogue, seed: u64, now: u32) -> Vec<(u32, Entry)> {
    let books: Vec<BookRef<'_>> = (0..catalogue.len()).filter_map(|place| catalogue.at(place)).collect();
    if books.len() < 20 || books.len() > MAX_BOOKS {
        return Vec::new();
    }
    let classics = catalogue.categories().position(|(category, _)| category.slug == "classics");
    let is_classic = |book: &BookRef<'_>| {
        classics.is_some_and(|number| book.category_numbers().iter().any(|&other| other as usize == number))
    };
    let mut random = Random(SplitMix64(seed));
    let renown: Vec<f64> =
        books.iter().map(|book| 0.8 * random.normal() + if is_classic(book) { 0.5 } else { 0.0 }).collect();
    let mut entries = Vec::new();
    for reader in FIRST_SIMULATED..FIRST_SIMULATED + READERS {
        // A stream of its own, so that one reader more or less changes no other.
        let mut random = Random(SplitMix64(seed ^ (u64::from(reader) << 24)));
        let taste = Taste::new(&books, &renown, &mut random);
        let count = (24_f64.ln() + 0.6 * random.normal()).exp().clamp(6.0, 120.0) as usize;
        let mut drawn: Vec<(f64, f64, usize)> = books
            .iter()
            .enumerate()
            .map(|(place, book)| {
                let liking = taste.liking(*book);
                (liking + renown[place] + random.gumbel(), liking, place)
            })
            .collect();
        drawn.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        drawn.truncate(count.min(books.len() / 2));
        drawn.sort_unstable_by_key(|&(.., place)| books[place].id());
        for (_, liking, place) in drawn {
            let halves = (2.0 * (2.2 + 0.4 * liking + 0.5 * random.normal())).round().clamp(1.0, 10.0);
            let age = (random.unit() * TWO_YEARS) as u32;
            let entry = Entry {
                stars: Stars::from_halves(halves as u8),
                changed: now.saturating_sub(age),
                ..Entry::nothing(books[place].id())
            };
            entries.push((reader, entry));
        }
    }
    entries
}

/// What a reader likes, as the catalogue's own numbers.
struct Taste {
    category: Option<u32>,
    subjects: HashSet<u32>,
    authors: HashSet<u32>,
    series: Option<u32>,
}

impl Taste {
    fn new(books: &[BookRef<'_>], renown: &[f64], random: &mut Random) -> Self {
        let by_renown = |random: &mut Random, allowed: &dyn Fn(BookRef<'_>) -> bool| {
            let key = |place: usize, random: &mut Random| renown[place] + random.gumbel();
            let mut best: Option<(f64, BookRef<'_>)> = None;
            for (place, &book) in books.iter().enumerate() {
                let key = key(place, random);
                if allowed(book) && best.is_none_or(|(before, _)| key > before) {
                    best = Some((key, book));
                }
            }
            best.map(|(_, book)| book)
        };
        let mut taste =
            Self { category: None, subjects: HashSet::new(), authors: HashSet::new(), series: None };
        let Some(home) = by_renown(random, &|_| true) else { return taste };
        taste.category = home.category_numbers().first().copied();
        taste.series = home.series_number();
        let of_category =
            |book: BookRef<'_>| taste.category.is_none_or(|number| book.category_numbers().contains(&number));
        let second = by_renown(random, &of_category).unwrap_or(home);
        for (book, subjects) in [(home, 2), (second, 1)] {
            taste.subjects.extend(book.subject_numbers().iter().take(subjects));
            taste.authors.extend(book.author_numbers().first());
        }
        taste
    }

    fn liking(&self, book: BookRef<'_>) -> f64 {
        let category = self.category.and_then(|number| {
            let place = book.category_numbers().iter().position(|&other| other == number)?;
            Some(if place == 0 { 4.0 } else { 2.0 })
        });
        let author = book.author_numbers().iter().any(|number| self.authors.contains(number));
        let series = self.series.is_some() && self.series == book.series_number();
        let subjects = book.subject_numbers().iter().filter(|number| self.subjects.contains(number)).count();
        category.unwrap_or(0.0)
            + 2.0 * f64::from(u8::from(author))
            + 2.0 * f64::from(u8::from(series))
            + 1.2 * subjects.min(3) as f64
    }
}

/// A library's generator may change with its version.
struct Random(SplitMix64);

impl Random {
    /// Above 0, below 1.
    fn unit(&mut self) -> f64 {
        ((self.0.draw() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn gumbel(&mut self) -> f64 {
        -(-self.unit().ln()).ln()
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::{READERS, readers};
    use crate::{
        catalogue::{Book, Builder, Catalogue, Category, Version},
        ratings::FIRST_SIMULATED,
    };

    fn catalogue(books: i32) -> Catalogue {
        let category = |number| Category { number, slug: number.to_string(), name: number.to_string() };
        let mut builder = Builder::new(Version::default(), (0..4).map(category).collect());
        for id in 1..=books {
            builder
                .push(&Book {
                    id,
                    title: id.to_string(),
                    authors: vec![format!("author {}", id / 5)],
                    subjects: vec![format!("subject {}", id % 7)],
                    categories: vec![id % 4],
                    ..Book::default()
                })
                .unwrap();
        }
        builder.finish().unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_readers_and_their_own_category_before_others() {
        let catalogue = catalogue(300);
        let entries = readers(&catalogue, 7, 1_000_000_000);
        assert_eq!(entries, readers(&catalogue, 7, 1_000_000_000));
        assert_ne!(entries, readers(&catalogue, 8, 1_000_000_000));
        assert!(entries.is_sorted_by(|(a, one), (b, other)| (a, one.book) < (b, other.book)));
        assert_eq!(entries.first().map(|(reader, _)| *reader), Some(FIRST_SIMULATED));
        let count = entries.chunk_by(|(a, _), (b, _)| a == b).count();
        assert_eq!(count, READERS as usize);
        // A reader's most read category holds most of what is read, where chance would give it a quarter.
        let share = entries.chunk_by(|(a, _), (b, _)| a == b).map(|own| {
            let mut categories = [0; 4];
            own.iter().for_each(|(_, entry)| categories[entry.book as usize % 4] += 1);
            *categories.iter().max().unwrap() as f64 / own.len() as f64
        });
        assert!(share.sum::<f64>() / count as f64 > 0.8);
        assert!(readers(&super::tests::catalogue(10), 7, 0).is_empty());
    }
}
