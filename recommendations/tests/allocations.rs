//! What a call of `Recommend` allocates does not grow with the catalogue, and what a book costs in memory is what the documents say.
//! A binary of its own, for its allocator counts.

use std::sync::Arc;

use clap::Parser as _;
use protobufs::recommendations::{RecommendationRequest, recommendations_server::Recommendations};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::index};
use recommendations::{
    Config,
    catalogue::{self, Book, BookRef, Builder},
    grpc,
    import::{self, Format},
    knowledge::{Active, Keeper, Served},
    loading::{Current, Loader},
    models::{
        Factors, Interaction, Interactions, Kind, Model, Parameters, Parts, Progress, Run, Sparse, train,
    },
    ratings::{Base, Entry, Ratings, Stars},
    store::Store,
};
use tonic::Request;

const SIZES: [u32; 2] = [2_000, 40_000];
const READERS: u32 = 40;
/// Books in a history: among the first, so that the same readers have the same histories at both sizes.
const READ: usize = 60;
const WEIGHTS: usize = 60;
const FACTORS: usize = 16;

/// Books of the same lengths at every size, so that the answers are as long.
async fn catalogue(books: u32) -> Current {
    let line = |id| {
        format!(
            "{{\"id\":{id},\"title\":\"Title {id:06}\",\"authors\":[\"Author {:06}\"],\"categories\":[\"fantasy\"]}}\n",
            id / 2
        )
    };
    let lines: String = (1..=books).map(line).collect();
    let store = Store::connect("sqlite::memory:").await.unwrap();
    let report = import::books(std::io::Cursor::new(lines.into_bytes()), Format::Jsonl, &store, |_| {}).await;
    assert_eq!(report.unwrap().new, u64::from(books));
    Loader::start(store, None).await.unwrap().current()
}

fn histories() -> Vec<(u32, Vec<u32>)> {
    let mut random = StdRng::seed_from_u64(1);
    let mut history = || {
        let mut books: Vec<u32> =
            index::sample(&mut random, SIZES[0] as usize, READ).into_iter().map(|book| book as u32).collect();
        books.sort_unstable();
        books
    };
    (1..=READERS).map(|reader| (reader, history())).collect()
}

/// A model of each kind that serves, of as much content as its kind has at any size.
fn models(books: u32, histories: &[(u32, Vec<u32>)]) -> Vec<(&'static str, Model)> {
    let mut random = StdRng::seed_from_u64(2);
    let count = books as usize;
    let popularity: Vec<f32> = (0..count).map(|book| (count - book) as f32).collect();
    let (mut starts, mut indices) = (vec![0], Vec::new());
    for _ in 0..count {
        let mut row: Vec<u32> =
            index::sample(&mut random, count, WEIGHTS).into_iter().map(|book| book as u32).collect();
        row.sort_unstable();
        indices.extend(row);
        starts.push(indices.len() as u64);
    }
    let values = (0..indices.len()).map(|_| random.random::<f32>()).collect();
    let weights = Sparse::checked(count, starts, indices, values).unwrap();
    let factors = (0..count * FACTORS).map(|_| random.random::<f32>() - 0.4).collect();
    let factors = Factors::new(FACTORS, factors, 20.0, 2.0).unwrap();
    let parts = Parts { popularity, ..Parts::default() };
    let blend = Parts { weights: Some(weights), ..parts.clone() };
    let all = histories.iter().flat_map(|(reader, books)| {
        books.iter().map(|&book| Interaction { reader: *reader, book, stars: None })
    });
    let data = Interactions::new(READERS as usize + 1, count, all).unwrap();
    let run = Run::new(1, Progress::new()).unwrap();
    let knn = train(Kind::KnnBm25, &data, None, &Parameters::of(&data), &run).unwrap();
    let model = |parts| Model::from_parts(parts).unwrap();
    vec![
        ("blend", model(blend.clone())),
        ("blend with a share of popularity", model(Parts { prior: 0.5, ..blend })),
        ("als", model(Parts { factors: Some(factors), ..parts.clone() })),
        ("knn", knn),
        ("popularity", model(parts)),
    ]
}

