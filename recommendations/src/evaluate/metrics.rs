//! The figures: how many hidden books a ranking names and how soon, and how much of the catalogue it shows.

use std::cell::RefCell;

use rayon::prelude::*;

use super::Trial;
use crate::models::{Model, Run, Scratch, TrainError};

/// How good a ranking is; means over readers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    /// How many readers were asked about.
    pub readers: usize,
    /// Normalised discounted cumulative gain of the first 10: hits count less further down, and 1 is all there is to find.
    pub ndcg: f64,
    /// Which share of what is to be found stands among the first 20.
    pub recall: f64,
    /// Mean average precision of the first 10.
    pub map: f64,
    /// Which share of the catalogue stands among somebody's first 10.
    pub coverage: f64,
    /// How little known the first 10 are: the mean of −log₂ of the share of readers who know the book.
    pub novelty: f64,
    /// How unequally the first 10 places fall to the books of the catalogue: 0 all the same, 1 all to one.
    pub gini: f64,
    /// NDCG of each reader who was asked about, in the order of readers.
    pub each: Vec<f32>,
}

/// The first books for each reader who is asked about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// The reader, and the books, the best first.
    pub rows: Vec<(u32, Vec<u32>)>,
}

/// Asks the model for the first `count` books of each reader.
///
/// # Errors
///
/// If it is cancelled.
pub fn rank(model: &Model, trial: &Trial, count: usize, run: &Run) -> Result<Ranking, TrainError> {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    let asked: Vec<usize> = trial.asked().collect();
    let row = |&reader: &usize| {
        run.check()?;
        let books = SCRATCH.with_borrow_mut(|scratch| {
            let candidate = |book: u32| trial.candidates[book as usize];
            let ranked = model.recommend(&trial.histories[reader], count, candidate, scratch);
            ranked.iter().map(|it| it.book).collect()
        });
        Ok((reader as u32, books))
    };
    let rows = run.install(|| asked.par_iter().map(row).collect::<Result<_, TrainError>>())?;
    Ok(Ranking { rows })
}

impl Ranking {
    /// Scores the ranking, which should hold 20 books a reader.
    #[must_use]
    pub fn quality(&self, trial: &Trial) -> Quality {
        let mut quality = Quality { readers: self.rows.len(), ..Quality::default() };
        let mut shown = vec![0_u32; trial.candidates.len()];
        let (mut surprise, mut places) = (0.0, 0_usize);
        let readers = (0..trial.data.readers()).filter(|&it| !trial.data.by_reader().row(it).0.is_empty());
        let readers = readers.count().max(1) as f64;
        for (reader, books) in &self.rows {
            let hidden = &trial.hidden[*reader as usize];
            let hits: Vec<bool> =
                books.iter().take(20).map(|book| hidden.binary_search(book).is_ok()).collect();
            let best = hidden.len().min(10);
            let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
            let first = &hits[..hits.len().min(10)];
            let found: f64 = (0..first.len()).filter(|&place| first[place]).map(gain).sum();
            let ndcg = found / (0..best).map(gain).sum::<f64>();
            quality.ndcg += ndcg;
            quality.each.push(ndcg as f32);
            quality.recall += hits.iter().filter(|&&hit| hit).count() as f64 / hidden.len() as f64;
            let (mut so_far, mut precision) = (0, 0.0);
            for (place, _) in first.iter().enumerate().filter(|(_, hit)| **hit) {
                so_far += 1;
                precision += f64::from(so_far) / (place + 1) as f64;
            }
            quality.map += precision / best as f64;
            for &book in books.iter().take(10) {
                shown[book as usize] += 1;
                let known = trial.data.by_book().row(book as usize).0.len().max(1) as f64;
                surprise -= (known / readers).log2();
                places += 1;
            }
        }
        let asked = self.rows.len().max(1) as f64;
        quality.ndcg /= asked;
        quality.recall /= asked;
        quality.map /= asked;
        quality.novelty = surprise / places.max(1) as f64;
        let mut shown: Vec<u32> =
            shown.into_iter().zip(&trial.candidates).filter(|(_, it)| **it).map(|(count, _)| count).collect();
        shown.sort_unstable();
        let covered = shown.iter().filter(|&&count| count > 0).count();
        quality.coverage = covered as f64 / shown.len().max(1) as f64;
        quality.gini = gini(&shown);
        quality
    }
}

/// Corrado Gini's coefficient of counts in order.
fn gini(counts: &[u32]) -> f64 {
    let total: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    if total == 0.0 {
        return 0.0;
    }
    let weighted: f64 =
        counts.iter().zip(1_u32..).map(|(&count, rank)| f64::from(count) * f64::from(rank)).sum();
    let size = counts.len() as f64;
    2.0 * weighted / (size * total) - (size + 1.0) / size
}

#[cfg(test)]
mod tests {
    use super::{Ranking, gini};
    use crate::{evaluate::Trial, models::Interaction};

    #[test]
    fn figures_of_a_ranking_worked_out_by_hand() {
        let pair = |reader, book| Interaction { reader, book, stars: None };
        let train = [pair(0, 0), pair(1, 0), pair(1, 1), pair(0, 2), pair(1, 3)];
        let trial = Trial::new(2, 5, &train, &[pair(0, 1), pair(0, 3), pair(1, 2)]).unwrap();
        // Book 4 occurs nowhere and is no candidate.
        let ranking = Ranking { rows: vec![(0, vec![3, 4, 1]), (1, vec![4, 2])] };
        let quality = ranking.quality(&trial);
        let gain = |place: f64| 1.0 / (place + 1.0).log2();
        let (first, second) = ((gain(1.0) + gain(3.0)) / (gain(1.0) + gain(2.0)), gain(2.0));
        assert!((quality.ndcg - (first + second) / 2.0).abs() < 1e-9);
        assert!((quality.recall - 1.0).abs() < 1e-9);
        assert!((quality.map - ((1.0 + 2.0 / 3.0) / 2.0 + 0.5) / 2.0).abs() < 1e-9);
        assert!((quality.coverage - 0.75).abs() < 1e-9);
    }

    #[test]
    fn gini_is_0_for_equals_and_nears_1_for_one_who_has_all() {
        assert!(gini(&[5; 100]).abs() < 1e-9);
        let mut one = [0; 100];
        one[99] = 7;
        assert!((gini(&one) - 0.99).abs() < 1e-9);
    }
}
