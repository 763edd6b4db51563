//! What starts a training by itself.

use std::time::Duration;

use protobufs::models::{Job, JobState, ListJobsRequest};
use recommendations::store::{Cause, JobState as Stored, NewJob, Scheduled, Store};

use crate::{Place, Server, on_both};

async fn jobs(server: &Server) -> Vec<Job> {
    server.models().await.list_jobs(ListJobsRequest::default()).await.unwrap().into_inner().jobs
}

async fn ended(server: &Server, cause: &str, count: usize) -> Vec<Job> {
    crate::within(30, cause, async || {
        let jobs = jobs(server).await;
        let of_cause = jobs.into_iter().filter(|job| job.cause == cause && job.state() > JobState::Running);
        let of_cause: Vec<_> = of_cause.collect();
        (of_cause.len() >= count).then_some(of_cause)
    })
    .await
}

on_both! {
    async fn the_first_rating_and_then_enough_of_them_start_a_training(place: Place) {
        let server = place.serve(&["--train-after", "500", "--model", "popular"]).await;
        server.rate(1..21, 60, 5).await;
        let first = ended(&server, "start", 1).await;
        assert_eq!(first[0].state(), JobState::Succeeded, "{first:?}");
        // So few are soon twice as many.
        server.rate(100..121, 60, 5).await;
        ended(&server, "ratings", 1).await;
        // Then it takes what the setting says.
        server.rate(200..305, 60, 5).await;
        ended(&server, "ratings", 2).await;
        server.rate(400..420, 60, 5).await;
        let schedule_again = ended(&server, "ratings", 2).await;
        assert_eq!(schedule_again.len(), 2, "{schedule_again:?}");
        server.stop().await;
    }

    async fn a_training_that_brings_no_model_is_followed_by_another_if_something_was_said_meanwhile(place: Place) {
        let store = Store::connect(&place.url).await.unwrap();
        let new = NewJob { model: "popular", cause: Cause::Call, force: false, changes: 0 };
        let Scheduled::Job(job) = store.schedule(new).await.unwrap() else { panic!("it waits") };
        assert!(store.claim(job.id, "elsewhere").await.unwrap());
        let server = place.serve(&["--model", "popular"]).await;
        server.rate(1..21, 60, 5).await;
        // The server looks for reasons to train every second, and finds one that waits for the other's end.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(jobs(&server).await.len(), 1);
        store.end_job(job.id, "elsewhere", Stored::Failed, "it had learnt from who is gone", "").await.unwrap();
        assert_eq!(ended(&server, "start", 1).await[0].state(), JobState::Succeeded);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_starts_one_training_however_many_processes_look_at_it() {
    let Some(place) = Place::postgres() else { return };
    let settings = ["--train-schedule", "* * * * * *", "--model", "popular"];
    let (one, other) = tokio::join!(place.serve(&settings), place.serve(&settings));
    one.rate(1..21, 60, 5).await;
    let jobs = ended(&one, "schedule", 3).await;
    let mut seconds: Vec<i64> = jobs.iter().map(|job| job.created_at.unwrap().seconds).collect();
    seconds.dedup();
    assert!(seconds.len() + 1 >= jobs.len(), "one a second: {seconds:?}");
    one.stop().await;
    other.stop().await;
}

#[test]
fn a_schedule_that_never_comes_is_refused_by_its_name() {
    use clap::Parser as _;

    for (setting, value) in [
        ("--train-schedule", "every morning"),
        ("--train-schedule", ""),
        ("--model", "oracle"),
        ("--quality-margin", "2"),
        ("--kept-models", "0"),
        ("--train-threads", "0"),
        ("--objects-url", ""),
    ] {
        let refused = recommendations::Config::try_parse_from(["recommendations", setting, value]);
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(setting), "{error}");
    }
}
