//! The longest books that an import lets in, and indexes that outlive the server.

use std::fs;

use prost::Message as _;
use protobufs::catalogue::{GetBookRequest, ListBooksRequest, SearchBooksRequest};

use crate::{Server, request};

#[tokio::test]
async fn the_longest_books_still_fit_into_answers() {
    const LIMIT: usize = 4 << 20;
    let server = Server::with(&["--sample-catalogue", "false"]).await;
    let long = |letter: char, length| std::iter::repeat_n(letter, length).collect::<String>();
    let names = |letter| (0..20).map(|n| format!("{n:02}{}", long(letter, 198))).collect::<Vec<_>>();
    let file: String = (0..300)
        .map(|n| {
            let book = serde_json::json!({
                "title": format!("{n:03}{}", long('𝕏', 497)), "authors": names('𝕐'), "subjects": names('𝕑'),
                "series": long('𝕊', 200), "categories": (0..8).map(|n| format!("{n}{}", long('𝕔', 199))).collect::<Vec<_>>(),
            });
            format!("{book}\n")
        })
        .collect();
    let report = server.import(file).await;
    assert_eq!((report.new, report.rejected), (300, 0));
    let mut client = server.recommendations().await;
    let answer = client.recommend(request(1_000, 1_000_000)).await.unwrap().into_inner();
    assert!(answer.encoded_len() <= LIMIT && answer.recommendations.len() > 100);
    let mut catalogue = server.catalogue().await;
    let list = ListBooksRequest { page_size: 100, ..ListBooksRequest::default() };
    let answer = catalogue.list_books(list).await.unwrap().into_inner();
    assert!(answer.encoded_len() <= LIMIT && answer.books.len() == 100);
    let search =
        SearchBooksRequest { query: "𝕊".to_owned(), page_size: 100, ..SearchBooksRequest::default() };
    assert_eq!(catalogue.search_books(search).await.unwrap().into_inner().total_size, 300);
}

#[tokio::test]
async fn a_database_in_memory_leaves_nothing_in_the_data_folder() {
    for url in ["sqlite::memory:", ":memory:", "sqlite://books?mode=memory"] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::over(url.to_owned(), folder, &[]).await;
        server.recommendations().await.recommend(request(0, 1)).await.unwrap();
        let folder = server.stop().await;
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{url}");
    }
}

#[tokio::test]
async fn an_old_index_that_cannot_be_removed_does_no_harm() {
    let server = Server::start().await;
    assert!(server.total().await > 0);
    let index = server.data().join("search");
    let search = || SearchBooksRequest { query: "dune".to_owned(), ..SearchBooksRequest::default() };
    // Named like the index of an earlier version, but a file.
    let name = fs::read_dir(&index).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    let odd = index.join(format!("{}-0-1", name.split('-').next().unwrap()));
    fs::write(&odd, "").unwrap();
    server.import(r#"{"id":5000,"title":"Dune Encyclopedia","categories":["science-fiction"]}"#).await;
    let answer = server.catalogue().await.search_books(search()).await.unwrap().into_inner();
    assert!(answer.books.iter().any(|book| book.id == 5000) && odd.exists());
}

#[tokio::test]
async fn the_search_index_survives_a_restart_and_damage() {
    let server = Server::start().await;
    let search = || SearchBooksRequest { query: "dune".to_owned(), ..SearchBooksRequest::default() };
    let expected = server.catalogue().await.search_books(search()).await.unwrap().into_inner();
    let folder = server.data().join("search");
    let names = |folder: &std::path::Path| -> Vec<_> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    let before = names(&folder);
    assert_eq!(before.len(), 1);
    let made = fs::metadata(folder.join(&before[0]).join("meta.json")).unwrap().modified().unwrap();

    let server = Server::run(server.stop().await, &[]).await;
    let answer = server.catalogue().await.search_books(search()).await.unwrap().into_inner();
    assert_eq!((answer.books, names(&folder)), (expected.books.clone(), before.clone()));
    let reopened = fs::metadata(folder.join(&before[0]).join("meta.json")).unwrap().modified().unwrap();
    assert_eq!(reopened, made);

    let data = server.stop().await;
    fs::write(folder.join(&before[0]).join("meta.json"), "damaged").unwrap();
    let server = Server::run(data, &[]).await;
    let answer = server.catalogue().await.search_books(search()).await.unwrap().into_inner();
    assert_eq!((answer.books, names(&folder)), (expected.books, before));

    // A new version gets a new index, and the old one goes.
    server.import(r#"{"id":5000,"title":"Dune Encyclopedia","categories":["science-fiction"]}"#).await;
    let answer = server.catalogue().await.search_books(search()).await.unwrap().into_inner();
    assert!(answer.books.iter().any(|book| book.id == 5000));
    assert_eq!(names(&folder).len(), 1);
    server.catalogue().await.get_book(GetBookRequest { id: 5000 }).await.unwrap();
}
