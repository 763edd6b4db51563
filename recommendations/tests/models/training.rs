//! Training as a job sees it: progress, cancellation, threads, and what cannot be trained.

use std::{
    thread,
    time::{Duration, Instant},
};

use recommendations::models::{
    Als, Interactions, Items, Kind, Parameters, Progress, Run, TrainError, gram, train,
};

use crate::data::{interactions, items, liked, parameters, run, tastes};

#[test]
fn progress_reaches_the_end_and_has_a_stage() {
    let data = interactions(100, 40, &tastes(100, 40));
    for kind in Kind::ALL {
        let progress = Progress::new();
        let run = Run::new(2, progress.clone()).unwrap();
        train(kind, &data, Some(&items(40)), &parameters(), &run).unwrap();
        if kind != Kind::Popular {
            assert!((progress.fraction() - 1.0).abs() < 1e-3, "{kind}: {}", progress.fraction());
        }
    }
}

#[test]
fn a_cancelled_training_ends_at_once() {
    let all = tastes(3_000, 600);
    let data = interactions(3_000, 600, &all);
    for kind in [Kind::Slim, Kind::Ease, Kind::Als, Kind::KnnBm25, Kind::Content, Kind::Blend] {
        let progress = Progress::new();
        let run = Run::new(2, progress.clone()).unwrap();
        progress.cancel();
        let ended = train(kind, &data, Some(&items(600)), &Parameters::default(), &run);
        assert!(matches!(ended, Err(TrainError::Cancelled)), "{kind}");
    }
    // And one that runs: it would take minutes.
    let progress = Progress::new();
    let run = Run::new(1, progress.clone()).unwrap();
    let als = Als { iterations: 100_000, ..Als::default() };
    let training = thread::spawn(move || als.fit(&data, &run).map(drop));
    while progress.fraction() == 0.0 {
        thread::yield_now();
    }
    let cancelled = Instant::now();
    progress.cancel();
    assert!(matches!(training.join().unwrap(), Err(TrainError::Cancelled)));
    assert!(cancelled.elapsed() < Duration::from_secs(1), "{:?}", cancelled.elapsed());
}

#[test]
fn the_same_data_gives_the_same_model_whatever_the_threads() {
    let data = interactions(200, 40, &tastes(200, 40));
    for kind in Kind::ALL {
        let train = |threads| {
            let run = Run::new(threads, Progress::new()).unwrap();
            train(kind, &data, Some(&items(40)), &parameters(), &run).unwrap().parts()
        };
        assert_eq!(train(1), train(3), "{kind}");
    }
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let run = run();
    assert!(matches!(Interactions::new(1, 1, [liked(1, 0)]), Err(TrainError::OutOfRange { .. })));
    let nothing = interactions(3, 3, &[]);
    for kind in Kind::ALL {
        let refused = train(kind, &nothing, None, &Parameters::default(), &run).map(drop);
        assert!(matches!(refused, Err(TrainError::Empty | TrainError::NoItems)), "{kind}: {refused:?}");
    }
    let data = interactions(3, 3, &[liked(0, 0)]);
    let items = Items::new([]);
    assert!(train(Kind::Slim, &data, Some(&items), &Parameters::default(), &run).is_err());
    let als = Als { factors: 0, ..Als::default() };
    assert!(matches!(als.fit(&data, &run).map(drop), Err(TrainError::Parameters(_))));
}

#[test]
fn memory_is_bounded_by_the_formula() {
    assert_eq!(gram::memory(10_000), 400_000_000);
    for books in [1, 20_000, 20_001, 100_000, 1_000_000, 100_000_000] {
        // 1.6 GB where all pairs are held, 2 GiB or eight neighbours a book above.
        let most = (2_usize << 30).max(8 * 8 * books) + 12 * books;
        assert!(gram::memory(books) <= most, "{books}");
    }
    assert!(gram::neighbours(20_001) == 400 && gram::neighbours(1_000_000) == 268);
}

#[test]
fn above_the_bound_pairs_are_not_held_and_ease_says_so() {
    // Sparse on purpose: what takes its time here is the number of books.
    let books = gram::DENSE_BOOKS as u32 + 1;
    let all: Vec<_> =
        (0..2_000).flat_map(|reader| [liked(reader, reader % 50), liked(reader, 60 + reader % 25)]).collect();
    let data = interactions(2_000, books, &all);
    let refused = train(Kind::Ease, &data, None, &Parameters::default(), &run()).map(drop);
    assert!(matches!(refused, Err(TrainError::TooLarge { .. })), "{refused:?}");
    for kind in [Kind::Slim, Kind::Blend] {
        let model = train(kind, &data, None, &parameters(), &run()).unwrap();
        let weights = model.parts().weights.unwrap();
        // Book 0 is read with 60 only: 0 and 50 leave the same rest.
        assert_eq!(weights.row(60).0, [0, 25], "{kind}");
    }
}
