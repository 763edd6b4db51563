//! The line that jobs wait in, and how they end before their end.

use std::time::Duration;

use protobufs::models::{CancelJobRequest, JobState, ListJobsRequest, TrainRequest, WatchJobRequest};
use tokio::time::Instant;
use tonic::Code;

use crate::on_both;

/// Enough to keep an unoptimised ALS busy for several seconds.
const BUSY: (i32, i32, i32) = (1_500, 600, 60);

on_both! {
    async fn a_running_job_that_is_cancelled_stops_and_the_next_one_has_its_turn(place: Place) {
        let server = place.serve(&["--model", "popular"]).await;
        server.rate(1..BUSY.0, BUSY.1, BUSY.2).await;
        crate::within(60, "the first model", async || (!server.answering().await.is_empty()).then_some(())).await;
        let before = server.answering().await;
        let job = server.schedule("als").await;
        crate::within(30, "it trains", async || {
            let job = server.job(job.id).await;
            assert!(job.state() <= JobState::Running, "too fast for this test: {job:?}");
            (job.state() == JobState::Running && job.progress > 0.1).then_some(())
        })
        .await;
        let cancelled = server.cancel(job.id).await;
        assert_eq!(cancelled.state(), JobState::Cancelled, "{cancelled:?}");
        assert!(cancelled.ended_at.is_some() && cancelled.model_version.is_empty());
        assert_eq!(server.answering().await, before);
        // The next one has its turn.
        assert_eq!(server.train("popular").await.state(), JobState::Succeeded);
        server.stop().await;
    }

    async fn a_hundred_wait_in_line_in_a_process_that_does_not_train(place: Place) {
        let server = place.serve(&["--train", "false"]).await;
        let mut client = server.models().await;
        let request = TrainRequest { model: "popular".to_owned(), force: false };
        for number in 1..=100 {
            let job = client.train(request.clone()).await.unwrap().into_inner().job.unwrap();
            assert_eq!((job.id, job.state()), (number, JobState::Scheduled));
        }
        let full = client.train(request.clone()).await.unwrap_err();
        assert_eq!(full.code(), Code::ResourceExhausted, "{full:?}");

        let cancelled = client.cancel_job(CancelJobRequest { id: 40 }).await.unwrap().into_inner().job.unwrap();
        assert_eq!((cancelled.state(), cancelled.started_at), (JobState::Cancelled, None));
        let again = client.cancel_job(CancelJobRequest { id: 40 }).await.unwrap_err();
        assert_eq!(again.code(), Code::FailedPrecondition);
        assert_eq!(client.cancel_job(CancelJobRequest { id: 900 }).await.unwrap_err().code(), Code::NotFound);
        // There is room for one again.
        client.train(request).await.unwrap();

        let mut ids = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = ListJobsRequest { page_size: 30, page_token, ended: false };
            let page = client.list_jobs(page).await.unwrap().into_inner();
            assert!(page.jobs.len() <= 30 && page.open.is_empty());
            ids.extend(page.jobs.into_iter().map(|job| job.id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert!(ids.iter().is_sorted_by(|a, b| a > b));
        assert_eq!((ids.len(), ids.last()), (101, Some(&1)), "no job twice, none missing");
        let wrong = ListJobsRequest { page_token: "abc".to_owned(), ..ListJobsRequest::default() };
        assert_eq!(client.list_jobs(wrong).await.unwrap_err().code(), Code::InvalidArgument);

        // Those that have ended by themselves, page by page, and on each of these all others.
        for id in [1, 101] {
            client.cancel_job(CancelJobRequest { id }).await.unwrap();
        }
        let mut pages = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = ListJobsRequest { page_size: 2, page_token, ended: true };
            let page = client.list_jobs(page).await.unwrap().into_inner();
            let open: Vec<i64> = page.open.iter().map(|job| job.id).collect();
            assert_eq!(open, (2..101).filter(|id| *id != 40).collect::<Vec<_>>());
            pages.push(page.jobs.iter().map(|job| job.id).collect::<Vec<_>>());
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(pages, [vec![101, 40], vec![1]]);

        // Whoever watches hears of the end of the job, or of the server's.
        let mut news = client.watch_job(WatchJobRequest { id: 2 }).await.unwrap().into_inner();
        assert_eq!(news.message().await.unwrap().unwrap().job.unwrap().state(), JobState::Scheduled);
        let begun = Instant::now();
        server.stop().await;
        assert_eq!(news.message().await.unwrap(), None, "the stream ends in order");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
