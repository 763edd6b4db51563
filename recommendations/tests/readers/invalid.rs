//! What is refused, and with which fields.

use protobufs::readers::{
    DismissRequest, EraseReaderRequest, ExportHistoryRequest, ListHistoryRequest, OwnRequest, RateRequest,
    ShelveRequest, UndismissRequest, UnrateRequest,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{Server, rating};

fn fields(status: &Status) -> Vec<(String, String)> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| (violation.field, violation.description)).collect()
}

fn names(status: &Status) -> Vec<String> {
    fields(status).into_iter().map(|(field, _)| field).collect()
}

#[tokio::test]
async fn all_that_is_wrong_is_named_at_once() {
    let server = Server::over("sqlite::memory:", &[]).await;
    let mut client = server.readers().await;
    for (request, expected) in [
        (RateRequest::default(), vec!["reader_id", "book_id", "stars"]),
        (rating(-1, 1, 5.0), vec!["reader_id"]),
        (rating(1, i32::MIN, 5.0), vec!["book_id"]),
        (
            RateRequest {
                request_id: "ü".repeat(65),
                recommendation_id: "a\0b".to_owned(),
                ..rating(1, 1, f32::NAN)
            },
            vec!["stars", "request_id", "recommendation_id"],
        ),
    ] {
        assert_eq!(names(&client.rate(request).await.unwrap_err()), expected);
    }
    for stars in [-0.5, 0.0, 0.25, 3.3, 5.5, f32::INFINITY] {
        let status = client.rate(rating(1, 1, stars)).await.unwrap_err();
        assert_eq!(fields(&status), [("stars".to_owned(), "must be 0.5 to 5 in halves".to_owned())]);
    }
    let ids = ["reader_id", "book_id"];
    assert_eq!(names(&client.unrate(UnrateRequest::default()).await.unwrap_err()), ids);
    assert_eq!(names(&client.dismiss(DismissRequest::default()).await.unwrap_err()), ids);
    assert_eq!(names(&client.undismiss(UndismissRequest::default()).await.unwrap_err()), ids);
    assert_eq!(names(&client.own(OwnRequest::default()).await.unwrap_err()), ids);
    let shelve = ShelveRequest { reader_id: 1, book_id: 1, shelf: 5, ..ShelveRequest::default() };
    assert_eq!(names(&client.shelve(shelve).await.unwrap_err()), ["shelf"]);
    let shelve = ShelveRequest { reader_id: 1, book_id: 1, shelf: -1, ..ShelveRequest::default() };
    assert_eq!(names(&client.shelve(shelve).await.unwrap_err()), ["shelf"]);
    let list = ListHistoryRequest { reader_id: 0, page_size: -1, page_token: "x".to_owned() };
    let expected = ["reader_id", "page_size", "page_token"];
    assert_eq!(names(&client.list_history(list).await.unwrap_err()), expected);
    let status = client.erase_reader(EraseReaderRequest { reader_id: 0 }).await.unwrap_err();
    assert_eq!(fields(&status), [("reader_id".to_owned(), "must be at least 1".to_owned())]);
    let status = client.export_history(ExportHistoryRequest { reader_id: -1 }).await.unwrap_err();
    assert_eq!(names(&status), ["reader_id"]);
}

#[tokio::test]
async fn a_book_must_be_in_the_catalogue() {
    let server = Server::over("sqlite::memory:", &[]).await;
    let mut client = server.readers().await;
    let status = client.rate(rating(1, i32::MAX, 5.0)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "Book not found"));
    let own = OwnRequest { reader_id: 1, book_id: i32::MAX, owned: true, ..OwnRequest::default() };
    assert_eq!(client.own(own).await.unwrap_err().code(), Code::NotFound);
}
