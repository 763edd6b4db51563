//! What holds for every model and any data.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use recommendations::models::{Als, Interaction, Interactions, Kind, Opinion, Reason, Scratch, train};

use crate::data::{any_data, any_kind, history, interactions, items, parameters, run};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Asked for everything, a model ranks every book that is allowed and not in the history, once; and nothing else.
    #[test]
    fn a_ranking_is_a_permutation_and_what_is_excluded_never_appears(
        (readers, books, all) in any_data(), kind in any_kind(), refused in 0_u32..20, count in 0_usize..25
    ) {
        let data = interactions(readers, books, &all);
        let model = train(kind, &data, Some(&items(books)), &parameters(), &run()).unwrap();
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
