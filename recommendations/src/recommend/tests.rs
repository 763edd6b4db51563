use std::collections::HashSet;

use rand::{SeedableRng as _, rngs::StdRng};

use super::{
    Likeness, Pick, Popularity, Question, Ranker, Reason, RecommendError, Shelves, Source, recommend,
};
use crate::catalogue::{Book, Builder, Catalogue, Category, Series, Version};

/// Numbers from 1; `change` makes each book different.
fn catalogue(books: i32, change: impl Fn(&mut Book)) -> Catalogue {
    let category = |number, slug: &str| Category { number, slug: slug.to_owned(), name: slug.to_owned() };
    let mut builder = Builder::new(Version::default(), vec![category(3, "fantasy"), category(4, "romance")]);
    for id in 1..=books {
        let mut book = Book { id, title: id.to_string(), categories: vec![3], ..Book::default() };
        change(&mut book);
        builder.push(&book).unwrap();
    }
    builder.finish().unwrap()
}

const FANTASY: Question<'_> = Question {
    shelves: Shelves::Of(&[3]),
    count: 10,
    exclude: &[],
    language: "",
    years: (None, None),
    diversity: 0.0,
    exploration: 0.0,
    capped: true,
};

fn pick(id: i32, score: f32) -> Pick {
    Pick { place: id as u32 - 1, score, reason: Reason::Taste }
}

/// A model with these scores, best first.
struct Scored(Vec<Pick>);

fn ranker(scored: &[Pick]) -> Scored {
    let mut ranked = scored.to_vec();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
    Scored(ranked)
}

impl Ranker for Scored {
    fn rank(&mut self, count: usize, allowed: &mut dyn FnMut(u32) -> bool) -> Vec<Pick> {
        self.0.iter().copied().filter(|pick| allowed(pick.place)).take(count).collect()
    }

    fn explain(&mut self, picks: &mut [Pick]) {
        for pick in picks.iter_mut().filter(|pick| pick.reason == Reason::Taste) {
            pick.reason = Reason::Liked(Source { book: pick.place as i32 + 1, contribution: pick.score });
        }
    }
}

/// Numbers of the books.
fn ask(catalogue: &Catalogue, popularity: &Popularity, scored: &[Pick], question: &Question<'_>) -> Vec<i32> {
    let mut random = StdRng::seed_from_u64(7);
    let picks = recommend(catalogue, popularity, ranker(scored), question, &mut random).unwrap();
    picks.iter().map(|pick| pick.place as i32 + 1).collect()
}

#[test]
fn no_book_twice_and_all_when_asked_for_more() {
    let catalogue = catalogue(100, |_| {});
    let likes = Popularity::new(&catalogue, [(5, 1.0, 0), (9, 3.0, 0)]);
    for popularity in [&Popularity::default(), &likes] {
        for count in [0, 1, 50, 99, 100, 1_000_000] {
            for exploration in [0.0, 0.2, 1.0] {
                let question = Question { count, exploration, ..FANTASY };
                let ids = ask(&catalogue, popularity, &[pick(3, 1.0), pick(4, 2.0)], &question);
                assert_eq!(ids.len(), count.min(100));
                assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
            }
        }
    }
    let unknown = Question { shelves: Shelves::Of(&[3, 5]), ..FANTASY };
    let mut random = StdRng::seed_from_u64(1);
    assert_eq!(
        recommend(&catalogue, &likes, ranker(&[]), &unknown, &mut random),
        Err(RecommendError::NoSuchCategory(5))
    );
}

#[test]
fn every_book_has_the_same_chance_of_the_first_place_while_nothing_is_known() {
    let catalogue = catalogue(10, |_| {});
    let mut random = StdRng::seed_from_u64(2);
    let mut firsts = [0; 10];
    let question = Question { count: 3, ..FANTASY };
    for _ in 0..10_000 {
        let picks =
            recommend(&catalogue, &Popularity::default(), ranker(&[]), &question, &mut random).unwrap();
        assert!(picks.iter().all(|pick| pick.reason == Reason::Chance));
        firsts[picks[0].place as usize] += 1;
    }
    assert!(firsts.iter().all(|&count| (850..1_150).contains(&count)), "{firsts:?}");
}

#[test]
fn the_model_comes_first_then_what_is_popular_then_anything() {
    let catalogue = catalogue(8, |_| {});
    let popularity = Popularity::new(&catalogue, [(5, 1.0, 0), (6, 1.0, 0), (6, 1.0, 0), (2, 5.0, 0)]);
    let ids = ask(&catalogue, &popularity, &[pick(1, 0.1), pick(2, 0.7)], &FANTASY);
    assert_eq!(ids[..4], [2, 1, 6, 5]);
    assert_eq!(ids.len(), 8);
}

