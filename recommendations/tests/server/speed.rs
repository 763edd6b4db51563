//! How long an answer takes inside the server, without the call around it. Slow, so only when asked for:
//!
//! ```sh
//! cargo test --release -p recommendations --test server speed -- --ignored --nocapture --test-threads 1
//! ```

use std::{sync::Arc, time::Instant};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use recommendations::{
    catalogue::{Book, Builder, Series, Version},
    import::{self, Format},
    knowledge::{Active, Keeper, Served},
    loading::Loader,
    models::{
        Event, Factors, Interaction, Interactions, Kind, Model, Parameters, Parts, Progress, Run, Scratch,
        train,
    },
    ratings::{Base, Entry, Ratings, Stars},
    recommend::{Likeness, Question, Ranker as _, Reason, Shelves, recommend},
    store::Store,
};

/// The longest history.
const LONGEST: usize = 200;

/// Which books a reader has read: how many is log-normal, 60 in the median, and which ones follows Zipf's law.
fn history(books: u32, random: &mut StdRng) -> Vec<u32> {
    let normal = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    let count = ((60.0 * normal.exp()) as usize).clamp(1, LONGEST.min(books as usize / 3));
    let mut history = Vec::with_capacity(count);
    while history.len() < count {
        // The inverse of a cumulated 1/x; scattered, so that popular books are no neighbours.
        let rank = f64::from(books).powf(random.random::<f64>()) as u64;
        let book = (rank * 7_368_787 % u64::from(books)) as u32;
        if !history.contains(&book) {
            history.push(book);
        }
    }
    history.sort_unstable();
    history
}

fn told(what: &str, mut micros: Vec<f64>) {
    micros.sort_by(f64::total_cmp);
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize];
    println!("{what}: p50 {:.1} µs, p99 {:.1} µs, {} answers", at(0.5), at(0.99), micros.len());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow"]
async fn speed_of_the_default_model_with_ten_thousand_books() {
    const BOOKS: u32 = 10_000;
    let lines: String = (1..=BOOKS)
        .map(|id| {
            let (author, subject) = (id % 4_000, id % 300);
            format!(
                "{{\"id\":{id},\"title\":\"Title {id}\",\"authors\":[\"Author {author}\"],\"categories\":[\"fantasy\",\
                 \"c{}\"],\"subjects\":[\"s{subject}\"],\"language\":\"en\"}}\n",
                id % 15
            )
        })
        .collect();
    let store = Store::connect("sqlite::memory:").await.unwrap();
    let report = import::books(std::io::Cursor::new(lines.into_bytes()), Format::Jsonl, &store, |_| {}).await;
    assert_eq!(report.unwrap().new, u64::from(BOOKS));
    let current = Loader::start(store, None).await.unwrap().current();

    let mut random = StdRng::seed_from_u64(1);
    let (mut base, mut all) = (Base::default(), Vec::new());
    for reader in 0..20_000 {
        for book in history(BOOKS, &mut random) {
            let stars = Stars::from_halves(9);
            base.push(reader + 1, Entry { stars, ..Entry::nothing(book as i32 + 1) }).unwrap();
            all.push(Interaction { reader, book, stars: None });
        }
    }
    let data = Interactions::new(20_000, BOOKS as usize, all).unwrap();
    let ratings = Ratings::new(base, 1);
    for (kind, factors) in [(Kind::Blend, 0.0), (Kind::Als, 64.0)] {
        let start = Instant::now();
        let mut parameters = Parameters::of(&data);
        if factors > 0.0 {
            parameters.set("als.factors", factors).unwrap();
            parameters.set("als.iterations", 5.0).unwrap();
        }
        let model = train(kind, &data, None, &parameters, &Run::new(0, Progress::new()).unwrap()).unwrap();
        let weights = model.parts().weights.map_or(0, |weights| weights.len());
        println!("{kind}: {} interactions, {weights} weights, {:?}", data.len(), start.elapsed());
        let books = (1..=BOOKS as i32).collect();
        let served = Served { version: "1".to_owned(), simulated: false, model, books };
        let active = Active::default();
        active.store(Some(Arc::new(served)));
        let known = Keeper::start(current.clone(), ratings.clone(), active).known();
        let mut micros = Vec::new();
        let mut named = 0;
        for _ in 0..20_000 {
            let reader = random.random_range(1..=20_000);
            let begun = Instant::now();
            let knowledge = known.load();
            let history = ratings.history(reader);
            let exclude: Vec<i32> = history.iter().map(|entry| entry.book).collect();
            let question = Question {
                shelves: Shelves::All,
                count: 10,
                exclude: &exclude,
                language: "",
                years: (None, None),
                diversity: 0.0,
                exploration: 0.0,
                capped: true,
            };
            let ranker = knowledge.model.as_ref().map(|model| model.ask(&history));
            let catalogue = &knowledge.snapshot.catalogue;
            let picks =
                recommend(catalogue, &knowledge.popularity, ranker, &question, &mut rand::rng()).unwrap();
            micros.push(begun.elapsed().as_secs_f64() * 1e6);
            assert_eq!(picks.len(), 10);
            named += picks.iter().filter(|pick| matches!(pick.reason, Reason::Liked(_))).count();
        }
        assert!(named > 0);
        told(kind.name(), micros);
    }
}

