//! Each call, and what it leaves behind.

use protobufs::{
    readers::{
        CreateReaderRequest, Entry, OwnRequest, Shelf, ShelveRequest, UndismissRequest, UnrateRequest,
    },
    recommendations::{RecommendationRequest, recommendations_client::RecommendationsClient},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{dismissal, history, import, rating, stars};

crate::on_both! {
    async fn what_is_said_is_known(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        client.rate(rating(7, 1, 4.5)).await.unwrap();
        client.rate(rating(7, 2, 0.5)).await.unwrap();
        client.rate(rating(8, 1, 3.0)).await.unwrap();
        client.rate(rating(7, 1, 5.0)).await.unwrap();
        assert_eq!(stars(&mut client, 7).await, [(1, 5.0), (2, 0.5)]);
        assert_eq!(stars(&mut client, 8).await, [(1, 3.0)]);
        assert_eq!(stars(&mut client, 9).await, []);

        let unrate = |reader_id, book_id| UnrateRequest { reader_id, book_id, ..UnrateRequest::default() };
        client.unrate(unrate(7, 2)).await.unwrap();
        client.unrate(unrate(7, 2)).await.unwrap();
        client.unrate(unrate(7, 5)).await.unwrap();
        assert_eq!(stars(&mut client, 7).await, [(1, 5.0)]);

        // A dismissal takes the stars, and stars take the dismissal; shelf and ownership stay.
        let shelve = |shelf: Shelf| ShelveRequest {
            reader_id: 7,
            book_id: 1,
            shelf: shelf.into(),
            ..ShelveRequest::default()
        };
        client.shelve(shelve(Shelf::WantToRead)).await.unwrap();
        let own = |owned| OwnRequest { reader_id: 7, book_id: 1, owned, ..OwnRequest::default() };
        client.own(own(true)).await.unwrap();
        client.dismiss(dismissal(7, 1)).await.unwrap();
        let entry = &history(&mut client, 7).await[0];
        assert_eq!(
            (entry.stars, entry.dismissed, entry.shelf(), entry.owned),
            (0.0, true, Shelf::WantToRead, true)
        );
        client.rate(rating(7, 1, 2.5)).await.unwrap();
        let entry = &history(&mut client, 7).await[0];
        assert_eq!((entry.stars, entry.dismissed, entry.owned), (2.5, false, true));
        assert!(entry.changed_at.unwrap().seconds > 1_700_000_000);

        client.dismiss(dismissal(7, 1)).await.unwrap();
        let undismiss = UndismissRequest { reader_id: 7, book_id: 1, ..UndismissRequest::default() };
        client.undismiss(undismiss).await.unwrap();
        client.own(own(false)).await.unwrap();
        assert_eq!(history(&mut client, 7).await[0].shelf(), Shelf::WantToRead);
        client.shelve(shelve(Shelf::Unspecified)).await.unwrap();
        assert_eq!(history(&mut client, 7).await, []);
        server.stop().await;
    }

    async fn an_interaction_without_stars_is_taken_back_like_a_rating(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let met = |book_id| Entry { reader_id: 7, book_id, interacted: true, ..Entry::default() };
        let owned = Entry { owned: true, stars: 4.0, ..met(2) };
        import(&mut client, vec![met(1), owned]).await.unwrap();
        for book_id in [1, 2] {
            client.unrate(UnrateRequest { reader_id: 7, book_id, ..UnrateRequest::default() }).await.unwrap();
        }
        let left = history(&mut client, 7).await;
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!((left[0].book_id, left[0].stars, left[0].interacted, left[0].owned), (2, 0.0, false, true));
        server.stop().await;
        // It is gone from the store, too.
        let server = crate::serve(&database).await;
        assert_eq!(history(&mut server.readers().await, 7).await, left);
        server.stop().await;
    }

    async fn readers_are_numbered_once(database: Database) {
        let server = crate::serve(&database).await;
        let mut numbers = Vec::new();
        for _ in 0..3 {
            let mut client = server.readers().await;
            let creating = (0..20).map(|_| {
                let mut client = client.clone();
                tokio::spawn(async move { client.create_reader(CreateReaderRequest {}).await })
            });
            for creating in creating.collect::<Vec<_>>() {
                numbers.push(creating.await.unwrap().unwrap().into_inner().reader_id);
            }
            numbers.push(client.create_reader(CreateReaderRequest {}).await.unwrap().into_inner().reader_id);
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1_000_000_000..1_000_000_063).collect::<Vec<_>>());
    }

    async fn what_a_reader_knows_is_not_recommended(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let mut recommendations = RecommendationsClient::new(server.channel().await);
        // The tutorial's mysteries are 1 to 3, and many more.
        client.rate(rating(7, 1, 5.0)).await.unwrap();
        client.dismiss(dismissal(7, 2)).await.unwrap();
        let shelve = |book_id, shelf: Shelf| ShelveRequest {
            reader_id: 7,
            book_id,
            shelf: shelf.into(),
            ..ShelveRequest::default()
        };
        client.shelve(shelve(3, Shelf::Reading)).await.unwrap();
        let question = |user_id| RecommendationRequest { user_id, max_results: 10_000, ..Default::default() };
        let mut known = async |user_id| {
            let answer = recommendations.recommend(question(user_id)).await.unwrap().into_inner();
            let mut known: Vec<_> =
                answer.recommendations.iter().map(|book| book.id).filter(|id| (1..=3).contains(id)).collect();
            known.sort_unstable();
            known
        };
        assert_eq!((known(7).await, known(8).await), (vec![], vec![1, 2, 3]));
        client.shelve(shelve(3, Shelf::WantToRead)).await.unwrap();
        let unrate = UnrateRequest { reader_id: 7, book_id: 1, ..UnrateRequest::default() };
        client.unrate(unrate).await.unwrap();
        assert_eq!(known(7).await, [1, 3]);
    }

    async fn what_stands_on_a_shelf_but_that_of_wishes_or_is_owned_is_never_recommended(database: Database) {
        let server = crate::serve(&database).await;
        let mut client = server.readers().await;
        let mut recommendations = RecommendationsClient::new(server.channel().await);
        let mut recommended = async |book: i32| {
            let question = RecommendationRequest {
                user_id: 7,
                all_categories: true,
                max_results: 10_000,
                ..RecommendationRequest::default()
            };
            let answer = recommendations.recommend(question).await.unwrap().into_inner();
            answer.recommendations.iter().any(|it| it.id == book)
        };
        for (shelf, shown) in [
            (Shelf::WantToRead, true),
            (Shelf::Reading, false),
            (Shelf::Read, false),
            (Shelf::DidNotFinish, false),
            (Shelf::Unspecified, true),
        ] {
            let shelve =
                ShelveRequest { reader_id: 7, book_id: 5, shelf: shelf.into(), ..ShelveRequest::default() };
            client.shelve(shelve).await.unwrap();
            assert_eq!(recommended(5).await, shown, "{shelf:?}");
        }
        for (owned, shown) in [(true, false), (false, true)] {
            let own = OwnRequest { reader_id: 7, book_id: 6, owned, ..OwnRequest::default() };
            client.own(own).await.unwrap();
            assert_eq!(recommended(6).await, shown, "owned: {owned}");
        }
        // What is owned stays out, whatever else is wished.
        client.own(OwnRequest { reader_id: 7, book_id: 6, owned: true, ..OwnRequest::default() }).await.unwrap();
        let wish = ShelveRequest {
            reader_id: 7,
            book_id: 6,
            shelf: Shelf::WantToRead.into(),
            ..ShelveRequest::default()
        };
        client.shelve(wish).await.unwrap();
        assert!(!recommended(6).await);
        server.stop().await;
    }
}

#[tokio::test]
async fn health_knows_the_service() {
    let server = crate::Server::over("sqlite::memory:", &[]).await;
    let mut health = HealthClient::new(server.channel().await);
    let service = "shelfwise.readers.v1.ReadersService".to_owned();
    let answer = health.check(HealthCheckRequest { service }).await.unwrap().into_inner();
    assert_eq!(answer.status, 1);
}
