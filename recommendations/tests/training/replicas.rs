//! Several servers over one PostgreSQL and one object store.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
};

use protobufs::models::{
    JobState, RollBackModelRequest, TrainRequest, models_service_client::ModelsServiceClient,
};

use testing::{Process, S3};

use crate::{Place, Server, channel};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_converge_on_the_active_model_and_cancel_each_other_s_jobs() {
    let Some(place) = Place::postgres() else { return };
    let one = place.serve(&["--model", "popular"]).await;
    let other = place.serve(&["--train", "false"]).await;
    one.rate(1..1_500, 600, 60).await;
    let both_answer = async |version: &str| {
        // Within two seconds on a machine that does nothing else.
        for server in [&one, &other] {
            crate::within(20, "it converges", async || (server.answering().await == version).then_some(()))
                .await;
        }
    };
    crate::within(60, "the first model", async || (!one.answering().await.is_empty()).then_some(())).await;
    let first = one.answering().await;
    both_answer(&first).await;

    // Asked for there, trained here.
    let force = TrainRequest { model: "knn-cosine".to_owned(), force: true };
    let job = other.models().await.train(force).await.unwrap().into_inner().job.unwrap();
    let job = other.end_of(job.id).await;
    assert_eq!(job.state(), JobState::Succeeded, "{}", job.message);
    both_answer(&job.model_version).await;
    other.models().await.roll_back_model(RollBackModelRequest {}).await.unwrap();
    both_answer(&first).await;

    let long = other.schedule("als").await;
    crate::within(30, "it trains", async || {
        (other.job(long.id).await.state() == JobState::Running).then_some(())
    })
    .await;
    assert_eq!(other.cancel(long.id).await.state(), JobState::Cancelled);
    one.stop().await;
    other.stop().await;
}

/// The name and the niceness of each of a process's threads.
#[cfg(target_os = "linux")]
fn threads(process: u32) -> Vec<(String, i32)> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    // A thread may end meanwhile.
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok());
    stats
        .map(|stat| {
            // The name stands in brackets and is the second field; niceness is the nineteenth.
            let (start, rest) = stat.rsplit_once(')').unwrap();
            let name = start.split_once('(').unwrap().1.to_owned();
            (name, rest.split_whitespace().nth(16).unwrap().parse().unwrap())
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_threads_as_the_setting_says_train_and_let_all_others_go_first() {
    let place = Place::sqlite().unwrap();
    for count in [1, 3] {
        let address = SocketAddr::from(([127, 0, 0, 1], testing::free_port()));
        let child = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_recommendations")))
            .env_clear()
            .args([
                "--bind",
                &address.to_string(),
                "--admin-bind",
                "127.0.0.1:0",
                "--database-url",
                &place.url,
            ])
            .args(["--train-threads", &count.to_string(), "--simulated-readers", "false"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = Process(child);
        // It answers, so that all that it needs is there.
        Server { address, admin: None, stop: None, running: None }.list().await;
        let threads = threads(process.0.id());
        let (training, serving): (Vec<_>, Vec<_>) =
            threads.into_iter().partition(|(name, _)| name.starts_with("training-"));
        assert_eq!(training.len(), count, "{training:?}");
        assert!(training.iter().all(|(_, nice)| *nice >= 10), "{training:?}");
        assert!(!serving.is_empty() && serving.iter().all(|(_, nice)| *nice < 10), "{serving:?}");
    }
}

fn server(place: &Place, s3: SocketAddr, train: &str) -> (Process, Server) {
    let address = SocketAddr::from(([127, 0, 0, 1], testing::free_port()));
    let log = std::fs::File::create(place.path().join(format!("log-{}", address.port()))).unwrap();
    let child = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_recommendations")))
        .env_clear()
        .envs(S3::KEYS)
        .env("AWS_ENDPOINT_URL", format!("http://{s3}"))
        .env("OBJECTS_URL", "s3://shelf/suite")
        .env("DATABASE_URL", &place.url)
        .env("RECOMMENDATIONS_TRAIN", train)
        .env("RECOMMENDATIONS_SIMULATED_READERS", "false")
        .env("RECOMMENDATIONS_TRAIN_TRIALS", "1")
        .args(["--bind", &address.to_string(), "--admin-bind", "127.0.0.1:0", "--model", "knn-cosine"])
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    (Process(child), Server { address, admin: None, stop: None, running: None })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_models_over_s3() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_s3, address)) = S3::over(folder.path()) else { return };
    let Some(place) = Place::postgres() else { return };
    let (_first, one) = server(&place, address, "true");
    drop(channel(one.address).await);
    let (_second, other) = server(&place, address, "false");
    one.rate(1..121, 60, 8).await;
    let seen = crate::within(60, "the first model", async || {
        let seen = other.answering().await;
        (!seen.is_empty()).then_some(seen)
    })
    .await;
    assert_eq!(one.answering().await, seen);
    // A rating through one is seen through the other, and so is what its model makes of it.
    let answer = crate::within(2, "an answer for this reader", async || {
        let answer = other.recommend(1).await;
        (answer.recommendations[0].source_book_id > 0).then_some(answer)
    })
    .await;
    assert_eq!(answer.model_version, seen);
    let folder = folder.path().join("shelf/suite/models").join(&seen);
    assert!(folder.join("manifest.json").is_file() && folder.join("model.safetensors").is_file());

    // A store that is away is no reason to stop serving.
    drop(_s3);
    let job = ModelsServiceClient::new(one.channel().await)
        .train(TrainRequest { model: "popular".to_owned(), force: true })
        .await
        .unwrap()
        .into_inner()
        .job
        .unwrap();
    let job = one.end_of(job.id).await;
    assert_eq!(job.state(), JobState::Failed);
    assert!(job.message.contains("artefact"), "{}", job.message);
    assert_eq!(other.recommend(1).await.model_version, seen);
}
