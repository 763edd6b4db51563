//! Two servers over one database see each other's readers, within two seconds on a machine that does nothing else.

use std::{collections::BTreeSet, time::Duration};

use protobufs::{
    readers::{CreateReaderRequest, EraseReaderRequest, UnrateRequest},
    recommendations::{RecommendationRequest, Strategy, recommendations_client::RecommendationsClient},
};

use crate::{Client, rating, stars, within};

const SOON: Duration = Duration::from_secs(20);

async fn sees(client: &mut Client, reader: i32, expected: Vec<(i32, f32)>) {
    within(SOON, expected, async || stars(&mut client.clone(), reader).await).await;
}

crate::on_both! {
    async fn changes_and_removals_and_erasures(database: Database) {
        let (one, other) = (crate::serve(&database).await, crate::serve(&database).await);
        let (mut one, mut other) = (one.readers().await, other.readers().await);
        one.rate(rating(7, 1, 5.0)).await.unwrap();
        one.rate(rating(7, 2, 1.0)).await.unwrap();
        sees(&mut other, 7, vec![(1, 5.0), (2, 1.0)]).await;
        other.unrate(UnrateRequest { reader_id: 7, book_id: 1, ..UnrateRequest::default() }).await.unwrap();
        sees(&mut one, 7, vec![(2, 1.0)]).await;
        other.rate(rating(8, 3, 2.0)).await.unwrap();
        one.erase_reader(EraseReaderRequest { reader_id: 7 }).await.unwrap();
        sees(&mut other, 7, vec![]).await;
        sees(&mut one, 8, vec![(3, 2.0)]).await;
        other.rate(rating(7, 4, 3.0)).await.unwrap();
        sees(&mut one, 7, vec![(4, 3.0)]).await;
        let create = CreateReaderRequest {};
        let first = one.create_reader(create).await.unwrap().into_inner().reader_id;
        assert_eq!(other.create_reader(create).await.unwrap().into_inner().reader_id, first + 1);
    }

    async fn a_rating_at_one_changes_what_the_other_recommends(database: Database) {
        let (one, other) = (crate::serve(&database).await, crate::serve(&database).await);
        let mut readers = one.readers().await;
        let recommendations = RecommendationsClient::new(other.channel().await);
        // Whether a book is in the list, and which ones are said to be the reason of others.
        let list = async |book: i32| {
            let request = RecommendationRequest {
                user_id: 7,
                all_categories: true,
                max_results: 1_000,
                strategy: Strategy::Content.into(),
                exploration: Some(0.0),
                ..RecommendationRequest::default()
            };
            let answer = recommendations.clone().recommend(request).await.unwrap().into_inner();
            let books = answer.recommendations;
            let sources: BTreeSet<i32> = books.iter().map(|it| it.source_book_id).filter(|id| *id > 0).collect();
            (books.iter().any(|it| it.id == book), sources)
        };
        assert_eq!(list(1).await, (true, BTreeSet::new()));
        readers.rate(rating(7, 1, 5.0)).await.unwrap();
        within(SOON, (false, [1].into()), async || list(1).await).await;
        readers.unrate(UnrateRequest { reader_id: 7, book_id: 1, ..UnrateRequest::default() }).await.unwrap();
        within(SOON, (true, BTreeSet::new()), async || list(1).await).await;
    }

    async fn what_is_written_at_both_at_once_agrees(database: Database) {
        let (one, other) = (crate::serve(&database).await, crate::serve(&database).await);
        let clients = [one.readers().await, other.readers().await];
        let writing: Vec<_> = (0..16)
            .map(|n: u8| {
                let mut client = clients[usize::from(n % 2)].clone();
                tokio::spawn(async move {
                    for book in 1..=50 {
                        // All the same reader: the last one to be stored counts, at both.
                        client.rate(rating(7, book, f32::from(n % 10 + 1) / 2.0)).await.unwrap();
                    }
                })
            })
            .collect();
        for writing in writing {
            writing.await.unwrap();
        }
        let [mut one, mut other] = clients;
        within(SOON, true, async || {
            let seen = stars(&mut one, 7).await;
            seen.len() == 50 && stars(&mut other, 7).await == seen
        })
        .await;
    }
}
