//! What is counted for operators.

use protobufs::{
    models::{GetStatisticsRequest, GetStatisticsResponse, Spread},
    readers::{Entry, EraseReaderRequest, ImportHistoryRequest, RateRequest, Shelf},
};
use tonic::{Code, Status};

use crate::{READERS, Server, on_both, within};

/// Midnight is a bad time for a test: what is of today may be of yesterday by the time it is asked for.
const LATELY: i32 = 3;

impl Server {
    async fn statistics(&self, days: i32) -> Result<GetStatisticsResponse, Status> {
        let request = GetStatisticsRequest { days };
        self.models().await.get_statistics(request).await.map(tonic::Response::into_inner)
    }

    /// Waits for a count that is as it should be: what was counted is given out again for a while.
    async fn counted(
        &self,
        what: &str,
        good: impl Fn(&GetStatisticsResponse) -> bool,
    ) -> GetStatisticsResponse {
        within(20, what, async || {
            let statistics = self.statistics(LATELY).await.unwrap();
            good(&statistics).then_some(statistics)
        })
        .await
    }
}

fn ratings(statistics: &GetStatisticsResponse) -> i64 {
    statistics.days.iter().map(|day| day.ratings).sum()
}

fn is_curve(spread: &Spread) -> bool {
    let ends = [spread.shares.first(), spread.shares.last()] == [Some(&0.0), Some(&1.0)];
    ends && spread.shares.len() == 101 && spread.shares.is_sorted()
}

on_both! {
    async fn what_is_said_is_counted_by_day_and_by_book(place: Place) {
        let server = place.serve(&["--model", "knn-cosine"]).await;
        let empty = server.statistics(0).await.unwrap();
        assert_eq!((empty.days.len(), empty.readers, empty.entries, empty.books), (30, 0, 0, 758));
        assert!(empty.likes.unwrap().shares.is_empty() && empty.recommendations.is_none());
        let days: Vec<i64> = empty.days.iter().map(|day| day.began_at.unwrap().seconds).collect();
        assert!(days.windows(2).all(|two| two[1] - two[0] == 86_400) && days[0] % 86_400 == 0, "{days:?}");

        let server = server.with_ratings().await;
        let total = i64::from(READERS) * 8;
        let all = server.counted("all ratings", |it| ratings(it) == total && it.recommendations.is_some()).await;
        assert_eq!((all.readers, all.entries, all.simulated_readers), (i64::from(READERS), total, 0));
        assert_eq!(all.days.len(), 3);
        let (likes, recommended) = (all.likes.unwrap(), all.recommendations.unwrap());
        assert!(is_curve(&likes) && is_curve(&recommended), "{likes:?} {recommended:?}");
        // Sixty books have all the likes.
        assert!((likes.coverage - 60.0 / 758.0).abs() < 1e-9 && likes.shares[8] == 1.0, "{likes:?}");
        assert_eq!((likes.readers, recommended.readers), (i64::from(READERS), i64::from(READERS)));
        assert!(recommended.gini > 0.5 && recommended.gini < 1.0, "{recommended:?}");
        assert_eq!(all.model_version, server.answering().await);

        // The last change counts, on the day on which it was made.
        let before = all.days.last().unwrap().began_at.unwrap().seconds - 10 * 86_400;
        let at = Some(prost_types::Timestamp { seconds: before, nanos: 0 });
        let read = |book_id| Entry {
            reader_id: 1, book_id, shelf: Shelf::Read.into(), changed_at: at, ..Entry::default()
        };
        let entries = [700, 701].map(|book| ImportHistoryRequest { entry: Some(read(book)), request_id: String::new() });
        let mut readers = server.readers().await;
        readers.import_history(tokio_stream::iter(entries)).await.unwrap();
        server.counted("two more", |it| it.entries == total + 2 && ratings(it) == total).await;
        let long = server.statistics(60).await.unwrap();
        let then = long.days.iter().find(|day| day.began_at.unwrap().seconds == before).unwrap();
        assert_eq!((then.ratings, then.others), (0, 2));
        readers.rate(RateRequest { reader_id: 1, book_id: 700, stars: 4.0, ..RateRequest::default() }).await.unwrap();
        server.counted("one of them has stars today", |it| ratings(it) == total + 1 && it.entries == total + 2).await;

        readers.erase_reader(EraseReaderRequest { reader_id: 1 }).await.unwrap();
        server.counted("one reader less", |it| it.readers == i64::from(READERS) - 1 && ratings(it) == total - 8).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_readers_are_counted_apart() {
    let place = crate::Place::sqlite().unwrap();
    let server = place.serve(&["--simulated-readers", "true", "--model", "popular"]).await;
    let all = within(60, "readers are simulated", async || {
        let statistics = server.statistics(9_999).await.unwrap();
        (statistics.simulated_readers == 400 && statistics.recommendations.is_some()).then_some(statistics)
    })
    .await;
    assert_eq!((all.days.len(), all.readers, all.entries), (366, 0, 0));
    assert_eq!(ratings(&all), 0);
    // Over two years.
    let simulated: i64 = all.days.iter().map(|day| day.simulated).sum();
    assert!(
        simulated > 2_000 && all.days.iter().filter(|day| day.simulated > 0).count() > 300,
        "{simulated}"
    );
    assert!(all.likes.unwrap().coverage > 0.5);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_are_for_those_who_may_see_them() {
    let place = crate::Place::sqlite().unwrap();
    let server = place.serve(&["--token", "a-token-of-the-test"]).await;
    assert_eq!(server.statistics(1).await.unwrap_err().code(), Code::Unauthenticated);
    server.stop().await;
    let server = place.serve(&[]).await;
    assert_eq!(server.statistics(-1).await.unwrap_err().code(), Code::InvalidArgument);
    server.stop().await;
}
