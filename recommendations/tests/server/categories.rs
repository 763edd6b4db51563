use protobufs::catalogue::{ListBooksRequest, ListCategoriesRequest};
use recommendations::catalogue::FIXED_CATEGORIES;

use crate::{Server, request};

#[tokio::test]
async fn all_are_listed_with_counts() {
    let server = Server::with(&["--sample-catalogue", "false"]).await;
    let mut client = server.catalogue().await;
    let answer = client.list_categories(ListCategoriesRequest {}).await.unwrap().into_inner();
    let found: Vec<_> =
        answer.categories.iter().map(|it| (it.number, it.slug.as_str(), it.name.as_str())).collect();
    assert_eq!(found, FIXED_CATEGORIES);
    assert_eq!((answer.total_books, answer.categories.iter().map(|it| it.books).sum::<i32>()), (0, 0));
    server
        .import(
            r#"{"title":"A","categories":["mystery","poetry"]}
            {"title":"B","categories":["mystery"]}"#,
        )
        .await;
    let answer = client.list_categories(ListCategoriesRequest {}).await.unwrap().into_inner();
    let counts: Vec<_> = answer.categories.iter().map(|it| it.books).filter(|&books| books > 0).collect();
    assert_eq!((answer.total_books, counts), (2, vec![2, 1]));
}

#[tokio::test]
async fn a_shops_own_category_is_recommended_from_by_its_number() {
    let server = Server::start().await;
    server
        .import(
            r#"{"title":"Akira","authors":["Katsuhiro Otomo"],"categories":["Manga","science-fiction"]}
            {"title":"One Piece","authors":["Eiichirō Oda"],"categories":["Manga"]}"#,
        )
        .await;
    let (mut client, mut catalogue) = (server.recommendations().await, server.catalogue().await);
    let categories =
        catalogue.list_categories(ListCategoriesRequest {}).await.unwrap().into_inner().categories;
    let manga = categories.iter().find(|category| category.slug == "manga").unwrap();
    assert_eq!((manga.number, manga.name.as_str(), manga.books), (1_000, "Manga", 2));
    let answer = client.recommend(request(1_000, 10)).await.unwrap().into_inner();
    let mut titles: Vec<_> = answer.recommendations.iter().map(|book| book.title.as_str()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["Akira", "One Piece"]);
    let list = ListBooksRequest { category: Some(1_000), ..ListBooksRequest::default() };
    assert_eq!(catalogue.list_books(list).await.unwrap().into_inner().total_size, 2);
}