#[test]
fn what_is_shown_is_explained_and_nothing_else() {
    /// Counts what it explains.
    struct Counting<'a>(Scored, &'a mut usize);
    impl Ranker for Counting<'_> {
        fn rank(&mut self, count: usize, allowed: &mut dyn FnMut(u32) -> bool) -> Vec<Pick> {
            self.0.rank(count, allowed)
        }

        fn explain(&mut self, picks: &mut [Pick]) {
            *self.1 += picks.len();
            self.0.explain(picks);
        }
    }
    // One author: half of the list is held back and comes behind the others.
    let catalogue = catalogue(60, |book| {
        if book.id <= 30 {
            book.authors = vec!["One".to_owned()];
        }
    });
    let scored: Vec<Pick> = (1..=50).map(|id| pick(id, id as f32)).collect();
    let popularity = Popularity::new(&catalogue, [(55, 1.0, 0)]);
    let mut random = StdRng::seed_from_u64(4);
    for diversity in [0.0, 0.5] {
        let question = Question { diversity, ..FANTASY };
        let mut explained = 0;
        let counting = Counting(ranker(&scored), &mut explained);
        let picks = recommend(&catalogue, &popularity, counting, &question, &mut random).unwrap();
        assert_eq!((picks.len(), explained), (10, 10));
        for pick in picks {
            let own = Source { book: pick.place as i32 + 1, contribution: pick.score };
            assert_eq!(pick.reason, Reason::Liked(own));
        }
    }
}

#[test]
fn old_likes_count_less() {
    let catalogue = catalogue(2, |_| {});
    let years = 5 * 365 * 24 * 3600;
    let popularity = Popularity::new(&catalogue, [(1, 1.0, years), (1, 1.0, years), (2, 1.0, 0)]);
    assert_eq!(ask(&catalogue, &popularity, &[], &FANTASY), [2, 1]);
}

#[test]
fn what_is_excluded_never_appears_and_neither_do_its_editions() {
    let catalogue = catalogue(30, |book| {
        if book.id >= 21 {
            // Further editions of 11 to 20.
            book.title = (book.id - 10).to_string();
        }
        book.authors = vec![format!("Author of {}", book.title)];
    });
    let exclude: Vec<i32> = (1..=15).collect();
    let scored: Vec<Pick> = (1..=30).map(|id| pick(id, id as f32)).collect();
    let question = Question { count: 100, exclude: &exclude, ..FANTASY };
    for scored in [&scored[..], &[]] {
        let mut ids = ask(&catalogue, &Popularity::default(), scored, &question);
        ids.iter_mut().for_each(|id| *id = if *id > 20 { *id - 10 } else { *id });
        ids.sort_unstable();
        assert_eq!(ids, [16, 17, 18, 19, 20]);
    }
}

#[test]
fn only_what_is_asked_for() {
    let catalogue = catalogue(60, |book| {
        book.categories = vec![if book.id % 2 == 0 { 3 } else { 4 }];
        book.language = ["pt", "pt-BR", "ptx", "en"][book.id as usize % 4].to_owned();
        book.year = (book.id % 5 != 0).then_some(1900 + book.id as i16);
    });
    let scored: Vec<Pick> = (1..=20).map(|id| pick(id, 1.0)).collect();
    let popularity = Popularity::new(&catalogue, (15..45).map(|id| (id, 1.0, 0)));
    let question =
        Question { shelves: Shelves::All, count: 100, language: "PT", years: (Some(1910), None), ..FANTASY };
    let mut ids = ask(&catalogue, &popularity, &scored, &question);
    ids.sort_unstable();
    let right: Vec<i32> = (10..=60).filter(|id| id % 4 <= 1 && id % 5 != 0).collect();
    assert_eq!(ids, right);
    let both = Question { shelves: Shelves::Of(&[4, 3]), count: 100, ..FANTASY };
    assert_eq!(ask(&catalogue, &popularity, &scored, &both).len(), 60);
    let one = Question { shelves: Shelves::Of(&[4]), count: 100, ..FANTASY };
    assert!(ask(&catalogue, &popularity, &scored, &one).iter().all(|id| id % 2 == 1));
}

