//! ALS looks at all books coarsely and scores few: what comes out is the ranking of all scores all the same.

use proptest::prelude::*;
use recommendations::models::{Event, Factors, Model, Parts, Recommended, Scratch};

const WIDTH: usize = 24;

/// Numbers that are the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn draw(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }
}

/// Books of very different size, some all zero.
fn factors(books: usize, seed: u64) -> Factors {
    let mut numbers = Numbers(seed);
    let mut values = Vec::with_capacity(books * WIDTH);
    for book in 0..books {
        let size = if book % 50 == 7 { 0.0 } else { numbers.draw().powi(6) };
        values.extend((0..WIDTH).map(|_| size * (numbers.draw() - 0.4)));
    }
    Factors::new(WIDTH, values, 0.5, 3.0).unwrap()
}

fn model(factors: &Factors) -> Model {
    let popularity = vec![1.0; factors.books()];
    Model::from_parts(Parts { popularity, factors: Some(factors.clone()), ..Parts::default() }).unwrap()
}

/// Every book's score in double precision, the best first.
fn all_scored(factors: &Factors, history: &[u32], allowed: impl Fn(u32) -> bool) -> Vec<(f64, u32)> {
    let reader = factors.fold(history);
    let rows = factors.values().chunks_exact(WIDTH).zip(0_u32..);
    let mut scored: Vec<(f64, u32)> = rows
        .filter(|(_, book)| !history.contains(book) && allowed(*book))
        .map(|(row, book)| (row.iter().zip(&reader).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum(), book))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored
}

/// The same books in the same order, but for those whose scores single precision cannot tell apart.
fn is_the_same(ranked: &[Recommended], exact: &[(f64, u32)]) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-5 * b.abs() + 1e-6;
    ranked.iter().zip(exact).all(|(it, best)| it.book == best.1 || close(f64::from(it.score), best.0))
}

#[test]
fn two_hundred_readers_get_the_ten_best_of_twenty_thousand_books() {
    let factors = factors(20_000, 1);
    let model = model(&factors);
    let mut scratch = Scratch::new();
    let mut numbers = Numbers(2);
    let mut identical = 0;
    for _ in 0..200 {
        let length = 1 + (numbers.draw() * 60.0) as usize;
        let history: Vec<u32> = (0..length).map(|_| (numbers.draw() * 20_000.0) as u32).collect();
        let events: Vec<Event> = history.iter().map(|&book| Event::rated(book, None)).collect();
        let mut unique = history.clone();
        unique.sort_unstable();
        unique.dedup();
        let exact = all_scored(&factors, &unique, |_| true);
        let ranked = model.fitting(&events, 10, |_| true, &mut scratch);
        assert_eq!(ranked.len(), 10);
        assert!(is_the_same(ranked, &exact), "{ranked:?} {:?}", &exact[..10]);
        identical += usize::from(ranked.iter().zip(&exact).all(|(it, best)| it.book == best.1));
    }
    assert!(identical >= 198, "{identical} of 200 are the same to the last place");
}

#[test]
fn a_category_of_few_books_is_filled_with_them() {
    let factors = factors(5_000, 3);
    let model = model(&factors);
    let mut scratch = Scratch::new();
    let history = [17, 400, 2_900];
    let events = history.map(|book| Event::rated(book, None));
    let rare = |book: u32| book % 1_000 == 1;
    let exact = all_scored(&factors, &history, rare);
    let positive = exact.iter().filter(|(score, _)| *score > 0.0).count();
    assert!(positive > 0, "the data shows nothing");
    let ranked = model.fitting(&events, 10, rare, &mut scratch);
    assert_eq!(ranked.len(), positive);
    assert!(is_the_same(ranked, &exact));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_factors_are_ranked_as_if_all_were_scored(
        seed in any::<u64>(), books in 1_usize..400, liked in prop::collection::btree_set(0_u32..400, 1..20),
        count in 1_usize..30,
    ) {
        let factors = factors(books, seed);
        let model = model(&factors);
        let history: Vec<u32> = liked.into_iter().filter(|&book| (book as usize) < books).collect();
        let events: Vec<Event> = history.iter().map(|&book| Event::rated(book, None)).collect();
        let exact = all_scored(&factors, &history, |_| true);
        let mut scratch = Scratch::new();
        let ranked = model.fitting(&events, count, |_| true, &mut scratch);
        prop_assert!(is_the_same(ranked, &exact));
        // What single precision takes for nothing aside, no positive score is missing.
        let positive = exact.iter().filter(|(score, _)| *score > 1e-6).count();
        prop_assert!(ranked.len() >= positive.min(count), "{} {}", ranked.len(), positive);
    }
}
