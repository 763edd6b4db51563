use std::collections::BTreeSet;

use protobufs::{
    catalogue::ListBooksRequest,
    recommendations::{BookCategory, RecommendationRequest},
};
use recommendations::catalogue::FIXED_CATEGORIES;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{Server, request};

#[test]
fn the_fixed_categories_are_the_contracts() {
    for (number, slug, _) in FIXED_CATEGORIES {
        let name = BookCategory::try_from(number).unwrap().as_str_name();
        assert_eq!(name.to_lowercase().replace('_', "-"), slug);
    }
    assert!(BookCategory::try_from(i32::try_from(FIXED_CATEGORIES.len()).unwrap()).is_err());
}

#[tokio::test]
async fn three_hundred_calls_see_every_book_and_none_twice() {
    let server = Server::start().await;
    let mut client = server.recommendations().await;
    let all = client.recommend(request(BookCategory::Mystery.into(), 1_000_000)).await.unwrap().into_inner();
    let all: BTreeSet<_> = all.recommendations.iter().map(|book| book.id).collect();
    assert!(all.len() >= 30);
    let mut seen = BTreeSet::new();
    for _ in 0..300 {
        let answer = client.recommend(request(BookCategory::Mystery.into(), 20)).await.unwrap().into_inner();
        let ids: BTreeSet<_> = answer.recommendations.iter().map(|book| book.id).collect();
        assert_eq!((answer.recommendations.len(), ids.len()), (20, 20));
        seen.extend(ids);
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_seed_gives_the_same_answer_again() {
    let server = Server::start().await;
    let mut client = server.recommendations().await;
    let mut ask = async |seed| {
        let question = RecommendationRequest { seed, ..request(BookCategory::Mystery.into(), 10) };
        let answer = client.recommend(question).await.unwrap().into_inner();
        answer.recommendations.iter().map(|book| book.id).collect::<Vec<_>>()
    };
    let first = ask(Some(7)).await;
    assert_eq!(ask(Some(7)).await, first);
    let mut others = BTreeSet::new();
    for seed in 8..12 {
        others.insert(ask(Some(seed)).await);
    }
    assert!(others.len() > 1 || !others.contains(&first), "every seed gives {first:?}");
}

#[tokio::test]
async fn answers_are_capped_by_the_category_and_by_the_setting() {
    let server = Server::with(&["--max-results", "40"]).await;
    let mut client = server.recommendations().await;
    for (asked, got) in [(0, 0), (1, 1), (40, 40), (41, 40), (1_000_000, 40), (i32::MAX, 40)] {
        let answer = client.recommend(request(13, asked)).await.unwrap().into_inner();
        assert_eq!(answer.recommendations.len(), got);
    }
    // Nothing set at all: mystery, nobody, nothing wanted.
    let answer = client.recommend(RecommendationRequest::default()).await.unwrap().into_inner();
    assert!(answer.recommendations.is_empty());
}

#[tokio::test]
async fn a_million_asked_gives_exactly_the_category() {
    let server = Server::start().await;
    let (mut client, mut catalogue) = (server.recommendations().await, server.catalogue().await);
    for (category, ..) in FIXED_CATEGORIES {
        let list = ListBooksRequest { category: Some(category), ..ListBooksRequest::default() };
        let total = catalogue.list_books(list).await.unwrap().into_inner().total_size;
        let answer = client.recommend(request(category, 1_000_000)).await.unwrap().into_inner();
        assert_eq!(answer.recommendations.len(), usize::try_from(total).unwrap());
        assert!(answer.recommendations.iter().all(|book| book.categories.contains(&category)));
    }
}

#[tokio::test]
async fn the_tutorials_books_are_in_their_categories() {
    let server = Server::start().await;
    let mut client = server.recommendations().await;
    for (category, ids) in [(0, 1..=3), (1, 4..=6), (2, 7..=9)] {
        let answer = client.recommend(request(category, 1_000_000)).await.unwrap().into_inner();
        let found: BTreeSet<_> = answer.recommendations.iter().map(|book| book.id).collect();
        assert!(ids.into_iter().all(|id| found.contains(&id)));
    }
    let mut books = client.recommend(request(0, 1_000_000)).await.unwrap().into_inner().recommendations;
    books.retain(|book| book.id == 1);
    assert_eq!(
        (books[0].title.as_str(), books[0].authors[0].as_str()),
        ("The Maltese Falcon", "Dashiell Hammett")
    );
    assert_eq!((books[0].title_language.as_str(), books[0].categories[0]), ("en", 0));
}

#[tokio::test]
async fn negative_numbers_are_refused_with_their_fields() {
    let server = Server::start().await;
    let mut client = server.recommendations().await;
    for (user_id, max_results, fields) in [
        (1, -1, vec!["max_results"]),
        (-1, 1, vec!["user_id"]),
        (i32::MIN, i32::MIN, vec!["user_id", "max_results"]),
    ] {
        let status = client
            .recommend(RecommendationRequest { user_id, category: 0, max_results, ..Default::default() })
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), fields);
        assert!(violations.iter().all(|it| it.description == "must not be negative"));
    }
}

#[tokio::test]
async fn unknown_categories_are_not_found() {
    let server = Server::start().await;
    let mut client = server.recommendations().await;
    for category in [18, 999, 1_000, -1, i32::MAX, i32::MIN] {
        let status = client.recommend(request(category, 3)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "Category not found"));
    }
}
