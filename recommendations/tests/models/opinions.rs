//! What stars do to a ranking.

use recommendations::models::{Event, Kind, Model, Opinion, Reason, Scratch};

use crate::data::{model, tastes};

const LEARNS: [Kind; 6] = [Kind::Slim, Kind::Ease, Kind::Als, Kind::KnnBm25, Kind::KnnCosine, Kind::Blend];

fn ranked(model: &Model, history: &[Event], count: usize) -> Vec<u32> {
    let mut scratch = Scratch::new();
    model.recommend(history, count, |_| true, &mut scratch).iter().map(|it| it.book).collect()
}

/// How many of the first five are of the second taste.
fn second_taste(model: &Model, history: &[Event]) -> usize {
    ranked(model, history, 5).into_iter().filter(|&book| book >= 20).count()
}

#[test]
fn five_stars_raise_the_neighbours_and_half_a_star_does_not() {
    let all = tastes(200, 40);
    for kind in LEARNS {
        let model = model(kind, 200, 40, &all);
        let nothing = second_taste(&model, &[]);
        let loved = second_taste(&model, &[Event::rated(20, Some(5.0))]);
        let hated = second_taste(&model, &[Event::rated(20, Some(0.5))]);
        assert!(loved > nothing, "{kind}: {loved} {nothing}");
        assert!(hated <= nothing, "{kind}: {hated} {nothing}");
        for stars in [5.0, 0.5] {
            let all = ranked(&model, &[Event::rated(20, Some(stars))], 40);
            assert!(all.len() == 39 && !all.contains(&20), "{kind}: a rated book came back");
        }
    }
}

#[test]
fn three_stars_say_nothing_and_a_wanted_book_may_come_back() {
    let all = tastes(200, 40);
    for kind in LEARNS {
        let model = model(kind, 200, 40, &all);
        let mut nothing = ranked(&model, &[], 40);
        nothing.retain(|&book| book != 20);
        assert_eq!(nothing, ranked(&model, &[Event::rated(20, Some(3.0))], 40), "{kind}");
        let wanted = [Event { book: 20, opinion: Opinion::Wanted }];
        assert!(ranked(&model, &wanted, 40).contains(&20), "{kind}");
        assert!(second_taste(&model, &wanted) > second_taste(&model, &[]), "{kind}");
    }
}

#[test]
fn a_negative_that_counts_lowers_the_neighbours() {
    let all = tastes(200, 40);
    for kind in LEARNS {
        let mut parts = model(kind, 200, 40, &all).parts();
        parts.says.negative = 20.0;
        let model = Model::from_parts(parts).unwrap();
        let liked = [0, 21, 23].map(|book| Event::rated(book, None));
        let mut mixed = liked.to_vec();
        let before = second_taste(&model, &mixed);
        mixed.extend([Event::rated(20, Some(0.5)), Event::rated(22, Some(1.0))]);
        assert!(second_taste(&model, &mixed) < before, "{kind}: {before}");
    }
}

#[test]
fn nobody_gets_what_is_popular_and_is_told_so() {
    let all = tastes(200, 40);
    for kind in Kind::ALL {
        let model = model(kind, 200, 40, &all);
        let mut scratch = Scratch::new();
        let ranked = model.recommend(&[], 5, |_| true, &mut scratch);
        let books: Vec<u32> = ranked.iter().map(|it| it.book).collect();
        assert_eq!(books, model.popularity().order()[..5], "{kind}");
        assert!(ranked.iter().all(|it| it.reason == Reason::Popular), "{kind}");
        // Books that the model never saw say nothing.
        let strange = [Event::rated(40, None), Event::rated(u32::MAX, Some(5.0))];
        let ranked = model.recommend(&strange, 5, |_| true, &mut scratch);
        assert_eq!(ranked.iter().map(|it| it.book).collect::<Vec<_>>(), books, "{kind}");
    }
}
