use std::{collections::BTreeMap, thread};

use proptest::prelude::*;

use super::{Base, Change, Entry, Marks, Ratings, Shelf, Stars, Unordered};

fn rated(book: i32, halves: u8) -> Entry {
    Entry { stars: Stars::from_halves(halves), ..Entry::nothing(book) }
}

fn books(ratings: &Ratings, reader: u32) -> Vec<i32> {
    ratings.history(reader).iter().map(|entry| entry.book).collect()
}

#[test]
fn stars_are_halves_from_a_half_to_five() {
    for (value, halves) in [(0.5, Some(1)), (3.5, Some(7)), (5.0, Some(10)), (0.0, None), (5.5, None)] {
        assert_eq!(Stars::from_value(value).map(Stars::halves), halves);
    }
    for bad in [0.25, -1.0, 3.3, 4.999_999_5, f32::NAN, f32::INFINITY, 1e30] {
        assert_eq!(Stars::from_value(bad), None, "{bad}");
    }
    assert_eq!(Stars::from_halves(7).unwrap().value(), 3.5);
}

#[test]
fn what_readers_say_replaces_what_it_contradicts() {
    let stars = Stars::from_halves(9).unwrap();
    let nothing = Entry::nothing(7);
    let owned = Change::Own(true).of(nothing, 1);
    let rated = Change::Rate(stars).of(Change::Dismiss.of(owned, 2), 3);
    assert_eq!((rated.stars, rated.dismissed(), rated.owned(), rated.changed), (Some(stars), false, true, 3));
    let dismissed = Change::Dismiss.of(rated, 4);
    assert_eq!((dismissed.stars, dismissed.dismissed(), dismissed.owned()), (None, true, true));
    assert_eq!(Change::Rate(stars).of(rated, 9), rated, "nothing changed, so neither did the time");
    let gone = Change::Own(false).of(Change::Undismiss.of(dismissed, 5), 6);
    assert!(gone.is_nothing() && !gone.excludes());
    let met =
        Change::Replace(Entry { marks: Marks::INTERACTED.with(Marks::OWNED, true), ..rated }).of(nothing, 7);
    let taken_back = Change::Unrate.of(met, 8);
    assert_eq!((taken_back.stars, taken_back.interacted(), taken_back.owned()), (None, false, true));
    let wanted = Change::Shelve(Shelf::WantToRead).of(nothing, 1);
    assert!(!wanted.excludes() && !wanted.is_nothing());
    for never in [
        Change::Shelve(Shelf::Reading),
        Change::Shelve(Shelf::Read),
        Change::Shelve(Shelf::DidNotFinish),
        Change::Own(true),
        Change::Dismiss,
        Change::Rate(stars),
        Change::Replace(Entry { marks: Marks::INTERACTED, ..nothing }),
    ] {
        assert!(never.of(nothing, 1).excludes(), "{never:?}");
    }
}

#[test]
fn a_base_is_made_in_order() {
    let mut base = Base::default();
    base.push(3, rated(5, 1)).unwrap();
    base.push(3, rated(9, 1)).unwrap();
    base.push(8, rated(1, 1)).unwrap();
    assert_eq!(base.push(8, rated(1, 2)), Err(Unordered { reader: 8, book: 1 }));
    assert_eq!(base.push(7, rated(2, 2)), Err(Unordered { reader: 7, book: 2 }));
    let ratings = Ratings::new(base, 4);
    assert_eq!((ratings.len(), ratings.readers(), ratings.revision()), (3, 2, 4));
    assert_eq!((books(&ratings, 3), books(&ratings, 8), books(&ratings, 4)), (vec![5, 9], vec![1], vec![]));
    assert_eq!(ratings.history(3).book(9), Some(rated(9, 1)));
    assert_eq!(ratings.history(3).book(7), None);
}

#[test]
fn erasing_hides_the_base_at_once_and_folding_empties_it() {
    let mut base = Base::default();
    for reader in [1, 2, 2_000_000_000, 2_000_000_001] {
        base.push(reader, rated(1, 10)).unwrap();
    }
    let ratings = Ratings::new(base, 0);
    ratings.update(&[(2_000_000_002, rated(1, 2)), (2_000_000_002, rated(2, 2))], 1);
    assert_eq!(ratings.erase(1..=1, 2).entries, 1);
    let erased = ratings.erase(2_000_000_000..=super::LAST_READER, 3);
    assert_eq!((erased.readers, erased.entries), (3, 4));
    assert_eq!(ratings.erase(1..=1, 4).readers, 0);
    for _ in 0..2 {
        assert_eq!((ratings.len(), ratings.readers(), ratings.revision()), (1, 1, 4));
        assert_eq!(ratings.snapshot().iter().map(|(reader, _)| reader).collect::<Vec<_>>(), [2]);
        ratings.fold();
    }
    assert_eq!((ratings.0.base.load().len(), ratings.overdue()), (1, 0));
}

proptest! {
    #[test]
    fn whatever_is_changed_and_folded_is_what_was_said(
        batches in prop::collection::vec(prop::collection::vec((1_u32..9, 1_i32..9, 0_u8..11), 0..30), 0..20),
        folds in prop::collection::vec(any::<bool>(), 20),
    ) {
        let ratings = Ratings::default();
        let mut expected = BTreeMap::new();
        for (number, (batch, fold)) in batches.into_iter().zip(folds).enumerate() {
            let batch: BTreeMap<_, _> =
                batch.into_iter().map(|(reader, book, halves)| ((reader, book), rated(book, halves))).collect();
            let entries: Vec<_> = batch.iter().map(|(&(reader, _), &entry)| (reader, entry)).collect();
            ratings.update(&entries, number as i64);
            expected.extend(batch);
            expected.retain(|_, entry| !entry.is_nothing());
            if fold {
                ratings.fold();
            }
            let snapshot = ratings.snapshot();
            let seen: Vec<_> = snapshot
                .iter()
                .flat_map(|(reader, history)| history.iter().map(move |&entry| (reader, entry)))
                .collect();
            let all: Vec<_> = expected.iter().map(|(&(reader, _), &entry)| (reader, entry)).collect();
            prop_assert_eq!(&seen, &all);
            prop_assert_eq!(ratings.len(), all.len());
            let readers: std::collections::BTreeSet<_> = all.iter().map(|&(reader, _)| reader).collect();
            prop_assert_eq!(ratings.readers(), readers.len());
        }
    }
}

#[test]
fn nobody_sees_half_a_fold() {
    let ratings = Ratings::default();
    ratings.update(&(1..=50).map(|reader| (reader, rated(1, 1))).collect::<Vec<_>>(), 1);
    thread::scope(|scope| {
        let folding = scope.spawn(|| (0..200).for_each(|_| ratings.fold()));
        scope.spawn(|| {
            for round in 0..200 {
                let book = 2 + round % 3;
                ratings.update(&(1..=50).map(|reader| (reader, rated(book, 2))).collect::<Vec<_>>(), 2);
            }
        });
        while !folding.is_finished() {
            for reader in 1..=50 {
                assert_eq!(ratings.history(reader).first(), Some(&rated(1, 1)));
            }
        }
    });
    assert_eq!(ratings.len(), 200);
}
