//! Reasons over the wire, of a model whose numbers are known: what a score owes most to is what is told.

use crate::{Place, Server, by_hand, on_both};
use protobufs::{
    catalogue::{ListSimilarBooksRequest, SimilarityKind, catalogue_service_client::CatalogueServiceClient},
    recommendations::{
        BookRecommendation, ReasonKind, RecommendationRequest, SessionRating,
        recommendations_client::RecommendationsClient,
    },
};

/// The model knows the catalogue's books from 1 on.
const KNOWN: usize = 45;
/// What a reader of the test has liked.
const LIKED: [i32; 4] = [1, 2, 3, 4];
/// What being popular adds to the score of the most popular book, which is the last one.
const PRIOR: f32 = 0.5;

fn popularity() -> Vec<f32> {
    (1..=KNOWN).map(|book| book as f32).collect()
}

/// Who speaks for the book at this place, and how strongly: for some one book, for some all of those that are liked, for some
/// none, whatever they are worth to everybody.
fn row(place: usize) -> Vec<(u32, f32)> {
    match place {
        0..4 => Vec::new(),
        _ if place.is_multiple_of(3) => vec![(place as u32 % 4, 0.7), ((place as u32 + 1) % 4, 0.1)],
        _ if place % 3 == 1 => (0..4).map(|liked| (liked, 0.16 + 0.01 * liked as f32)).collect(),
        _ if place.is_multiple_of(2) => vec![(place as u32 % 4, 0.05)],
        _ => Vec::new(),
    }
}

/// Lets a blend of those numbers answer.
async fn answering(place: &Place) -> Server {
    by_hand::write(place, "made-by-hand", by_hand::parts(popularity(), PRIOR, row));
    let server = place.serve(&[]).await;
    by_hand::activate(&server, "made-by-hand").await;
    server
}

async fn ask(server: &Server, liked: &[i32]) -> Vec<BookRecommendation> {
    let said = |&book_id: &i32| SessionRating { book_id, stars: 5.0, ..SessionRating::default() };
    let request = RecommendationRequest {
        all_categories: true,
        max_results: 50,
        session_ratings: liked.iter().map(said).collect(),
        seed: Some(1),
        uncapped: true,
        ..RecommendationRequest::default()
    };
    let mut client = RecommendationsClient::new(server.channel().await);
    client.recommend(request).await.unwrap().into_inner().recommendations
}

on_both! {
    async fn taking_out_the_named_book_costs_most_and_where_being_popular_counts_more_that_is_the_reason(place: Place) {
        let server = answering(&place).await;
        let all = ask(&server, &LIKED).await;
        let mut without = Vec::new();
        for out in LIKED {
            let rest: Vec<i32> = LIKED.into_iter().filter(|book| *book != out).collect();
            without.push((out, ask(&server, &rest).await));
        }
        let mut told = [0; 3];
        for book in all.iter().filter(|book| (5..=KNOWN as i32).contains(&book.id)) {
            // What the score is without each book, as long as the list still shows it.
            let losses: Vec<(i32, f32)> = without
                .iter()
                .filter_map(|(out, list)| {
                    let after = list.iter().find(|other| other.id == book.id)?;
                    Some((*out, book.score - after.score))
                })
                .collect();
            assert_eq!(losses.len(), LIKED.len(), "{book:?}");
            let popular = PRIOR * book.id as f32 / KNOWN as f32;
            let history: f32 = losses.iter().map(|(_, loss)| loss).sum();
            assert!((book.score - history - popular).abs() < 1e-4, "{book:?} {history} {popular}");
            let most = losses.iter().map(|(_, loss)| *loss).fold(0.0, f32::max);
            match book.reason_kind() {
                ReasonKind::Liked => {
                    told[0] += 1;
                    let loss = losses.iter().find(|(out, _)| *out == book.source_book_id).unwrap().1;
                    assert!((loss - most).abs() < 1e-4 && (loss - book.contribution).abs() < 1e-4, "{book:?}");
                    assert!(loss >= popular - 1e-4, "{book:?} {popular}");
                }
                ReasonKind::Taste => {
                    told[1] += 1;
                    assert!(most < popular + 1e-4 && popular < history + 1e-4, "{book:?} {losses:?} {popular}");
                }
                ReasonKind::Popular => {
                    told[2] += 1;
                    assert!(popular > history - 1e-4, "{book:?} {losses:?} {popular}");
                }
                other => panic!("{other:?}: {book:?}"),
            }
            let named = book.reason_kind() == ReasonKind::Liked;
            assert_eq!((book.source_book_id > 0, book.contribution > 0.0), (named, named), "{book:?}");
        }
        assert!(told.iter().all(|count| *count >= 5), "each is told of some: {told:?}");
        server.stop().await;
    }

    async fn nobody_is_said_to_like_what_is_only_on_a_shelf(place: Place) {
        let server = answering(&place).await;
        let mut client = RecommendationsClient::new(server.channel().await);
        let stars = [(5.0, 0, "Because you liked "), (5.0, 1, "Because you liked ")];
        let none = [(1, "Because you want to read "), (2, "Because you are reading "), (3, "Because you read ")];
        for (stars, shelf, start) in stars.into_iter().chain(none.map(|(shelf, start)| (0.0, shelf, start))) {
            let said = |book_id: i32| SessionRating { book_id, stars, shelf, ..SessionRating::default() };
            let request = RecommendationRequest {
                all_categories: true,
                max_results: 50,
                session_ratings: LIKED.map(said).to_vec(),
                uncapped: true,
                ..RecommendationRequest::default()
            };
            let all = client.recommend(request).await.unwrap().into_inner().recommendations;
            let reasons = all.iter().filter(|book| book.reason_kind() == ReasonKind::Liked);
            let reasons: Vec<&str> = reasons.map(|book| book.reason.as_str()).collect();
            assert!(reasons.len() >= 5 && reasons.iter().all(|told| told.starts_with(start)), "{start}: {reasons:?}");
        }
        server.stop().await;
    }

    async fn what_is_popular_is_not_similar_for_that(place: Place) {
        let server = answering(&place).await;
        let mut catalogue = CatalogueServiceClient::new(server.channel().await);
        for liked in LIKED {
            let request = ListSimilarBooksRequest { book_id: liked, max_results: 50 };
            let similar = catalogue.list_similar_books(request).await.unwrap().into_inner().books;
            let mut readers = 0;
            for it in similar.iter().filter(|it| it.kind() == SimilarityKind::Readers) {
                readers += 1;
                let place = it.book.as_ref().unwrap().id as usize - 1;
                let weight = row(place).into_iter().find(|(book, _)| *book as i32 + 1 == liked);
                let (_, weight) = weight.unwrap_or_else(|| panic!("nobody who liked {liked} said so: {it:?}"));
                assert!((it.score - weight).abs() < 1e-5, "its likeness and nothing else: {it:?}");
            }
            assert!(readers >= 10, "{readers}");
        }
        server.stop().await;
    }
}
