//! What may be asked of `Recommend` beside a category, each obeyed over the wire.

use std::collections::{BTreeMap, BTreeSet};

use protobufs::{
    catalogue::{Book, ListBooksRequest},
    recommendations::{ReasonKind, RecommendationRequest, RecommendationResponse, SessionRating, Strategy},
};
use tonic::Code;

use crate::Server;

/// More than the catalogue has.
const ALL: i32 = 10_000;

async fn books(server: &Server) -> BTreeMap<i32, Book> {
    let mut client = server.catalogue().await;
    let mut books = BTreeMap::new();
    let mut request = ListBooksRequest { page_size: 100, ..ListBooksRequest::default() };
    loop {
        let page = client.list_books(request.clone()).await.unwrap().into_inner();
        books.extend(page.books.into_iter().map(|book| (book.id, book)));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return books;
        }
    }
}

async fn ask(server: &Server, request: RecommendationRequest) -> RecommendationResponse {
    server.recommendations().await.recommend(request).await.unwrap().into_inner()
}

fn ids(answer: &RecommendationResponse) -> BTreeSet<i32> {
    let ids: BTreeSet<i32> = answer.recommendations.iter().map(|book| book.id).collect();
    assert_eq!(ids.len(), answer.recommendations.len(), "no book twice");
    ids
}

fn all() -> RecommendationRequest {
    RecommendationRequest { all_categories: true, max_results: ALL, ..RecommendationRequest::default() }
}

fn liked(book_id: i32) -> SessionRating {
    SessionRating { book_id, stars: 5.0, ..SessionRating::default() }
}

/// The numbers of the books for which this holds.
fn those(books: &BTreeMap<i32, Book>, holds: impl Fn(&Book) -> bool) -> BTreeSet<i32> {
    books.values().filter(|book| holds(book)).map(|book| book.id).collect()
}

#[tokio::test]
async fn categories_languages_years_and_excluded_books_are_obeyed_to_the_last_book() {
    let server = Server::start().await;
    let books = books(&server).await;
    assert_eq!(ids(&ask(&server, all()).await), books.keys().copied().collect());

    // Several categories: `category` is ignored then.
    let two =
        RecommendationRequest { categories: vec![1, 5], category: 9_999, all_categories: false, ..all() };
    let expected = those(&books, |book| book.categories.iter().any(|it| [1, 5].contains(it)));
    assert!(!expected.is_empty() && expected.len() < books.len());
    assert_eq!(ids(&ask(&server, two.clone()).await), expected);
    let unknown = RecommendationRequest { categories: vec![1, 9_999], ..two };
    let refused = server.recommendations().await.recommend(unknown).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    // All of them, whatever `category` says.
    let every = RecommendationRequest { category: 9_999, ..all() };
    assert_eq!(ids(&ask(&server, every).await).len(), books.len());

    let out: Vec<i32> = books.keys().copied().step_by(3).collect();
    let excluding = RecommendationRequest { exclude_ids: out.clone(), ..all() };
    assert_eq!(ids(&ask(&server, excluding).await), those(&books, |book| !out.contains(&book.id)));

    // A language has its regions; upper and lower case are the same.
    let is_english = |book: &Book| book.language == "en" || book.language.starts_with("en-");
    let english = RecommendationRequest { language: "EN".to_owned(), ..all() };
    let expected = those(&books, is_english);
    assert!(!expected.is_empty() && expected.len() < books.len());
    assert_eq!(ids(&ask(&server, english).await), expected);

    for (from_year, to_year) in [(Some(1950), Some(1970)), (Some(1990), None), (None, Some(1900))] {
        let between = RecommendationRequest { from_year, to_year, ..all() };
        let expected = those(&books, |book| {
            let holds =
                |year: i32| from_year.is_none_or(|from| from <= year) && to_year.is_none_or(|to| year <= to);
            book.year.is_some_and(holds)
        });
        assert!(!expected.is_empty() && expected.len() < books.len());
        assert_eq!(ids(&ask(&server, between).await), expected, "{from_year:?} {to_year:?}");
    }

    // And all at once.
    let narrow = RecommendationRequest {
        categories: vec![1, 5],
        all_categories: false,
        exclude_ids: out.clone(),
        language: "en".to_owned(),
        from_year: Some(1900),
        ..all()
    };
    let expected = those(&books, |book| {
        book.categories.iter().any(|it| [1, 5].contains(it))
            && !out.contains(&book.id)
            && is_english(book)
            && book.year.is_some_and(|year| year >= 1900)
    });
    assert!(!expected.is_empty());
    assert_eq!(ids(&ask(&server, narrow).await), expected);
}

