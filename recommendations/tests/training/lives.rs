//! What becomes of jobs whose process dies.

use std::time::Duration;

use clap::Parser as _;
use protobufs::{models::JobState, readers::EraseReaderRequest};
use recommendations::{
    Config,
    store::{Cause, JobState as Stored, NewJob, Scheduled, Store},
};
use sqlx::{Connection as _, PgConnection};

use crate::{BOOKS, Place, READERS, on_both};

/// A process that begins a job and dies in the middle: nothing but its claim is left.
async fn begin_and_die(store: &Store, id: i64) {
    crate::within(60, "the job waits", async || store.claim(id, "dead").await.unwrap().then_some(())).await;
}

on_both! {
    async fn a_job_whose_process_died_begins_again_once(place: Place) {
        let server = place.serve(&[]).await.with_ratings().await;
        server.stop().await;
        let store = Store::connect(&place.url).await.unwrap();
        let new = NewJob { model: "popular", cause: Cause::Call, force: true, changes: 0 };
        let mut ids = Vec::new();
        for _ in 0..2 {
            let Scheduled::Job(job) = store.schedule(new).await.unwrap() else { panic!("it waits") };
            ids.push(job.id);
        }
        begin_and_die(&store, ids[0]).await;
        // One at a time: the dead one's turn is not over.
        assert!(!store.claim(ids[1], "other").await.unwrap());
        assert_eq!(store.job(ids[0]).await.unwrap().unwrap().state, Stored::Running);

        let server = place.serve(&[]).await;
        let job = server.end_of(ids[0]).await;
        assert_eq!(job.state(), JobState::Succeeded, "{}", job.message);
        assert_eq!(store.job(ids[0]).await.unwrap().unwrap().attempts, 2);
        assert_eq!(server.end_of(ids[1]).await.state(), JobState::Succeeded);
        server.stop().await;
    }

    async fn a_job_that_kills_its_process_twice_has_failed(place: Place) {
        let server = place.serve(&["--train", "false"]).await;
        let store = Store::connect(&place.url).await.unwrap();
        let job = server.schedule("popular").await;
        begin_and_die(&store, job.id).await;
        // The server does not train; it sees that nobody else does, either.
        begin_and_die(&store, job.id).await;
        let job = server.end_of(job.id).await;
        assert_eq!(job.state(), JobState::Failed);
        assert!(job.message.contains("ended in the middle, twice"), "{}", job.message);
        server.stop().await;
    }

    async fn a_job_under_way_waits_for_the_next_start_when_the_server_is_stopped(place: Place) {
        let server = place.serve(&["--model", "popular"]).await;
        server.rate(1..1_500, 600, 60).await;
        crate::within(60, "the first model", async || (!server.answering().await.is_empty()).then_some(())).await;
        let job = server.schedule("als").await;
        crate::within(30, "it trains", async || {
            (server.job(job.id).await.state() == JobState::Running).then_some(())
        })
        .await;
        tokio::time::timeout(Duration::from_secs(30), server.stop()).await.unwrap();
        let store = Store::connect(&place.url).await.unwrap();
        let left = store.job(job.id).await.unwrap().unwrap();
        assert_eq!((left.state, left.attempts), (Stored::Scheduled, 0), "{left:?}");
    }
}

on_both! {
    async fn a_training_in_a_process_of_its_own_knows_who_is_erased_after_its_start(place: Place) {
        let server = place.serve(&["--train", "false"]).await;
        server.rate(1..READERS + 1, BOOKS, 8).await;
        let data = place.path().to_str().unwrap();
        let arguments = ["recommendations", "--data", data, "--database-url", &place.url, "--train-trials", "1"];
        let config = Config::try_parse_from(arguments).unwrap();
        let (training, writer) = recommendations::training(&config).await.unwrap();
        server.readers().await.erase_reader(EraseReaderRequest { reader_id: 1 }).await.unwrap();

        let writing = tokio::spawn(writer.run());
        let scheduled = training.schedule("popular", Cause::Call, true).await.unwrap();
        let Scheduled::Job(job) = scheduled else { panic!("it waits") };
        let job = training.work_until(job.id, |_| {}, std::future::pending()).await.unwrap().unwrap();
        assert_eq!(job.state, Stored::Succeeded, "{}", job.message);
        let model = server.list().await.swap_remove(0);
        assert_eq!((model.version, model.readers), (job.model_version, i64::from(READERS) - 1));
        writing.abort();
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_while_it_begins_a_job_leaves_it_in_line() {
    let Some(place) = Place::postgres() else { return };
    let server = place.serve(&["--train", "false"]).await;
    server.rate(1..READERS + 1, BOOKS, 8).await;
    let id = server.schedule("als").await.id;
    server.stop().await;

    // Nobody may write jobs for now: whoever begins one waits in the middle of that.
    let mut busy = PgConnection::connect(&place.url).await.unwrap();
    let mut looking = PgConnection::connect(&place.url).await.unwrap();
    sqlx::query("begin").execute(&mut busy).await.unwrap();
    sqlx::query("lock table jobs in share mode").execute(&mut busy).await.unwrap();
    let mut server = place.serve(&[]).await;
    let waiting = "select count(*) from pg_locks where not granted and relation = 'jobs'::regclass";
    crate::within(60, "it begins the job", async || {
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut looking).await.unwrap();
        (waiting > 0).then_some(())
    })
    .await;
    let admin = server.admin.unwrap();
    server.stop.take().unwrap().send(()).unwrap();
    crate::within(60, "it is on its way out", async || {
        let ready = tokio::task::block_in_place(|| testing::http::get(admin, "/ready"));
        (!ready.is_ok_and(|ready| ready.status == 200)).then_some(())
    })
    .await;
    sqlx::query("rollback").execute(&mut busy).await.unwrap();
    server.running.take().unwrap().await.unwrap().unwrap();

    let store = Store::connect(&place.url).await.unwrap();
    crate::within(10, "it is in line", async || {
        let left = store.job(id).await.unwrap().unwrap();
        ((left.state, left.attempts) == (Stored::Scheduled, 0)).then_some(())
    })
    .await;
}