/// Bytes a call, and allocations, once each thread has what it keeps.
fn allocated(service: &impl Recommendations, runtime: &tokio::runtime::Runtime) -> (u64, u64) {
    let ask = |reader: u32| {
        let request = RecommendationRequest {
            user_id: reader as i32,
            all_categories: true,
            max_results: 10,
            seed: Some(7),
            ..Default::default()
        };
        let answer = runtime.block_on(service.recommend(Request::new(request))).unwrap().into_inner();
        assert_eq!(answer.recommendations.len(), 10);
    };
    (1..=READERS).for_each(ask);
    let counted = allocation_counter::measure(|| (1..=READERS).for_each(ask));
    (counted.bytes_total / u64::from(READERS), counted.count_total / u64::from(READERS))
}

#[test]
fn nothing_that_a_call_allocates_grows_with_the_catalogue() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let histories = histories();
    let mut base = Base::default();
    for (reader, books) in &histories {
        for &book in books {
            let stars = Stars::from_halves(9);
            base.push(*reader, Entry { stars, ..Entry::nothing(book as i32 + 1) }).unwrap();
        }
    }
    let ratings = Ratings::new(base, 1);
    let measured = SIZES.map(|books| {
        let current = runtime.block_on(catalogue(books));
        let models = models(books, &histories).into_iter().map(|(name, model)| {
            let served = Served {
                version: "1".to_owned(),
                simulated: false,
                model,
                books: (1..=books as i32).collect(),
            };
            let active = Active::default();
            active.store(Some(Arc::new(served)));
            let known = Keeper::start(current.clone(), ratings.clone(), active).known();
            let choice =
                Config::parse_from(["recommendations"]).choice(recommendations::rankers::Rankers::default());
            (name, allocated(&grpc::recommender(known, ratings.clone(), choice), &runtime))
        });
        models.collect::<Vec<_>>()
    });
    let [few, many] = measured;
    for ((name, (few_bytes, few_times)), (_, (many_bytes, many_times))) in few.into_iter().zip(many) {
        println!(
            "{name}: {few_bytes} bytes in {few_times} with few books, {many_bytes} in {many_times} with many"
        );
        // Far below what a number a book would be, and the same but for how long the answers happen to be.
        assert!(many_bytes < u64::from(SIZES[1]), "{name}: {many_bytes} bytes");
        assert!(many_bytes <= few_bytes + few_bytes / 8, "{name}: {few_bytes}, then {many_bytes} bytes");
        assert!(
            many_times <= few_times + few_times / 8,
            "{name}: {few_times}, then {many_times} allocations"
        );
    }
}

/// What `ARCHITECTURE.md` and the module say that a book costs in a snapshot, for one of those that come with the program.
const BYTES_A_BOOK: usize = 146;

fn copied(book: BookRef<'_>) -> Book {
    let text = str::to_owned;
    Book {
        id: book.id(),
        title: text(book.title()),
        title_language: text(book.title_language()),
        authors: book.authors().map(text).collect(),
        year: book.year(),
        language: text(book.language()),
        series: book.series().map(|(name, number)| catalogue::Series { name: text(name), number }),
        categories: book.categories().collect(),
        subjects: book.subjects().map(text).collect(),
        isbn13: book.isbn13(),
    }
}

#[test]
fn a_book_costs_what_is_said() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let current = runtime.block_on(async {
        let store = Store::connect("sqlite::memory:").await.unwrap();
        import::sample(&store).await.unwrap();
        Loader::start(store, None).await.unwrap().current()
    });
    let shown = current.load();
    let shown = &shown.catalogue;
    let books: Vec<Book> = (0..shown.len()).map(|place| copied(shown.at(place).unwrap())).collect();
    let mut builder = Builder::new(
        shown.version().clone(),
        shown.categories().map(|(category, _)| category.clone()).collect(),
    );
    let mut made = None;
    let counted = allocation_counter::measure(|| {
        for book in &books {
            builder.push(book).unwrap();
        }
        made = Some(builder.finish().unwrap());
    });
    let made = made.unwrap();
    assert_eq!((made.len(), made.memory()), (books.len(), shown.memory()));
    // What it says of itself is what the allocator gave, but for the categories, which were there before.
    let allocated = usize::try_from(counted.bytes_current).unwrap();
    let said = made.memory();
    assert!(said.abs_diff(allocated) < said / 50, "{allocated} bytes are allocated, {said} are said");

    let each = said / made.len();
    assert!(each.abs_diff(BYTES_A_BOOK) <= 2, "{each} bytes a book");
    for (file, text) in [
        ("ARCHITECTURE.md", include_str!("../../ARCHITECTURE.md")),
        ("catalogue.rs", include_str!("../src/catalogue.rs")),
    ] {
        assert!(text.contains(&format!("about {BYTES_A_BOOK} bytes")), "{file} says another number");
    }
}
