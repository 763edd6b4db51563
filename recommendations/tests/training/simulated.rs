//! The first run: simulated readers, until there are real ones.

use std::collections::{BTreeMap, BTreeSet};

use protobufs::{
    catalogue::{
        Book, ListBooksRequest, ListCategoriesRequest, ListSimilarBooksRequest,
        catalogue_service_client::CatalogueServiceClient,
    },
    models::ListModelsRequest,
    readers::{
        self, EraseSimulatedReadersRequest, EventKind, ImportHistoryRequest, ListHistoryRequest, RateRequest,
        RecordEventsRequest,
    },
    recommendations::{
        ReasonKind, RecommendationRequest, RecommendationResponse, SessionRating,
        recommendations_client::RecommendationsClient,
    },
};

use recommendations::{
    ratings::{Entry, FIRST_SIMULATED, LAST_READER, Marks},
    store::Store,
};
use tokio::time::{Duration, Instant};
use tokio_stream::StreamExt as _;

use crate::{Place, Server, on_both};

const MODEL: [&str; 4] = ["--model", "knn-cosine", "--train-trials", "1"];

/// What somebody gets who has just said that The Maltese Falcon is good.
async fn newcomer(server: &Server) -> RecommendationResponse {
    let said = SessionRating { book_id: 1, stars: 5.0, ..SessionRating::default() };
    let request = RecommendationRequest {
        all_categories: true,
        max_results: 10,
        session_ratings: vec![said],
        ..RecommendationRequest::default()
    };
    let mut client = RecommendationsClient::new(server.channel().await);
    client.recommend(request).await.unwrap().into_inner()
}

async fn personal(server: &Server) -> RecommendationResponse {
    crate::within(60, "a personal list", async || {
        let answer = newcomer(server).await;
        let liked =
            answer.recommendations.first().is_some_and(|book| book.reason_kind() == ReasonKind::Liked);
        liked.then_some(answer)
    })
    .await
}

/// Stores some real ratings and erases simulated readers, as `shelfwise import ratings` does beside a server that runs: a shop's
/// ratings, however few.
async fn import_beside(place: &Place) {
    let store = Store::connect(&place.url).await.unwrap();
    let entry = |book| Entry { marks: Marks::INTERACTED, changed: 1_700_000_000, ..Entry::nothing(book) };
    let entries: Vec<(u32, Entry)> =
        (1..=12).flat_map(|reader| (1..=5).map(move |book| (reader, entry(book)))).collect();
    let mut writing = store.write_history().await.unwrap();
    writing.write(&entries).await.unwrap();
    writing.commit().await.unwrap();
    // The server has seen the ones and not that the others go.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut writing = store.write_history().await.unwrap();
    writing.erase(FIRST_SIMULATED, LAST_READER).await.unwrap();
    writing.commit().await.unwrap();
    store.close().await;
}

