//! A job that is to stop lets no model answer any more; one whose model answers is done, whoever stops it after that.

use protobufs::models::{CancelJobRequest, JobState};
use recommendations::store::{
    Activated, Cause, Job, JobState as Stored, Learnt, Maker, NewJob, Registered, Scheduled, Standing, Store,
};
use tonic::Code;

use crate::on_both;

/// The process that runs the job.
const OWNER: &str = "one";

/// A job that was begun, and a model that it has made, which does not answer yet.
async fn begun(store: &Store, version: &str) -> Job {
    let new = NewJob { model: "popular", cause: Cause::Call, force: true, changes: 0 };
    let Scheduled::Job(job) = store.schedule(new).await.unwrap() else { panic!("it waits") };
    assert!(store.claim(job.id, OWNER).await.unwrap());
    let model = Registered {
        version: version.to_owned(),
        number: store.next_model().await.unwrap(),
        manifest: "{}".to_owned(),
        standing: Standing::Accepted,
    };
    store.register(&model).await.unwrap();
    store.job(job.id).await.unwrap().unwrap()
}

async fn activate(store: &Store, version: &str, job: i64, owner: &str) -> Activated {
    let nobody = Learnt { revision: 0, has: &|_, _| false };
    store.activate_new(version, Maker { job, owner }, nobody).await.unwrap()
}

async fn ended(store: &Store, id: i64) -> (Stored, String) {
    let job = store.job(id).await.unwrap().unwrap();
    assert_eq!(job.ended_at.is_some(), job.state.has_ended(), "{job:?}");
    (job.state, job.model_version)
}

on_both! {
    async fn a_model_whose_job_was_cancelled_does_not_answer(place: Place) {
        let store = Store::connect(&place.url).await.unwrap();
        let job = begun(&store, "a").await;
        assert_eq!(activate(&store, "a", job.id, "other").await, Activated::Unwanted);
        assert!(!store.cancel_job(job.id).await.unwrap());
        assert_eq!(activate(&store, "a", job.id, OWNER).await, Activated::Unwanted);
        assert_eq!(store.answering().await.unwrap().active, "");
        assert_eq!(store.end_job(job.id, "other", Stored::Cancelled, "cancelled", "").await.unwrap(), None);
        store.end_job(job.id, OWNER, Stored::Cancelled, "cancelled", "").await.unwrap();
        assert_eq!(ended(&store, job.id).await, (Stored::Cancelled, String::new()));
        assert_eq!(activate(&store, "a", job.id, OWNER).await, Activated::Unwanted);
    }

    async fn a_job_whose_model_answers_has_succeeded_however_it_ends(place: Place) {
        let store = Store::connect(&place.url).await.unwrap();
        for version in ["cancelled", "failed", "stopped", "died"] {
            let job = begun(&store, version).await;
            assert_eq!(activate(&store, version, job.id, OWNER).await, Activated::Answers);
            assert!(!store.cancel_job(job.id).await.unwrap(), "it is still at work");
            match version {
                "stopped" => store.give_back(job.id, OWNER).await.unwrap(),
                "died" => {
                    let seen = store.job(job.id).await.unwrap().unwrap();
                    assert!(store.bury(&seen).await.unwrap());
                }
                end => {
                    let state = if end == "failed" { Stored::Failed } else { Stored::Cancelled };
                    let told = store.end_job(job.id, OWNER, state, version, "").await.unwrap().unwrap();
                    assert_eq!((told.state, told.model_version.as_str()), (Stored::Succeeded, version));
                }
            }
            assert_eq!(ended(&store, job.id).await, (Stored::Succeeded, version.to_owned()));
            assert_eq!(store.answering().await.unwrap().active, version);
        }
    }

    async fn a_job_that_was_seen_before_its_model_answered_is_not_buried_as_it_was(place: Place) {
        let store = Store::connect(&place.url).await.unwrap();
        let seen = begun(&store, "a").await;
        assert_eq!(activate(&store, "a", seen.id, OWNER).await, Activated::Answers);
        assert!(!store.bury(&seen).await.unwrap());
        assert_eq!(ended(&store, seen.id).await, (Stored::Running, "a".to_owned()));
    }

    async fn a_model_that_is_gone_does_not_come_back_when_it_was_measured(place: Place) {
        let store = Store::connect(&place.url).await.unwrap();
        begun(&store, "a").await;
        assert!(store.describe("a", "{\"measured\":1}").await.unwrap());
        let model = store.model("a").await.unwrap().unwrap();
        assert_eq!((model.manifest.as_str(), model.standing), ("{\"measured\":1}", Standing::Accepted));
        store.retire("a").await.unwrap();
        assert!(!store.describe("a", "{}").await.unwrap());
        assert_eq!(store.model("a").await.unwrap(), None);
    }

    async fn one_that_is_cancelled_while_its_process_stops_is_not_begun_again(place: Place) {
        let store = Store::connect(&place.url).await.unwrap();
        let job = begun(&store, "a").await;
        assert!(!store.cancel_job(job.id).await.unwrap());
        store.give_back(job.id, OWNER).await.unwrap();
        assert_eq!(ended(&store, job.id).await, (Stored::Cancelled, String::new()));
    }

    async fn the_first_models_job_is_done_though_it_is_cancelled_while_the_model_is_measured(place: Place) {
        let server = place.serve(&["--model", "als"]).await;
        server.rate(1..600, 300, 40).await;
        let version = crate::within(60, "the first model", async || {
            Some(server.answering().await).filter(|version| !version.is_empty())
        })
        .await;
        // It answers, and is being measured, unless that was quicker: then there is nothing to cancel.
        if let Err(over) = server.models().await.cancel_job(CancelJobRequest { id: 1 }).await {
            assert_eq!(over.code(), Code::FailedPrecondition, "{over:?}");
        }
        let job = server.end_of(1).await;
        assert_eq!((job.state(), &job.model_version), (JobState::Succeeded, &version), "{job:?}");
        assert_eq!(server.answering().await, version);
        server.stop().await;
    }
}
