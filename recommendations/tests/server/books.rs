use std::collections::BTreeSet;

use protobufs::catalogue::{Book, GetBookRequest, ListBooksRequest, Series};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::Server;

#[tokio::test]
async fn a_book_is_whole() {
    let server = Server::with(&["--sample-catalogue", "false"]).await;
    server
        .import(
            r#"{"id":1,"title":"The Maltese Falcon","title_language":"en","authors":["Dashiell Hammett"],"year":1930,"language":"en","series":"Sam Spade","series_number":1,"categories":["mystery","classics"],"subjects":["San Francisco"],"isbn13":"9780679722649"}
            {"id":2,"title":"Untitled","categories":["poetry"]}"#,
        )
        .await;
    let mut client = server.catalogue().await;
    let book = client.get_book(GetBookRequest { id: 1 }).await.unwrap().into_inner().book.unwrap();
    let expected = Book {
        id: 1,
        title: "The Maltese Falcon".to_owned(),
        title_language: "en".to_owned(),
        authors: vec!["Dashiell Hammett".to_owned()],
        year: Some(1930),
        language: "en".to_owned(),
        series: Some(Series { name: "Sam Spade".to_owned(), number: Some(1.0) }),
        categories: vec![0, 13],
        subjects: vec!["San Francisco".to_owned()],
        isbn13: "9780679722649".to_owned(),
    };
    assert_eq!(book, expected);
    let book = client.get_book(GetBookRequest { id: 2 }).await.unwrap().into_inner().book.unwrap();
    assert_eq!((book.year, book.series, book.isbn13.as_str()), (None, None, ""));
    for (id, code) in [
        (3, Code::NotFound),
        (i32::MAX, Code::NotFound),
        (0, Code::InvalidArgument),
        (-1, Code::InvalidArgument),
    ] {
        assert_eq!(client.get_book(GetBookRequest { id }).await.unwrap_err().code(), code, "{id}");
    }
}

/// All books on the pages of a list, and how many pages there are.
async fn pages(server: &Server, category: Option<i32>, page_size: i32) -> (Vec<Book>, usize) {
    let mut client = server.catalogue().await;
    let (mut books, mut token) = (Vec::new(), String::new());
    for page in 1.. {
        let request = ListBooksRequest { category, page_size, page_token: token };
        let answer = client.list_books(request).await.unwrap().into_inner();
        assert!(!answer.books.is_empty());
        books.extend(answer.books);
        token = answer.next_page_token;
        if token.is_empty() {
            assert_eq!(books.len(), usize::try_from(answer.total_size).unwrap());
            return (books, page);
        }
    }
    unreachable!()
}

#[tokio::test]
async fn pages_hold_every_book_once_in_the_order_of_titles() {
    let server = Server::start().await;
    for (category, page_size, of_a_page) in
        [(None, 0, 24), (None, 1_000, 100), (Some(0), 7, 7), (Some(13), 100, 100)]
    {
        let (books, pages) = pages(&server, category, page_size).await;
        assert_eq!(pages, books.len().div_ceil(of_a_page));
        assert_eq!(books.iter().map(|book| book.id).collect::<BTreeSet<_>>().len(), books.len());
        let titles: Vec<_> = books.iter().map(|book| recommendations::catalogue::fold(&book.title)).collect();
        assert!(titles.is_sorted());
        assert!(category.is_none_or(|category| books.iter().all(|book| book.categories.contains(&category))));
    }
}

#[tokio::test]
async fn bad_pages_are_refused_with_their_fields() {
    let server = Server::start().await;
    let mut client = server.catalogue().await;
    let list = |category, page_size, page_token: &str| ListBooksRequest {
        category,
        page_size,
        page_token: page_token.to_owned(),
    };
    let token = client.list_books(list(Some(0), 10, "")).await.unwrap().into_inner().next_page_token;
    let cut = &token[..31];
    for (request, fields) in [
        (list(Some(0), -1, ""), vec!["page_size"]),
        (list(Some(0), 1, "24"), vec!["page_token"]),
        (list(Some(0), 1, cut), vec!["page_token"]),
        (list(Some(1), 1, &token), vec!["page_token"]),
        (list(None, -5, &token), vec!["page_size", "page_token"]),
    ] {
        let status = client.list_books(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), fields);
    }
    let status = client.list_books(list(Some(77), 1, "")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "Category not found"));
}

#[tokio::test]
async fn paging_goes_on_in_a_catalogue_that_changed() {
    let server = Server::with(&["--sample-catalogue", "false"]).await;
    let line =
        |id: i32, title: &str| format!("{{\"id\":{id},\"title\":\"{title}\",\"categories\":[\"poetry\"]}}\n");
    server
        .import(["B", "D", "F", "H"].iter().zip(1..).map(|(title, id)| line(id, title)).collect::<String>())
        .await;
    let mut client = server.catalogue().await;
    let list = |page_token: &str| ListBooksRequest {
        category: Some(10),
        page_size: 2,
        page_token: page_token.to_owned(),
    };
    let first = client.list_books(list("")).await.unwrap().into_inner();
    assert_eq!(first.books.iter().map(|book| book.title.as_str()).collect::<Vec<_>>(), ["B", "D"]);
    // One before the place and one behind it.
    server.import(line(5, "A") + &line(6, "E")).await;
    let second = client.list_books(list(&first.next_page_token)).await.unwrap().into_inner();
    assert_eq!(second.books.iter().map(|book| book.title.as_str()).collect::<Vec<_>>(), ["E", "F"]);
}
