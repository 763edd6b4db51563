//! Evaluation from outside: the protocol on data whose answer is known, and the choice of parameters.

use recommendations::{
    evaluate::{Budget, HeldOut, Trial, choose, compare, rank},
    models::{Interactions, Kind, train},
};

use crate::data::{interactions, items, liked, parameters, run, tastes};

#[test]
fn models_that_learn_beat_popularity_and_the_comparison_says_so() {
    let all = tastes(400, 40);
    let names: Vec<i64> = (0..400).collect();
    let trial = Trial::hold_out(&names, &names[..40], &all, HeldOut { key: 3, share: 0.2 }).unwrap();
    let run = run();
    let quality = |kind| {
        let model = train(kind, &trial.data, Some(&items(40)), &parameters(), &run).unwrap();
        rank(&model, &trial, 20, &run).unwrap().quality(&trial)
    };
    let popular = quality(Kind::Popular);
    assert!(popular.readers > 200 && popular.gini > 0.5 && popular.coverage < 1.0);
    for kind in [Kind::Slim, Kind::Ease, Kind::Als, Kind::KnnBm25, Kind::KnnCosine, Kind::Blend] {
        let learned = quality(kind);
        let better = compare(&popular.each, &learned.each, 0.0, 500, 1).unwrap();
        assert!(better.worse < 0.1, "{kind}: {better:?}");
    }
}

#[test]
fn choosing_never_takes_what_is_worse_on_the_held_out_part_and_leaves_what_is_fixed() {
    let all = tastes(400, 40);
    let names: Vec<i64> = (0..400).collect();
    let trial = Trial::hold_out(&names, &names[..40], &all, HeldOut { key: 3, share: 0.2 }).unwrap();
    for kind in Kind::ALL {
        let mut told = Vec::new();
        let fixed = ["slim.l1", "ease.lambda"];
        let budget = Budget { fixed: &fixed, trials: 6, readers: 200 };
        let tell = |name: &str, value: f64, ndcg: f64| told.push((name.to_owned(), value, ndcg));
        let chosen = choose(kind, &trial, Some(&items(40)), parameters(), budget, &run(), tell).unwrap();
        assert!(told.len() <= 6, "{kind}");
        assert!(told.iter().all(|(name, ..)| !fixed.contains(&name.as_str())));
        assert_eq!((chosen.slim.l1, chosen.ease.lambda), (0.1, 5.0));
        for (name, value) in chosen.list() {
            if parameters().list().iter().any(|&(known, before)| known == name && before != value) {
                assert!(told.iter().any(|(tried, of, _)| tried == name && *of == value), "{kind}: {name}");
            }
        }
    }
}

#[test]
fn recent_readers_count_more_where_ages_are_known() {
    // Book 0 was read by many, long ago; book 1 by few, lately; book 2 by one, whose age nobody knows.
    let mut all: Vec<_> = (0..8).map(|reader| liked(reader, 0)).collect();
    all.extend((8..11).map(|reader| liked(reader, 1)));
    all.push(liked(11, 2));
    let data = interactions(12, 3, &all);
    let ages = |days: f32| all.iter().filter(|it| it.book < 2).map(move |it| (it.reader, it.book, [days, 10.0][it.book as usize]));
    let order = |data: &Interactions, half_life: f64| {
        let mut parameters = parameters();
        parameters.set("popular.half_life", half_life).unwrap();
        let model = train(Kind::Popular, data, None, &parameters, &run()).unwrap();
        (model.popularity().order().to_vec(), model.popularity().counts().to_vec())
    };
    assert_eq!(order(&data, 180.0).0, [0, 1, 2]);
    let aged = data.clone().with_ages(ages(720.0));
    let (first, counts) = order(&aged, 180.0);
    assert_eq!(first, [1, 2, 0]);
    for (count, expected) in counts.iter().zip([8.0 / 16.0, 3.0 * (-10.0_f32 / 180.0).exp2(), 1.0]) {
        assert!((count - expected).abs() < 1e-4, "{counts:?}");
    }
    // A long half-life, or none, makes all the same again; so does a time beyond all measure not.
    assert_eq!((order(&aged, 1e6).0, order(&aged, 0.0).0), (vec![0, 1, 2], vec![0, 1, 2]));
    assert_eq!(order(&data.with_ages(ages(1e9)), 180.0).0, [1, 2, 0]);
}
