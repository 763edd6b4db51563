//! Popularity: how many readers a book has, recent ones counting more.
//!
//! A rating loses half its weight in a half-life: the exponential forgetting of Yi Ding and Xue Li, "Time Weight
//! Collaborative Filtering", CIKM 2005.

use super::Interactions;

/// Books in the order of their popularity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Popularity {
    pub(super) counts: Vec<f32>,
    pub(super) order: Vec<u32>,
}

impl Popularity {
    /// Each reader counts half as much after `half_life` days, where it is known how old the interactions are; else, and with a
    /// half-life of 0, all count the same.
    #[must_use]
    pub fn of(data: &Interactions, half_life: f32) -> Self {
        if data.ages().is_empty() || half_life <= 0.0 {
            let count = |book| data.by_book().row(book).0.len() as f32;
            return Self::from_counts((0..data.books()).map(count).collect());
        }
        let ages = data.ages().iter().map(|&days| f32::from(days));
        Self::decayed(data.books(), data.by_reader().indices().iter().copied().zip(ages), half_life)
    }

    /// From positive interactions as (book, age in days); each counts `2^(−age / half_life)`. Books out of range are left
    /// out, an age below 0 is 0.
    #[must_use]
    pub fn decayed(books: usize, all: impl IntoIterator<Item = (u32, f32)>, half_life: f32) -> Self {
        let mut counts = vec![0.0_f64; books];
        for (book, age) in all {
            if let Some(count) = counts.get_mut(book as usize) {
                let halves = f64::from(age.max(0.0)) / f64::from(half_life.max(f32::MIN_POSITIVE));
                *count += (-halves).exp2();
            }
        }
        Self::from_counts(counts.into_iter().map(|count| count as f32).collect())
    }

    /// From how much each book counts.
    pub(super) fn from_counts(counts: Vec<f32>) -> Self {
        let mut order: Vec<u32> = (0..counts.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| counts[b as usize].total_cmp(&counts[a as usize]).then(a.cmp(&b)));
        Self { counts, order }
    }

    /// How many readers each book counts.
    #[must_use]
    pub fn counts(&self) -> &[f32] {
        &self.counts
    }

    /// All books, the most popular first, of equal ones the first.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }
}