#[test]
fn two_of_an_author_or_series_among_the_first_ten_and_nothing_is_lost() {
    let catalogue = catalogue(40, |book| match book.id {
        1..=10 => book.authors = vec!["One".to_owned()],
        11..=20 => book.series = Some(Series { name: "Saga".to_owned(), number: None }),
        _ => book.authors = vec![book.id.to_string()],
    });
    let scored: Vec<Pick> = (1..=30).map(|id| pick(id, 100.0 - id as f32)).collect();
    let ids = ask(&catalogue, &Popularity::default(), &scored, &Question { count: 30, ..FANTASY });
    assert_eq!(ids[..10], [1, 2, 11, 12, 21, 22, 23, 24, 25, 26]);
    assert_eq!(ids[10..18], [3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 30);
    let free = Question { count: 30, capped: false, ..FANTASY };
    assert_eq!(ask(&catalogue, &Popularity::default(), &scored, &free), (1..=30).collect::<Vec<_>>());
    // Too few authors: the limit gives way.
    let few = Question { exclude: &(11..=40).collect::<Vec<_>>(), ..FANTASY };
    assert_eq!(ask(&catalogue, &Popularity::default(), &scored, &few), (1..=10).collect::<Vec<_>>());
}

#[test]
fn the_knob_trades_relevance_for_variety() {
    let catalogue = catalogue(40, |book| book.subjects = vec![(book.id / 10).to_string()]);
    let scored: Vec<Pick> = (1..=39).map(|id| pick(id, 100.0 - id as f32)).collect();
    let subjects = |diversity| {
        let question = Question { count: 4, diversity, ..FANTASY };
        let ids = ask(&catalogue, &Popularity::default(), &scored, &question);
        ids.iter().map(|id| id / 10).collect::<HashSet<_>>().len()
    };
    assert_eq!(subjects(0.0), 1);
    assert_eq!(subjects(0.9), 4);
    // So it does for somebody of whom nothing is known.
    let popularity = Popularity::new(&catalogue, (1..=39).map(|id| (id, 100.0 - id as f32, 0)));
    let popular = |diversity| {
        let question = Question { count: 4, diversity, ..FANTASY };
        let ids = ask(&catalogue, &popularity, &[], &question);
        ids.iter().map(|id| id / 10).collect::<HashSet<_>>().len()
    };
    assert_eq!((popular(0.0), popular(0.9)), (1, 4));
}

#[test]
fn exploration_has_its_share() {
    let catalogue = catalogue(1000, |_| {});
    let popularity = Popularity::new(&catalogue, (1..=500).map(|id| (id, 1.0, 0)));
    let question = Question { count: 100, exploration: 0.2, ..FANTASY };
    let mut random = StdRng::seed_from_u64(3);
    let explored: usize = (0..50)
        .map(|_| {
            let picks = recommend(&catalogue, &popularity, ranker(&[]), &question, &mut random).unwrap();
            picks.iter().filter(|pick| pick.reason == Reason::Exploration).count()
        })
        .sum();
    assert!((800..1200).contains(&explored), "{explored}");
}

/// A saga of three, a subject that few share, and one that many do.
fn shop() -> Catalogue {
    catalogue(40, |book| match book.id {
        1..=3 => {
            book.authors = vec!["One".to_owned()];
            book.series = Some(Series { name: "Saga".to_owned(), number: None });
        }
        4..=6 => book.subjects = vec!["whales".to_owned(), "books".to_owned()],
        7 => {
            book.subjects = vec!["whales".to_owned()];
            book.language = "fr".to_owned();
        }
        _ => book.subjects = vec!["books".to_owned()],
    })
}

#[test]
fn what_resembles_shares_author_series_or_subject_and_the_reason_is_the_book_that_counts_most() {
    let catalogue = shop();
    let likeness = Likeness::of(&catalogue);
    let liked = [(1, 1.0), (4, 1.0), (30, 0.5)];
    let known: Vec<i32> = liked.iter().map(|(id, _)| *id).collect();
    let mut random = StdRng::seed_from_u64(5);
    let question = Question { exclude: &known, count: 39, capped: false, ..FANTASY };
    let ask = |liked: &[(i32, f32)], random: &mut StdRng| {
        let resembling = likeness.ask(&catalogue, liked.iter().copied());
        recommend(&catalogue, &Popularity::default(), resembling, &question, random).unwrap()
    };
    let picks = ask(&liked, &mut random);
    let first: Vec<(i32, i32)> = picks[..5]
        .iter()
        .map(|pick| match pick.reason {
            Reason::Similar(source) => (pick.place as i32 + 1, source.book),
            other => panic!("{other:?}"),
        })
        .collect();
    // What shares the common subject with a wanted book, too, comes first.
    assert_eq!(first, [(5, 4), (6, 4), (2, 1), (3, 1), (7, 4)]);
    // Each reason is the book without which the score is lowest, and by so much.
    for pick in &picks {
        let Reason::Similar(source) = pick.reason else { continue };
        let without = |book: i32| {
            let rest: Vec<(i32, f32)> = liked.iter().copied().filter(|(id, _)| *id != book).collect();
            let after = ask(&rest, &mut StdRng::seed_from_u64(5));
            pick.score - after.iter().find(|other| other.place == pick.place).unwrap().score
        };
        assert!((without(source.book) - source.contribution).abs() < 1e-4, "{pick:?}");
        assert!(known.iter().all(|&book| without(book) <= source.contribution + 1e-4), "{pick:?}");
    }
    // Who likes nothing is told nothing; another language counts less than the same.
    assert!(ask(&[], &mut random).iter().all(|pick| pick.reason == Reason::Chance));
    let other = self::catalogue(9, |book| {
        book.subjects = vec!["whales".to_owned()];
        book.language = if book.id < 5 { "pt-BR" } else { "pt" }.to_owned();
        if book.id == 2 {
            book.language = "de".to_owned();
        }
    });
    let foreign = Likeness::of(&other);
    let picks = foreign.ask(&other, [(1, 1.0)]).rank(9, &mut |_| true);
    assert_eq!((picks.len(), picks[7].place), (8, 1));
    assert!(picks[7].score < 0.5 * picks[0].score);
}

#[test]
fn what_is_only_wanted_may_be_recommended_but_not_for_its_own_sake() {
    let catalogue = shop();
    let likeness = Likeness::of(&catalogue);
    let picks = likeness.ask(&catalogue, [(4, 0.5), (5, 1.0)]).rank(40, &mut |_| true);
    let wanted = picks.iter().find(|pick| pick.place == 3).unwrap();
    let alone = likeness.ask(&catalogue, [(5, 1.0)]).rank(40, &mut |_| true);
    assert!((wanted.score - alone.iter().find(|pick| pick.place == 3).unwrap().score).abs() < 1e-4);
}

#[test]
fn similar_books_are_never_the_same_and_not_only_its_authors() {
    let catalogue = catalogue(60, |book| match book.id {
        1..=30 => book.authors = vec!["One".to_owned()],
        31 => {
            // Another edition of the first.
            book.title = "1".to_owned();
            book.authors = vec!["One".to_owned()];
        }
        32..=40 => book.subjects = vec!["whales".to_owned()],
        _ => {}
    });
    let book = catalogue.book(1).unwrap();
    for scored in [&(2..=31).map(|id| pick(id, 1.0)).collect::<Vec<_>>()[..], &[]] {
        let picks = super::similar(&catalogue, book, 10, ranker(scored));
        let ids: Vec<i32> = picks.iter().map(|pick| pick.place as i32 + 1).collect();
        assert_eq!(ids.len(), 10);
        assert_eq!(ids.iter().filter(|&&id| id <= 30).count(), 5, "{ids:?}");
        assert!(!ids.contains(&1) && !ids.contains(&31), "{ids:?}");
    }
    // All of its category are by the same author: others come from elsewhere, those that are alike before any that is not.
    let shelf = |related: bool| {
        self::catalogue(40, move |book| match book.id {
            1..=20 => {
                book.authors = vec!["One".to_owned()];
                book.subjects = vec!["whales".to_owned()];
            }
            id => {
                book.categories = vec![4];
                book.authors = vec![id.to_string()];
                if related && id > 30 {
                    book.subjects = vec!["whales".to_owned()];
                }
            }
        })
    };
    let of = |catalogue: &Catalogue| {
        let picks = super::similar(catalogue, catalogue.book(1).unwrap(), 10, ranker(&[]));
        assert_eq!(picks.len(), 10);
        let others = picks.into_iter().filter(|pick| pick.place >= 20);
        others.map(|pick| (pick.place as i32 + 1, pick.reason == Reason::Exploration)).collect::<Vec<_>>()
    };
    assert_eq!(of(&shelf(true)), (31..=35).map(|id| (id, false)).collect::<Vec<_>>());
    assert_eq!(of(&shelf(false)), [(21, true)], "one that is not alike, and says so");
    // Nobody else is there: better the same author than nobody.
    let alone = self::catalogue(5, |book| book.authors = vec!["One".to_owned()]);
    assert_eq!(super::similar(&alone, alone.book(1).unwrap(), 10, ranker(&[])).len(), 4);
}