on_both! {
    async fn a_newcomer_gets_a_personal_list_that_says_whom_it_comes_from_and_one_command_ends_that(place: Place) {
        let server = Server::start(&place, &MODEL).await;
        let answer = personal(&server).await;
        assert!(answer.simulated && !answer.model_version.is_empty());
        assert_eq!(answer.recommendations[0].source_book_id, 1);
        let models = server.models().await.list_models(ListModelsRequest {}).await.unwrap().into_inner().models;
        assert!(models.iter().all(|model| model.simulated), "{models:?}");

        let request = EraseSimulatedReadersRequest {};
        let erased = server.readers().await.erase_simulated_readers(request).await.unwrap().into_inner();
        assert_eq!(erased.readers, 400);
        crate::within(10, "no trace", async || {
            let answer = newcomer(&server).await;
            (!answer.simulated && answer.model_version.is_empty()).then_some(())
        })
        .await;
        assert!(server.list().await.is_empty());
        server.stop().await;

        // They do not come back.
        let server = Server::start(&place, &MODEL).await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert!(!newcomer(&server).await.simulated);
        let erased = server.readers().await.erase_simulated_readers(request).await.unwrap().into_inner();
        assert_eq!(erased.readers, 0);
        server.stop().await;
    }

    async fn what_was_erased_halfway_can_be_erased_again(place: Place) {
        let server = Server::start(&place, &MODEL).await;
        assert!(personal(&server).await.simulated);
        server.stop().await;
        // As if the one who erased them had gone before the models went, too.
        let store = Store::connect(&place.url).await.unwrap();
        let mut writing = store.write_history().await.unwrap();
        writing.erase(FIRST_SIMULATED, LAST_READER).await.unwrap();
        writing.commit().await.unwrap();
        store.close().await;

        let server = Server::start(&place, &MODEL).await;
        assert!(newcomer(&server).await.simulated);
        let request = EraseSimulatedReadersRequest {};
        let erased = server.readers().await.erase_simulated_readers(request).await.unwrap().into_inner();
        assert_eq!(erased.readers, 0);
        assert!(server.list().await.is_empty());
        crate::within(10, "no trace", async || (!newcomer(&server).await.simulated).then_some(())).await;
        server.stop().await;
    }

    async fn simulated_readers_make_room_for_real_ones_that_are_imported(place: Place) {
        let server = Server::start(&place, &MODEL).await;
        personal(&server).await;
        server.rate(1..60, 60, 8).await;
        crate::within(60, "a model of real readers", async || {
            let models = server.list().await;
            let real = models.iter().any(|model| model.active && !model.simulated);
            (real && models.iter().all(|model| !model.simulated)).then_some(())
        })
        .await;
        crate::within(5, "an answer of real readers", async || {
            (!personal(&server).await.simulated).then_some(())
        })
        .await;
        server.stop().await;
    }

    async fn an_import_that_breaks_off_has_brought_real_ones_too(place: Place) {
        let server = Server::start(&place, &MODEL).await;
        assert!(personal(&server).await.simulated);
        // Too few to outweigh anybody, and as many as are stored at a time.
        let entry = |row: i32| readers::Entry { reader_id: row / 50 + 1, book_id: row % 50 + 1, stars: 5.0, ..readers::Entry::default() };
        let request = move |row| ImportHistoryRequest { entry: Some(entry(row)), request_id: String::new() };
        let entries = tokio_stream::iter((0..500).map(request)).chain(tokio_stream::pending());
        let mut client = server.readers().await;
        let importing = tokio::spawn(async move { client.import_history(entries).await });
        let mut client = server.readers().await;
        // Before the server takes the stream for one that is silent.
        crate::within(25, "they are stored", async || {
            let request = ListHistoryRequest { reader_id: 10, ..ListHistoryRequest::default() };
            let history = client.list_history(request).await.unwrap().into_inner();
            (history.total_size == 50).then_some(())
        })
        .await;
        assert!(newcomer(&server).await.simulated);
        importing.abort();
        crate::within(60, "models of real readers alone", async || {
            let models = server.list().await;
            (models.iter().all(|model| !model.simulated) && !newcomer(&server).await.simulated).then_some(())
        })
        .await;
        server.stop().await;
    }

    async fn an_import_that_stores_nothing_brings_none(place: Place) {
        let server = Server::start(&place, &MODEL).await;
        assert!(personal(&server).await.simulated);
        let mut client = server.readers().await;
        client.rate(RateRequest { reader_id: 7, book_id: 1, stars: 5.0, ..RateRequest::default() }).await.unwrap();
        // A message that nobody takes is where the stream breaks off.
        let request = ImportHistoryRequest { entry: None, request_id: "x".repeat(16 << 20) };
        let broken = client.import_history(tokio_stream::iter([request])).await.unwrap_err();
        assert_eq!(broken.message(), "The stream broke off");
        assert!(newcomer(&server).await.simulated);
        let request = EraseSimulatedReadersRequest {};
        let erased = client.erase_simulated_readers(request).await.unwrap().into_inner();
        assert_eq!(erased.readers, 400, "they were still there");
        server.stop().await;
    }

    async fn simulated_readers_that_somebody_erases_where_they_are_stored_are_unlearnt_too(place: Place) {
        let server = Server::start(&place, &MODEL).await;
        assert!(personal(&server).await.simulated);
        import_beside(&place).await;
        crate::within(30, "a model of real readers", async || {
            let models = server.list().await;
            let real = models.iter().any(|model| model.active && !model.simulated);
            (real && models.iter().all(|model| !model.simulated)).then_some(())
        })
        .await;
        crate::within(5, "an answer of real readers", async || (!newcomer(&server).await.simulated).then_some(()))
            .await;
        server.stop().await;
    }

    async fn a_process_that_does_not_train_unlearns_them_too(place: Place) {
        let server = Server::start(&place, &MODEL).await;
        personal(&server).await;
        server.stop().await;
        let server = Server::start(&place, &["--train", "false"]).await;
        assert!(newcomer(&server).await.simulated);
        import_beside(&place).await;
        crate::within(10, "no trace", async || {
            let answer = newcomer(&server).await;
            (!answer.simulated && answer.model_version.is_empty() && server.list().await.is_empty()).then_some(())
        })
        .await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_has_a_personal_list_within_five_seconds_of_the_start() {
    let place = Place::sqlite().unwrap();
    let begun = Instant::now();
    // With the settings that everybody has.
    let server = Server::start(&place, &[]).await;
    let answer = personal(&server).await;
    let took = begun.elapsed();
    // Without optimisation, and among other tests, it only is no matter of minutes.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 120 } else { 5 });
    assert!(took < limit, "{took:?}");
    assert!(answer.simulated && answer.recommendations.len() == 10);
    server.stop().await;
}

/// Books that newcomers know.
const WELL_KNOWN: [&str; 20] = [
    "The Dune Chronicles",
    "Nineteen Eighty-Four",
    "Pride and Prejudice",
    "The Hobbit",
    "Harry Potter and the Philosopher's Stone",
    "Murder on the Orient Express",
    "Foundation",
    "A Brief History of Time",
    "Meditations",
    "Jane Eyre",
    "Dracula",
    "The Shining",
    "Gone Girl",
    "In Patagonia",
    "Long Walk to Freedom",
    "The Waste Land",
    "Good to Great",
    "Charlotte's Web",
    "One Hundred Years of Solitude",
    "The Guns of August",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_simulated_readers_teach_looks_sensible_to_a_newcomer() {
    let place = Place::sqlite().unwrap();
    // What is served by default.
    let server = Server::start(&place, &["--train-trials", "1"]).await;
    personal(&server).await;
    let mut catalogue = CatalogueServiceClient::new(server.channel().await);
    let categories =
        catalogue.list_categories(ListCategoriesRequest {}).await.unwrap().into_inner().categories;
    let classics = categories.iter().find(|category| category.slug == "classics").unwrap().number;
    let mut books: BTreeMap<String, Book> = BTreeMap::new();
    let mut request = ListBooksRequest { page_size: 100, ..ListBooksRequest::default() };
    loop {
        let page = catalogue.list_books(request.clone()).await.unwrap().into_inner();
        books.extend(page.books.into_iter().map(|book| (book.title.clone(), book)));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    // That a book has stayed in print says little of what it is like; what it is about does.
    let goes_with = |one: &Book, other: &Book| {
        let shelf = one.categories.iter().any(|it| *it != classics && other.categories.contains(it));
        shelf || one.subjects.iter().any(|subject| other.subjects.contains(subject))
    };
    let mut names = BTreeSet::new();
    let mut of_all = 0;
    for title in WELL_KNOWN {
        let book = &books[title];
        let request = ListSimilarBooksRequest { book_id: book.id, max_results: 10 };
        let answer = catalogue.list_similar_books(request).await.unwrap().into_inner();
        let similar: Vec<&Book> = answer.books.iter().filter_map(|it| it.book.as_ref()).collect();
        assert_eq!(similar.len(), 10, "{title}");
        let shared = similar.iter().filter(|other| goes_with(book, other)).count();
        let titles: Vec<&str> = similar.iter().map(|book| book.title.as_str()).collect();
        assert!(shared > 5, "{title}: {shared} of {titles:?}");
        of_all += shared;
        assert!(!similar.iter().any(|other| other.id == book.id), "{title}");
        // Each answer has a name of its own, by which it can be reported on.
        let report = RecordEventsRequest {
            recommendation_id: answer.recommendation_id.clone(),
            kind: EventKind::Impression.into(),
            book_id: 0,
        };
        let mut readers = server.readers().await;
        let told = readers.record_events(tokio_stream::iter([report])).await.unwrap().into_inner();
        assert_eq!((told.recorded, names.insert(answer.recommendation_id)), (1, true));
    }
    assert!(of_all >= 160, "{of_all} of 200");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_simulate_once() {
    let Some(place) = Place::postgres() else { return };
    let (one, other) = tokio::join!(Server::start(&place, &MODEL), Server::start(&place, &MODEL));
    personal(&one).await;
    personal(&other).await;
    let request = EraseSimulatedReadersRequest {};
    let erased = other.readers().await.erase_simulated_readers(request).await.unwrap().into_inner();
    assert_eq!(erased.readers, 400);
    one.stop().await;
    other.stop().await;
}
