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
}

/// Cancels a training when it is so far. Whether much of it was left, so that this says something: far more than it then took to end.
fn cancelled_at(fraction: f32, kind: Kind, data: &Interactions, parameters: &Parameters) -> bool {
    let progress = Progress::new();
    let run = Run::new(1, progress.clone()).unwrap();
    thread::scope(|scope| {
        let begun = Instant::now();
        let training = scope.spawn(|| train(kind, data, None, parameters, &run).map(drop));
        while progress.fraction() < fraction && !training.is_finished() {
            thread::yield_now();
        }
        let (done, took) = (progress.fraction(), begun.elapsed());
        let left = took.mul_f32((1.0 - done) / done);
        let cancelled = Instant::now();
        progress.cancel();
        let ended = training.join().unwrap();
        let late = cancelled.elapsed();
        if left < Duration::from_secs(5) || !matches!(ended, Err(TrainError::Cancelled)) {
            return false;
        }
        // A second on a machine that does nothing else.
        assert!(late < left / 2, "{kind} at {done} took {late:?} to notice, with {left:?} to go");
        true
    })
}

#[test]
fn a_training_that_is_cancelled_in_the_middle_ends_long_before_its_time() {
    let mut parameters = Parameters::default();
    parameters.set("slim.l1", 0.01).unwrap();
    for (kind, fraction) in [(Kind::Slim, 0.2), (Kind::Ease, 0.3), (Kind::Als, 0.03)] {
        // The first size that keeps this machine busy for some seconds more.
        let busy = [1_000, 2_000, 4_000, 8_000, 16_000].into_iter().any(|books| {
            let data = interactions(4 * books, books, &tastes(4 * books, books));
            cancelled_at(fraction, kind, &data, &parameters)
        });
        assert!(busy, "{kind} is too fast for this test");
    }
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
        // As the table of `models.rs` says: 1.6 GB at most where all pairs are held; above, 4 GiB or eight neighbours a book.
        let near = 16 * books * ((2_usize << 30) / (8 * books)).clamp(8, 100) + 12 * books;
        let formula = if books <= 20_000 { 4 * books * books } else { near };
        assert_eq!(gram::memory(books), formula, "{books}");
        assert!(formula <= (4_usize << 30).max(128 * books) + 12 * books, "{books}");
    }
    assert!(gram::neighbours(20_001) == 100 && gram::neighbours(1_000_000) == 100);
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
