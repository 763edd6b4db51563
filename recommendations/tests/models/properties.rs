//! What holds for every model and any data.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use recommendations::models::{
    Als, Interaction, Interactions, Kind, Opinion, Parameters, Reason, Scratch, train,
};

use crate::data::{any_data, any_kind, history, interactions, items, parameters, run};

/// The kind's usual parameters, with popularity having a share where it can.
fn with_popularity(share: f64) -> Parameters {
    let mut parameters = parameters();
    parameters.set("blend.popular", share).unwrap();
    parameters
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Asked for everything, a model ranks every book that is allowed and not in the history, once; and nothing else.
    #[test]
    fn a_ranking_is_a_permutation_and_what_is_excluded_never_appears(
        (readers, books, all) in any_data(), kind in any_kind(), refused in 0_u32..20, count in 0_usize..25,
        popular in prop_oneof![Just(0.0), 0.0..2.0]
    ) {
        let data = interactions(readers, books, &all);
        let model = train(kind, &data, Some(&items(books)), &with_popularity(popular), &run()).unwrap();
        let mut scratch = Scratch::new();
        for reader in 0..readers.min(5) {
            let history = history(reader, &all);
            let known: HashSet<u32> = history.iter().map(|event| event.book).collect();
            let whole = model.recommend(&history, books as usize, |book| book != refused, &mut scratch).to_vec();
            let named: HashSet<u32> = whole.iter().map(|it| it.book).collect();
            let expected: HashSet<u32> =
                (0..books).filter(|book| *book != refused && !known.contains(book)).collect();
            prop_assert_eq!(whole.len(), named.len());
            prop_assert_eq!(named, expected);
            // Scores fall, and fewer are the first of more.
            prop_assert!(whole.is_sorted_by(|a, b| a.score >= b.score));
            let some = model.recommend(&history, count, |book| book != refused, &mut scratch);
            prop_assert_eq!(some, &whole[..count.min(whole.len())]);
            // No reason names a book that was not liked.
            let liked: HashSet<u32> =
                history.iter().filter(|it| it.opinion == Opinion::Positive).map(|it| it.book).collect();
            for it in whole {
                if let Reason::Liked { book, .. } | Reason::Alike { book, .. } = it.reason {
                    prop_assert!(liked.contains(&book));
                }
            }
        }
    }

    /// Folding in a reader's own history gives the factors that the reader was trained with.
    #[test]
    fn als_folds_a_trained_reader_in_exactly((readers, books, all) in any_data()) {
        let data = interactions(readers, books, &all);
        let als = Als { factors: 8, regularization: 0.5, iterations: 3, ..Als::default() };
        let trained = als.fit_both(&data, &run()).unwrap();
        for reader in 0..readers as usize {
            let folded = trained.books.fold(data.by_reader().row(reader).0);
            for (folded, trained) in folded.iter().zip(&trained.readers[reader * 8..]) {
                prop_assert!((folded - trained).abs() < 1e-4 * trained.abs().max(1.0), "{} {}", folded, trained);
            }
        }
    }

    /// A share of popularity adds to each score what the book's readers are to those of the most popular one.
    #[test]
    fn popularity_has_its_share_in_a_blend((readers, books, all) in any_data(), share in 0.01_f64..3.0) {
        let data = interactions(readers, books, &all);
        let ask = |parameters: &Parameters, reader: u32| {
            let model = train(Kind::Blend, &data, Some(&items(books)), parameters, &run()).unwrap();
            let mut scratch = Scratch::new();
            let answer = model.recommend(&history(reader, &all), books as usize, |_| true, &mut scratch).to_vec();
            (answer, model.popularity().counts().to_vec())
        };
        for reader in 0..readers.min(5) {
            let (without, counts) = ask(&with_popularity(0.0), reader);
            let (with, _) = ask(&with_popularity(share), reader);
            let most = counts.iter().copied().fold(0.0, f32::max);
            // Of whom nothing is known, no score is known either.
            let known = history(reader, &all).iter().any(|event| event.opinion == Opinion::Positive);
            let share = if known { share as f32 } else { 0.0 };
            for it in &with {
                let before = without.iter().find(|other| other.book == it.book).unwrap();
                let expected = before.score + share * counts[it.book as usize] / most;
                prop_assert!((it.score - expected).abs() < 1e-4, "{it:?} {before:?} {expected}");
                // The reason is the largest of what the score is made of.
                let popular = it.score - before.score;
                match (before.reason, it.reason) {
                    (_, Reason::Popular) => prop_assert!(popular >= before.score - 1e-4, "{it:?} {before:?}"),
                    (Reason::Liked { contribution, .. } | Reason::Alike { contribution, .. }, Reason::Taste) => {
                        prop_assert!(popular > contribution - 1e-4 && popular < before.score + 1e-4);
                    }
                    (Reason::Liked { contribution, .. } | Reason::Alike { contribution, .. }, same) => {
                        prop_assert_eq!(same, before.reason);
                        prop_assert!(popular <= contribution + 1e-4, "{it:?} {before:?}");
                    }
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }

    /// The score is the sum of the weights of the reader's books, which is what the reader's row times the matrix is.
    #[test]
    fn item_item_scores_a_history_as_training_did((readers, books, all) in any_data()) {
        let data = interactions(readers, books, &all);
        for kind in [Kind::Slim, Kind::Ease, Kind::KnnCosine, Kind::Blend] {
            let model = train(kind, &data, Some(&items(books)), &parameters(), &run()).unwrap();
            let weights = model.parts().weights.unwrap();
            for reader in 0..readers {
                let liked: HashSet<u32> = data.by_reader().row(reader as usize).0.iter().copied().collect();
                let mut scratch = Scratch::new();
                for it in model.recommend(&history(reader, &all), books as usize, |_| true, &mut scratch) {
                    let (indices, values) = weights.row(it.book as usize);
                    let terms = indices.iter().zip(values).filter(|(book, _)| liked.contains(book));
                    let expected: f32 = terms.map(|(_, weight)| weight).sum();
                    prop_assert!((it.score - expected).abs() < 1e-5);
                }
            }
        }
    }

    /// Of a reader's several opinions the last counts, and only 3.5 stars or more, or none at all, are positive.
    #[test]
    fn interactions_are_the_last_positives((readers, books, all) in any_data()) {
        let data = Interactions::new(readers as usize, books as usize, all.iter().copied()).unwrap();
        let mut last: HashMap<(u32, u32), Option<f32>> = HashMap::new();
        for Interaction { reader, book, stars } in all {
            last.insert((reader, book), stars);
        }
        let positive = last.iter().filter(|(_, stars)| stars.is_none_or(|stars| stars >= 3.5));
        let positive: HashSet<(u32, u32)> = positive.map(|(pair, _)| *pair).collect();
        let held = (0..readers).flat_map(|reader| {
            data.by_reader().row(reader as usize).0.iter().map(move |&book| (reader, book))
        });
        prop_assert_eq!(held.collect::<HashSet<_>>(), positive.clone());
        let turned = (0..books).flat_map(|book| {
            data.by_book().row(book as usize).0.iter().map(move |&reader| (reader, book))
        });
        prop_assert_eq!(turned.collect::<HashSet<_>>(), positive);
    }
}