#[tokio::test]
async fn somebody_who_is_stored_nowhere_is_answered_by_what_the_request_says() {
    let server = Server::start().await;
    let books = books(&server).await;
    let said = vec![
        liked(1),
        SessionRating { book_id: 4, shelf: 3, ..SessionRating::default() },
        SessionRating { book_id: 7, shelf: 1, ..SessionRating::default() },
        SessionRating { book_id: 10, dismissed: true, ..SessionRating::default() },
        SessionRating { book_id: 13, owned: true, ..SessionRating::default() },
        SessionRating { book_id: 16, interacted: true, ..SessionRating::default() },
    ];
    let request =
        RecommendationRequest { session_ratings: said.clone(), strategy: Strategy::Content.into(), ..all() };
    let answer = ask(&server, request.clone()).await;
    // Read, not for them and owned are out; wanted is in.
    assert_eq!(ids(&answer), those(&books, |book| ![1, 4, 10, 13, 16].contains(&book.id)));
    let similar = |answer: &RecommendationResponse| {
        let similar = answer.recommendations.iter().filter(|book| book.reason_kind() == ReasonKind::Similar);
        similar.map(|book| book.source_book_id).collect::<BTreeSet<i32>>()
    };
    let sources = similar(&answer);
    assert!(sources.contains(&1) && sources.is_subset(&[1, 4, 7, 16].into()), "{sources:?}");
    // Nothing of it is kept: whoever says nothing is told nothing.
    let nothing = RecommendationRequest { session_ratings: Vec::new(), ..request };
    assert_eq!(similar(&ask(&server, nothing).await), BTreeSet::new());
}

#[tokio::test]
async fn strategy_diversity_exploration_and_seed_do_what_they_say() {
    let server = Server::start().await;
    let asked = |strategy: Strategy| RecommendationRequest {
        max_results: 100,
        session_ratings: [1, 4, 7].map(liked).into(),
        strategy: strategy.into(),
        seed: Some(3),
        exploration: Some(0.0),
        ..all()
    };
    let kinds = |answer: &RecommendationResponse, kind: ReasonKind| {
        answer.recommendations.iter().filter(|book| book.reason_kind() == kind).count()
    };
    // Nobody has rated anything, so that nothing is popular and no model is there.
    let content = ask(&server, asked(Strategy::Content)).await;
    assert!(kinds(&content, ReasonKind::Similar) >= 10, "{content:?}");
    for strategy in [Strategy::Random, Strategy::Popular, Strategy::Model] {
        assert_eq!(kinds(&ask(&server, asked(strategy)).await, ReasonKind::Similar), 0, "{strategy:?}");
    }

    // The same seed, the same answer; another one, another.
    let order = |answer: &RecommendationResponse| -> Vec<i32> {
        answer.recommendations.iter().map(|book| book.id).collect()
    };
    for strategy in [Strategy::Content, Strategy::Random] {
        let explored = RecommendationRequest { exploration: Some(0.5), ..asked(strategy) };
        let first = order(&ask(&server, explored.clone()).await);
        assert_eq!(order(&ask(&server, explored.clone()).await), first, "{strategy:?}");
        let other = RecommendationRequest { seed: Some(4), ..explored };
        assert_ne!(order(&ask(&server, other).await), first, "{strategy:?}");
    }

    // Of whom something is known, nothing is left to chance unless asked for; only wanting a book is enough.
    for said in [liked(1), SessionRating { stars: 0.0, shelf: 1, ..liked(1) }] {
        for seed in 0..20 {
            let request = RecommendationRequest {
                exploration: None,
                seed: Some(seed),
                max_results: 5,
                session_ratings: vec![said],
                ..asked(Strategy::Content)
            };
            let answer = ask(&server, request).await;
            assert_eq!(kinds(&answer, ReasonKind::Exploration), 0, "{said:?}: {answer:?}");
        }
    }

    // The share of places that chance has.
    let mut explored = 0;
    for seed in 0..20 {
        let request = RecommendationRequest {
            exploration: Some(0.5),
            seed: Some(seed),
            max_results: 10,
            ..asked(Strategy::Content)
        };
        explored += kinds(&ask(&server, request).await, ReasonKind::Exploration);
    }
    assert!((60..140).contains(&explored), "{explored} of 200");
    assert_eq!(
        kinds(
            &ask(&server, RecommendationRequest { max_results: 10, ..asked(Strategy::Content) }).await,
            ReasonKind::Exploration
        ),
        0
    );

    // More variety costs likeness.
    let spread = async |diversity: f32| {
        let request = RecommendationRequest {
            max_results: 10,
            diversity: Some(diversity),
            uncapped: true,
            session_ratings: [1, 4, 7, 10, 13, 16, 19, 22].map(liked).into(),
            ..asked(Strategy::Content)
        };
        let answer = ask(&server, request).await;
        let authors: BTreeSet<String> =
            answer.recommendations.iter().flat_map(|book| book.authors.iter().cloned()).collect();
        let score: f32 = answer.recommendations.iter().map(|book| book.score).sum();
        (authors.len(), score)
    };
    let (few, much) = spread(0.0).await;
    let (many, less) = spread(1.0).await;
    assert!(many >= few && less < much, "{few} {many} authors, {much} {less} of likeness");
    let wrong = RecommendationRequest { diversity: Some(1.5), ..asked(Strategy::Content) };
    assert_eq!(
        server.recommendations().await.recommend(wrong).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}
