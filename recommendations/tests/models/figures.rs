//! Evaluation from outside: the protocol on data whose answer is known, and the choice of parameters.

use recommendations::{
    evaluate::{Budget, HeldOut, Trial, choose, compare, rank},
    models::{Kind, train},
};

use crate::data::{items, parameters, run, tastes};

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
