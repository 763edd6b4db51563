//! From a call to a model that answers.

use protobufs::models::{
    ActivateModelRequest, GetVariantReportRequest, JobState, RollBackModelRequest, TrainRequest,
    WatchJobRequest,
};
use protobufs::readers::{Entry, EraseReaderRequest, ImportHistoryRequest};
use protobufs::recommendations::RecommendationResponse;
use tonic::Code;

use crate::{BOOKS, READERS, on_both};

on_both! {
    async fn a_training_is_answered_at_once_watched_to_its_end_and_its_model_answers(place: Place) {
        let settings = ["--model", "knn-cosine", "--train-trials", "8"];
        let server = place.serve(&settings).await.with_ratings().await;
        // What is chosen on so few readers may be worse for others.
        let request = TrainRequest { model: String::new(), force: true };
        let job = server.models().await.train(request).await.unwrap().into_inner().job.unwrap();
        assert_eq!((job.state(), job.model.as_str(), job.cause.as_str()), (JobState::Scheduled, "knn-cosine", "call"));
        let mut news = server.models().await.watch_job(WatchJobRequest { id: job.id }).await.unwrap().into_inner();
        let mut seen = Vec::new();
        while let Some(message) = news.message().await.unwrap() {
            seen.push(message.job.unwrap());
        }
        assert!(seen.iter().is_sorted_by_key(|job| job.state), "{seen:?}");
        let end = seen.last().unwrap();
        assert_eq!((end.state(), end.progress), (JobState::Succeeded, 1.0), "{}", end.message);
        assert!(end.ended_at.unwrap().seconds >= end.started_at.unwrap().seconds);

        let models = server.list().await;
        let model = models.iter().find(|model| model.version == end.model_version).unwrap();
        assert!(model.active && !model.simulated && model.refused.is_empty(), "{model:?}");
        assert_eq!((model.kind.as_str(), model.readers), ("knn-cosine", i64::from(READERS)));
        assert!(model.books >= i64::from(BOOKS) && model.interactions > 0 && model.bytes > 0);
        assert!(model.parameters.starts_with('{') && model.parameters.contains("cosine.depth"));
        let quality = model.quality.unwrap();
        assert!(quality.readers >= 50 && quality.ndcg > 0.1 && quality.ndcg <= 1.0, "{quality:?}");
        assert!(model.compared_with.is_some());

        // What its readers get comes from it: books of the same remainder.
        let answer = crate::within(10, "it answers", async || {
            let answer = server.recommend(1).await;
            (answer.model_version == end.model_version).then_some(answer)
        })
        .await;
        assert!(!answer.simulated);
        let first = &answer.recommendations[0];
        assert_eq!((first.id % 6, first.source_book_id % 6), (2, 2), "{first:?}");
        server.stop().await;
    }

    async fn who_is_erased_has_no_part_in_answers_at_once_nor_in_the_next_model(place: Place) {
        let server = place.serve(&["--model", "knn-cosine"]).await.with_ratings().await;
        let with = server.train("").await.model_version;
        let personal = |answer: &RecommendationResponse| answer.recommendations.iter().any(|book| book.source_book_id > 0);
        crate::within(10, "a list of reader 1's own", async || personal(&server.recommend(1).await).then_some(())).await;

        let erased = server.readers().await.erase_reader(EraseReaderRequest { reader_id: 1 }).await.unwrap();
        assert_eq!(erased.into_inner().entries, 8);
        assert!(!personal(&server.recommend(1).await), "nothing is known of them any more");

        let without = server.train("").await.model_version;
        let models = server.list().await;
        let of = |version: &str| models.iter().find(|model| model.version == version).unwrap();
        assert_eq!((of(&with).readers, of(&without).readers), (i64::from(READERS), i64::from(READERS) - 1));
        assert_eq!(of(&with).interactions - of(&without).interactions, 8);
        server.stop().await;
    }

    async fn who_is_erased_while_a_training_is_under_way_has_no_part_in_its_model_either(place: Place) {
        let server = place.serve(&["--model", "popular"]).await;
        let readers = server.rate(1..700, 600, 60).await / 60;
        crate::within(60, "the first model", async || (!server.answering().await.is_empty()).then_some(())).await;
        let request = TrainRequest { model: "als".to_owned(), force: true };
        let job = server.models().await.train(request).await.unwrap().into_inner().job.unwrap();
        crate::within(60, "the model itself is made", async || {
            let job = server.job(job.id).await;
            assert!(job.state() <= JobState::Running, "too fast for this test: {job:?}");
            job.step.starts_with("training").then_some(())
        })
        .await;
        let erased = server.readers().await.erase_reader(EraseReaderRequest { reader_id: 7 }).await.unwrap();
        let entries = erased.into_inner().entries;
        assert!(entries > 0 && server.job(job.id).await.state() == JobState::Running, "too fast for this test");
        let job = server.end_of(job.id).await;
        assert_eq!(job.state(), JobState::Succeeded, "{}", job.message);
        let models = server.list().await;
        let with = models.iter().find(|model| model.kind == "popular").unwrap();
        let without = models.iter().find(|model| model.version == job.model_version).unwrap();
        assert!(without.active && models.len() == 2, "{models:?}");
        assert_eq!((with.readers, without.readers), (readers, readers - 1));
        assert!(without.interactions < with.interactions);
        // Of the one that had learnt from them nothing is left.
        let folders = std::fs::read_dir(place.path().join("models")).unwrap().filter(|folder| {
            std::fs::read_dir(folder.as_ref().unwrap().path()).unwrap().count() > 0
        });
        assert_eq!(folders.count(), 2);
        server.stop().await;
    }

    async fn a_worse_model_is_kept_with_the_reason_unless_it_is_forced_and_rollback_takes_one_call(place: Place) {
        let server = place.serve(&["--model", "knn-cosine"]).await.with_ratings().await;
        let good = server.answering().await;
        assert!(good.contains("knn-cosine"), "{good}");
        let worse = server.train("popular").await;
        assert_eq!(worse.state(), JobState::Succeeded, "{}", worse.message);
        assert!(worse.message.contains("worse by more than 0.01"), "{}", worse.message);
        assert_eq!(server.answering().await, good);
        let listed = server.list().await;
        let refused = listed.iter().find(|model| model.version == worse.model_version).unwrap();
        assert!(refused.refused.contains("NDCG@10") && !refused.active, "{refused:?}");
        assert!(refused.quality.unwrap().ndcg < refused.compared_with.unwrap().ndcg);

        let mut client = server.models().await;
        let force = TrainRequest { model: "popular".to_owned(), force: true };
        let job = client.train(force).await.unwrap().into_inner().job.unwrap();
        let forced = server.end_of(job.id).await;
        assert_eq!(server.answering().await, forced.model_version, "{}", forced.message);

        let back = client.roll_back_model(RollBackModelRequest {}).await.unwrap().into_inner().model.unwrap();
        assert!(back.active && back.version == good);
        let again = ActivateModelRequest { version: worse.model_version.clone() };
        let again = client.activate_model(again).await.unwrap().into_inner().model.unwrap();
        assert!(again.active && again.refused.is_empty(), "whoever activates it wants it: {again:?}");
        server.stop().await;

        // The choice outlives the process.
        let server = place.serve(&[]).await;
        assert_eq!(server.answering().await, worse.model_version);
        assert_eq!(server.list().await.len(), 3);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused() {
    let place = crate::Place::sqlite().unwrap();
    let server = place.serve(&[]).await;
    let mut client = server.models().await;
    let code = |answer: Result<_, tonic::Status>| answer.map(|_: ()| ()).unwrap_err().code();
    let unknown = TrainRequest { model: "oracle".to_owned(), force: false };
    assert_eq!(code(client.train(unknown).await.map(drop)), Code::InvalidArgument);
    for (version, expected) in
        [("9-slim-abc", Code::NotFound), ("../../etc", Code::NotFound), ("", Code::NotFound)]
    {
        let request = ActivateModelRequest { version: version.to_owned() };
        assert_eq!(code(client.activate_model(request).await.map(drop)), expected, "{version}");
    }
    let nothing = client.roll_back_model(RollBackModelRequest {}).await.map(drop);
    assert_eq!(code(nothing), Code::FailedPrecondition);
    assert_eq!(code(client.watch_job(WatchJobRequest { id: 77 }).await.map(drop)), Code::NotFound);
    let report = client.get_variant_report(GetVariantReportRequest { days: 0 }).await.unwrap().into_inner();
    assert!(report.variants.is_empty() && report.summary.starts_with("Nothing is compared"));
    let negative = client.get_variant_report(GetVariantReportRequest { days: -1 }).await.map(drop);
    assert_eq!(code(negative), Code::InvalidArgument);
    // Nobody has rated anything: the job says so.
    let job = server.train("").await;
    assert_eq!((job.state(), job.model.as_str()), (JobState::Failed, "blend"));
    assert!(job.message.contains("no positive interaction"), "{}", job.message);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_is_trained_written_and_read_again() {
    let place = crate::Place::sqlite().unwrap();
    let server = place.serve(&["--kept-models", "20"]).await.with_ratings().await;
    for kind in ["slim", "ease", "als", "knn-bm25", "knn-cosine", "popular", "content", "blend"] {
        let request = TrainRequest { model: kind.to_owned(), force: true };
        let job = server.models().await.train(request).await.unwrap().into_inner().job.unwrap();
        let job = server.end_of(job.id).await;
        assert_eq!(job.state(), JobState::Succeeded, "{kind}: {}", job.message);
        // Read back from the object store, with all checks.
        let request = ActivateModelRequest { version: job.model_version.clone() };
        server.models().await.activate_model(request).await.unwrap();
        let answer = crate::within(10, "it answers", async || {
            let answer = server.recommend(3).await;
            (answer.model_version == job.model_version).then_some(answer)
        })
        .await;
        assert_eq!(answer.recommendations.len(), 10, "{kind}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_models_go_but_the_active_one_and_the_one_before_stay() {
    let place = crate::Place::sqlite().unwrap();
    let server = place.serve(&["--model", "knn-cosine", "--kept-models", "2"]).await.with_ratings().await;
    let first = server.answering().await;
    let mut versions = Vec::new();
    for _ in 0..4 {
        // Worse, so that the first goes on answering.
        versions.push(server.train("popular").await.model_version);
    }
    let kept: Vec<String> = server.list().await.into_iter().map(|model| model.version).collect();
    assert_eq!(kept, [&versions[3], &versions[2], &first].map(String::clone));
    let folders = std::fs::read_dir(place.path().join("models")).unwrap();
    let folders = folders.filter(|folder| {
        let folder = folder.as_ref().unwrap().path();
        std::fs::read_dir(folder).unwrap().count() > 0
    });
    assert_eq!(folders.count(), 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_knows_how_old_ratings_are() {
    let place = crate::Place::sqlite().unwrap();
    let server = place.serve(&["--model", "popular"]).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let entry = |reader_id, book_id, days: i64| ImportHistoryRequest {
        entry: Some(Entry {
            reader_id,
            book_id,
            stars: 5.0,
            changed_at: Some(prost_types::Timestamp { seconds: now - days * 86_400, nanos: 0 }),
            ..Entry::default()
        }),
        request_id: String::new(),
    };
    // Book 1 was liked by many, four half-lives ago; book 2 by few, today.
    let old = (1..=8).map(|reader| entry(reader, 1, 720));
    let entries: Vec<_> = old.chain((9..=11).map(|reader| entry(reader, 2, 0))).collect();
    let answer =
        server.readers().await.import_history(tokio_stream::iter(entries)).await.unwrap().into_inner();
    assert_eq!(answer.stored, 11, "{answer:?}");
    let version = crate::within(60, "a model", async || {
        Some(server.answering().await).filter(|version| !version.is_empty())
    })
    .await;
    server.stop().await;
    let file = |name| std::fs::read(place.model(&version).join(name)).unwrap();
    let (_, trained) =
        recommendations::artefact::decode(&file("manifest.json"), &file("model.safetensors")).unwrap();
    let count = |book| {
        let place = trained.books.iter().position(|&id| id == book).unwrap();
        trained.model.popularity().counts()[place]
    };
    assert!((count(1) - 0.5).abs() < 0.01 && (count(2) - 3.0).abs() < 0.01, "{} {}", count(1), count(2));
}
