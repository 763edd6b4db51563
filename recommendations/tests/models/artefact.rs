//! A model as plain numbers and back; numbers that make no model are refused.

use proptest::prelude::*;
use recommendations::models::{Event, Factors, Kind, Model, Parameters, Parts, PartsError, Scratch, Sparse};

use crate::data::{model, tastes};

#[test]
fn what_was_taken_apart_answers_the_same() {
    let all = tastes(200, 40);
    for kind in Kind::ALL {
        let before = model(kind, 200, 40, &all);
        let after = Model::from_parts(before.parts()).unwrap();
        let history = [Event::rated(3, None), Event::rated(30, Some(4.0))];
        let (mut one, mut other) = (Scratch::new(), Scratch::new());
        assert_eq!(
            before.recommend(&history, 40, |_| true, &mut one),
            after.recommend(&history, 40, |_| true, &mut other),
            "{kind}"
        );
        assert_eq!(before.parts(), after.parts(), "{kind}");
    }
}

#[test]
fn numbers_that_make_no_model_are_refused() {
    let good = || Sparse::checked(2, vec![0, 1, 2], vec![1, 0], vec![0.5, 0.25]).unwrap();
    let parts = || Parts { popularity: vec![1.0, 2.0], weights: Some(good()), ..Parts::default() };
    assert!(Model::from_parts(parts()).is_ok());
    let factors = || Factors::new(2, vec![0.1; 4], 1.0, 2.0).unwrap();
    let mut negative = parts();
    negative.says.negative = f32::NAN;
    for bad in [
        Parts { popularity: vec![1.0], ..parts() },
        Parts { popularity: vec![1.0, f32::NAN], ..parts() },
        Parts { popularity: vec![1.0, -1.0], ..parts() },
        Parts { by_content: vec![2], ..parts() },
        Parts { by_content: vec![1, 0], ..parts() },
        Parts { alike: vec![1, 0], ..parts() },
        Parts { factors: Some(factors()), ..parts() },
        Parts { popularity: vec![1.0; 3], weights: None, factors: Some(factors()), ..parts() },
        negative,
    ] {
        assert!(Model::from_parts(bad.clone()).is_err(), "{bad:?}");
    }
    for (starts, indices, values) in [
        (vec![], vec![], vec![]),
        (vec![0, 1], vec![0, 1], vec![1.0, 1.0]),
        (vec![0, 2, 1, 2], vec![0, 1], vec![1.0, 1.0]),
        (vec![0, u64::MAX, 2], vec![0, 1], vec![1.0, 1.0]),
        (vec![0, 2], vec![1, 0], vec![1.0, 1.0]),
        (vec![0, 2], vec![1, 1], vec![1.0, 1.0]),
        (vec![0, 1], vec![2], vec![1.0]),
        (vec![0, 1], vec![0], vec![]),
        (vec![0, 1], vec![0], vec![f32::INFINITY]),
    ] {
        assert!(Sparse::checked(2, starts.clone(), indices, values).is_err(), "{starts:?}");
    }
    assert_eq!(Factors::new(2, vec![0.1, f32::NAN], 1.0, 2.0), Err(PartsError::NotFinite));
    assert!(Factors::new(2, vec![1e30; 2], 1.0, 2.0).is_err());
    assert!(Factors::new(3, vec![0.1; 4], 1.0, 2.0).is_err());
    assert!(Factors::new(0, vec![], 1.0, 2.0).is_err());
    assert!(Factors::new(2, vec![0.1; 4], 0.0, 2.0).is_err());
    assert!(Factors::new(2, vec![0.1; 4], 1.0, 0.5).is_err());
}

#[test]
fn parameters_are_listed_and_set_by_name() {
    let mut parameters = Parameters::default();
    for (name, value) in parameters.list() {
        parameters.set(name, value).unwrap();
    }
    assert_eq!(parameters, Parameters::default());
    parameters.set("slim.l1", 3.5).unwrap();
    assert!(parameters.list().contains(&("slim.l1", 3.5)));
    for (name, value) in [("slim.l3", 1.0), ("slim.l1", -1.0), ("slim.l1", f64::NAN)] {
        assert!(parameters.set(name, value).is_err());
    }
}

proptest! {
    /// Whatever an artefact holds, it is refused or answers; it never panics.
    #[test]
    fn foreign_numbers_never_panic(
        books in 0_usize..6,
        starts in prop::collection::vec(0_u64..8, 0..8),
        indices in prop::collection::vec(0_u32..8, 0..8),
        values in prop::collection::vec(prop_oneof![Just(f32::NAN), -1e20_f32..1e20, Just(0.0)], 0..12),
        width in 0_usize..4, by_content in prop::collection::vec(0_u32..8, 0..3),
        alike in prop::collection::vec(any::<u32>(), 0..2), factors: bool
    ) {
        let weights = Sparse::checked(books, starts, indices, values.clone()).ok().filter(|_| !factors);
        let factors = Factors::new(width, values, 1.0, 2.0).ok().filter(|_| factors);
        let popularity = vec![1.0; books];
        let parts = Parts { popularity, weights, by_content, alike, factors, ..Parts::default() };
        if let Ok(model) = Model::from_parts(parts) {
            let mut scratch = Scratch::new();
            let history = [Event::rated(0, None), Event::rated(2, Some(4.0)), Event::rated(0, Some(1.0))];
            let ranked = model.recommend(&history, 10, |_| true, &mut scratch);
            prop_assert!(ranked.iter().all(|it| (it.book as usize) < books));
        }
    }
}
