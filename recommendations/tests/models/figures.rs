//! Evaluation from outside: the protocol on data whose answer is known, and the choice of parameters.

use recommendations::{
    evaluate::{Budget, HeldOut, Trial, choose, compare, rank},
    models::{Interactions, Kind, Scratch, train},
};

use crate::data::{history, interactions, items, liked, parameters, run, tastes};

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
fn a_step_to_where_there_is_no_model_is_not_taken() {
    let names: Vec<i64> = (0..60).collect();
    let all = tastes(60, 20);
    let trial = Trial::hold_out(&names, &names[..20], &all, HeldOut { key: 3, share: 0.2 }).unwrap();
    // The next step up is more factors than ALS takes.
    let mut start = parameters();
    start.set("als.factors", 700.0).unwrap();
    start.set("als.iterations", 1.0).unwrap();
    let budget = Budget { trials: 2, ..Budget::default() };
    let chosen = choose(Kind::Als, &trial, None, start, budget, &run(), |_, _, _| {}).unwrap();
    assert_eq!(chosen.als.factors, 700);
}

#[test]
fn what_is_chosen_is_not_worse_than_popularity_where_there_is_nothing_but_that() {
    // Readers who read what all read, each by chance: nothing is to be learnt but what is popular.
    let mut state = 1_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let all: Vec<_> = (0..1_500)
        .flat_map(|reader| [reader; 3])
        .map(|reader| liked(reader, (60.0 * draw() * draw() * draw()) as u32))
        .collect();
    let names: Vec<i64> = (0..1_500).collect();
    let trial = Trial::hold_out(&names, &names[..60], &all, HeldOut { key: 5, share: 0.2 }).unwrap();
    let run = run();
    let mut told = Vec::new();
    let tell = |name: &str, value: f64, ndcg: f64| told.push((name.to_owned(), value, ndcg));
    let budget = Budget { trials: 4, ..Budget::default() };
    let chosen = choose(Kind::Blend, &trial, None, parameters(), budget, &run, tell).unwrap();
    assert!(chosen.blend.popular > 0.0, "{told:?}");
    let quality = |kind| {
        let model = train(kind, &trial.data, None, &chosen, &run).unwrap();
        rank(&model, &trial, 20, &run).unwrap().quality(&trial).ndcg
    };
    let (blend, popular) = (quality(Kind::Blend), quality(Kind::Popular));
    assert!(blend >= popular, "{blend} {popular} {told:?}");
    // With taste to learn it gets none; see `choosing_never_takes_what_is_worse`.
    let tastes = tastes(400, 40);
    let trial =
        Trial::hold_out(&names[..400], &names[..40], &tastes, HeldOut { key: 3, share: 0.2 }).unwrap();
    let chosen = choose(Kind::Blend, &trial, None, parameters(), budget, &run, |_, _, _| {}).unwrap();
    assert_eq!(chosen.blend.popular, 0.0);
}

#[test]
fn recent_readers_count_more_where_ages_are_known() {
    // Book 0 was read by many, long ago; book 1 by few, lately; book 2 by one, whose age nobody knows.
    let mut all: Vec<_> = (0..8).map(|reader| liked(reader, 0)).collect();
    all.extend((8..11).map(|reader| liked(reader, 1)));
    all.push(liked(11, 2));
    let data = interactions(12, 3, &all);
    let ages = |days: f32| {
        all.iter()
            .filter(|it| it.book < 2)
            .map(move |it| (it.reader, it.book, [days, 10.0][it.book as usize]))
    };
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

#[test]
fn a_blend_of_popularity_alone_is_popularity_and_says_nothing_of_taste() {
    let all = tastes(200, 40);
    let data = interactions(200, 40, &all);
    let mut alone = parameters();
    alone.set("blend.slim", 0.0).unwrap();
    alone.set("blend.content", 0.0).unwrap();
    alone.set("blend.popular", 1.0).unwrap();
    let model = train(Kind::Blend, &data, Some(&items(40)), &alone, &run()).unwrap();
    assert_eq!(model.parts(), train(Kind::Popular, &data, Some(&items(40)), &alone, &run()).unwrap().parts());
    let mut scratch = Scratch::new();
    assert!(model.fitting(&history(0, &all), 10, |_| true, &mut scratch).is_empty());
}
