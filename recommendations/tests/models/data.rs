//! Data to train with.

use proptest::{collection, prelude::*};
use recommendations::models::{
    Event, Facts, Interaction, Interactions, Items, Kind, Model, Parameters, Progress, Run, train,
};

pub(crate) fn run() -> Run {
    Run::new(2, Progress::new()).unwrap()
}

pub(crate) fn liked(reader: u32, book: u32) -> Interaction {
    Interaction { reader, book, stars: None }
}

/// Readers of two tastes: books `0..half` and `half..books`, each reader some of one half and few of the other.
pub(crate) fn tastes(readers: u32, books: u32) -> Vec<Interaction> {
    let half = books / 2;
    let mut all = Vec::new();
    for reader in 0..readers {
        let mut state = u64::from(reader) * 7_919 + 13;
        let mut next = |below: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % u64::from(below)) as u32
        };
        for place in 0..8 {
            let taste = if place == 7 { 1 - reader % 2 } else { reader % 2 };
            // Squared, so that some books are far more popular than others.
            let book = next(half) * next(half) / half;
            all.push(liked(reader, taste * half + book));
        }
    }
    all
}

pub(crate) fn interactions(readers: u32, books: u32, all: &[Interaction]) -> Interactions {
    Interactions::new(readers as usize, books as usize, all.iter().copied()).unwrap()
}

pub(crate) fn items(books: u32) -> Items {
    Items::new((0..books).map(|book| Facts {
        authors: vec![format!("author {}", book / 3)],
        series: (book % 2 == 0).then(|| format!("series {}", book / 6)),
        subjects: vec![format!("subject {}", book % 5), "books".to_owned()],
        language: if book % 7 == 0 { "de".to_owned() } else { "en-GB".to_owned() },
    }))
}

/// Parameters for data this small.
pub(crate) fn parameters() -> Parameters {
    let mut parameters = Parameters::default();
    for (name, value) in [
        ("slim.l1", 0.1),
        ("slim.l2", 1.0),
        ("ease.lambda", 5.0),
        ("als.factors", 2.0),
        ("als.regularization", 1.0),
        ("als.iterations", 5.0),
    ] {
        parameters.set(name, value).unwrap();
    }
    parameters
}

pub(crate) fn model(kind: Kind, readers: u32, books: u32, all: &[Interaction]) -> Model {
    let data = interactions(readers, books, all);
    train(kind, &data, Some(&items(books)), &parameters(), &run()).unwrap()
}

/// Up to 30 readers and 20 books, each with any stars.
pub(crate) fn any_data() -> impl Strategy<Value = (u32, u32, Vec<Interaction>)> {
    (2_u32..30, 2_u32..20).prop_flat_map(|(readers, books)| {
        let stars = proptest::option::of((1_u8..=10).prop_map(|halves| f32::from(halves) / 2.0));
        let one = (0..readers, 0..books, stars).prop_map(|(reader, book, stars)| Interaction {
            reader,
            book,
            stars,
        });
        // One positive, so that there is something to learn.
        let all = collection::vec(one, 1..150).prop_map(|mut all| {
            all.push(liked(0, 0));
            all
        });
        (Just(readers), Just(books), all)
    })
}

pub(crate) fn any_kind() -> impl Strategy<Value = Kind> {
    proptest::sample::select(&Kind::ALL[..])
}

/// A reader's history: the last opinion of each book.
pub(crate) fn history(reader: u32, all: &[Interaction]) -> Vec<Event> {
    let own = all.iter().rev().filter(|it| it.reader == reader);
    let mut history: Vec<Event> = Vec::new();
    for it in own {
        if history.iter().all(|event| event.book != it.book) {
            history.push(Event::rated(it.book, it.stars));
        }
    }
    history
}
