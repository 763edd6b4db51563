//! The book that a reason names is the one whose removal from the history lowers the score most.

use recommendations::models::{Event, Kind, Model, Opinion, Reason, Recommended, Scratch};

use crate::data::{history, liked, model, tastes};

/// Takes each book out in turn and asks again.
fn check(kind: Kind, model: &Model, history: &[Event]) -> usize {
    let mut scratch = Scratch::new();
    let ranked: Vec<Recommended> = model.recommend(history, 10, |_| true, &mut scratch).to_vec();
    let mut named = 0;
    for it in ranked {
        let (Reason::Liked { book, contribution } | Reason::Alike { book, contribution }) = it.reason else {
            continue;
        };
        named += 1;
        let loss = |book: u32| {
            let rest: Vec<Event> = history.iter().copied().filter(|event| event.book != book).collect();
            let mut scratch = Scratch::new();
            // What was taken out may be recommended again, so all are asked for.
            let after = model.recommend(&rest, model.books(), |_| true, &mut scratch);
            it.score - after.iter().find(|other| other.book == it.book).unwrap().score
        };
        let told = loss(book);
        assert!(
            (told - contribution).abs() < 1e-4 * it.score.abs().max(1.0),
            "{kind}: {told} {contribution}"
        );
        for event in history.iter().filter(|event| event.opinion == Opinion::Positive) {
            assert!(loss(event.book) <= told + 1e-5, "{kind}: {} takes more than {book}", event.book);
        }
    }
    named
}

#[test]
fn removing_the_named_book_costs_most() {
    let all = tastes(200, 40);
    for kind in Kind::ALL {
        let model = model(kind, 200, 40, &all);
        let mut named = 0;
        for reader in 0..10 {
            let mut history = history(reader, &all);
            named += check(kind, &model, &history);
            // With an opinion of each sort.
            history.truncate(6);
            let opinions = [Opinion::Negative, Opinion::Neutral, Opinion::Wanted];
            history.iter_mut().zip(opinions).for_each(|(event, opinion)| event.opinion = opinion);
            named += check(kind, &model, &history);
        }
        assert_eq!(named > 0, kind != Kind::Popular, "{kind}: {named}");
    }
}

#[test]
fn als_reasons_are_exact_with_negatives_that_count() {
    let all = tastes(200, 40);
    let mut parts = model(Kind::Als, 200, 40, &all).parts();
    parts.says.negative = 1.0;
    let model = Model::from_parts(parts).unwrap();
    for reader in 0..10 {
        let mut history = history(reader, &all);
        history[0].opinion = Opinion::Negative;
        history[1].opinion = Opinion::Negative;
        check(Kind::Als, &model, &history);
    }
}

#[test]
fn a_book_that_nobody_rated_is_placed_by_its_author_and_says_so() {
    // Book 40 is by the author of 39, and no reader knows it.
    let all = tastes(200, 40);
    let model = model(Kind::Blend, 200, 42, &all);
    let mut scratch = Scratch::new();
    let ranked = model.recommend(&[Event::rated(39, Some(5.0))], 42, |_| true, &mut scratch);
    let found = ranked.iter().find(|it| it.book == 40).unwrap();
    assert!(matches!(found.reason, Reason::Alike { book: 39, .. }), "{found:?}");
    assert!(found.score > 0.0);
}

#[test]
fn a_reason_is_what_carries_the_score_also_of_a_book_with_few_readers() {
    // Book 40 is by the author of 39. Ten readers know it, all of the other taste, and none of them 39.
    let mut all = tastes(200, 40);
    let strangers =
        (0..200).step_by(2).filter(|reader| history(*reader, &all).iter().all(|it| it.book != 39));
    let strangers: Vec<u32> = strangers.take(10).collect();
    all.extend(strangers.into_iter().map(|reader| liked(reader, 40)));
    let model = model(Kind::Blend, 200, 42, &all);
    let why = |book: u32| {
        let mut scratch = Scratch::new();
        let ranked = model.recommend(&[Event::rated(book, Some(5.0))], 42, |_| true, &mut scratch);
        ranked.iter().find(|it| it.book == 40).unwrap().reason
    };
    assert!(matches!(why(39), Reason::Alike { book: 39, .. }), "{:?}", why(39));
}