#[test]
#[ignore = "slow"]
fn speed_of_als_with_up_to_a_million_books() {
    const WIDTH: usize = 64;
    for books in [10_000_u32, 100_000, 1_000_000] {
        let mut random = StdRng::seed_from_u64(1);
        let mut values = Vec::with_capacity(books as usize * WIDTH);
        for _ in 0..books {
            // Few books have large factors.
            let size = 0.02 / random.random::<f32>().max(1e-4).sqrt();
            values.extend((0..WIDTH).map(|_| size * (random.random::<f32>() - 0.45)));
        }
        let factors = Some(Factors::new(WIDTH, values, 20.0, 2.0).unwrap());
        let parts = Parts { popularity: vec![1.0; books as usize], factors, ..Parts::default() };
        let model = Model::from_parts(parts).unwrap();
        let mut scratch = Scratch::new();
        // Either all, or one book in a hundred, as a rare category has it.
        for rare in [1, 100] {
            let mut micros = Vec::new();
            for _ in 0..300 {
                let history: Vec<Event> =
                    history(books, &mut random).into_iter().map(|book| Event::rated(book, None)).collect();
                let begun = Instant::now();
                let mut shown: Vec<_> =
                    model.fitting(&history, 40, |book| book % rare == 0, &mut scratch)[..10].to_vec();
                model.explain(&mut shown, &mut scratch);
                micros.push(begun.elapsed().as_secs_f64() * 1e6);
            }
            told(&format!("als, {books} books, one in {rare} allowed"), micros);
        }
    }
}

#[test]
#[ignore = "slow"]
fn speed_of_content_with_a_million_books() {
    const BOOKS: u32 = 1_000_000;
    let mut random = StdRng::seed_from_u64(1);
    // Few authors and subjects have most books.
    let zipf = |most: f64, random: &mut StdRng| most.powf(random.random::<f64>()) as u64;
    let mut builder = Builder::new(Version::default(), Vec::new());
    for id in 1..=BOOKS as i32 {
        let subjects = (0..4).map(|_| format!("subject {}", zipf(50_000.0, &mut random))).collect();
        builder
            .push(&Book {
                id,
                title: format!("Title {id}"),
                authors: vec![format!("author {}", zipf(400_000.0, &mut random))],
                series: (id % 4 == 0).then(|| Series { name: format!("series {}", id / 16), number: None }),
                subjects,
                language: ["en", "de", "pt-BR"][id as usize % 3].to_owned(),
                ..Book::default()
            })
            .unwrap();
    }
    let catalogue = builder.finish().unwrap();
    let begun = Instant::now();
    let likeness = Likeness::of(&catalogue);
    println!("content, {BOOKS} books: made in {:?}, {} MB", begun.elapsed(), likeness.memory() / 1_000_000);
    let mut micros = Vec::new();
    for _ in 0..1_000 {
        let liked: Vec<(i32, f32)> =
            history(BOOKS, &mut random).into_iter().map(|book| (book as i32 + 1, 1.0)).collect();
        let begun = Instant::now();
        let mut asked = likeness.ask(&catalogue, liked);
        let mut picks = asked.rank(40, &mut |_| true);
        picks.truncate(10);
        asked.explain(&mut picks);
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
        assert!(!picks.is_empty());
    }
    told("content, a million books", micros);
}
