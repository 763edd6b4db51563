//! Several servers over one PostgreSQL.

use std::time::Duration;

use protobufs::catalogue::{ListBooksRequest, ListCategoriesRequest, SearchBooksRequest};
use tokio::time::Instant;

use crate::{Server, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_start_at_once_and_agree() {
    let Some(url) = testing::postgres() else { return };
    let start = || Server::over(url.clone(), tempfile::tempdir().unwrap(), &[]);
    // Both find the database empty, and both bring the sample catalogue.
    let (one, other) = tokio::join!(start(), start());
    let total = one.total().await;
    assert!(total >= 600);
    assert_eq!(other.total().await, total);

    one.import(r#"{"title":"Akira","categories":["Manga"]}"#).await;
    let limit = Instant::now() + Duration::from_secs(30);
    while other.total().await != total + 1 {
        assert!(Instant::now() < limit, "the other replica does not show the book");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let categories = ListCategoriesRequest {};
    let seen = one.catalogue().await.list_categories(categories).await.unwrap().into_inner();
    assert_eq!(other.catalogue().await.list_categories(categories).await.unwrap().into_inner(), seen);
    let answer = other.recommendations().await.recommend(request(1_000, 3)).await.unwrap().into_inner();
    assert_eq!(answer.recommendations[0].title, "Akira");

    // A page may begin at one and go on at the other.
    let list = |page_token| ListBooksRequest { category: None, page_size: 10, page_token };
    let first = one.catalogue().await.list_books(list(String::new())).await.unwrap().into_inner();
    let token = first.next_page_token;
    let second = one.catalogue().await.list_books(list(token.clone())).await.unwrap().into_inner();
    assert_eq!(other.catalogue().await.list_books(list(token)).await.unwrap().into_inner(), second);
    let search = |page_token| SearchBooksRequest { query: "the".to_owned(), page_size: 10, page_token };
    let first = one.catalogue().await.search_books(search(String::new())).await.unwrap().into_inner();
    let token = first.next_page_token;
    let second = one.catalogue().await.search_books(search(token.clone())).await.unwrap().into_inner();
    assert_eq!(other.catalogue().await.search_books(search(token)).await.unwrap().into_inner(), second);
}
