//! Models from the operator's side, and what a killed process leaves behind.

use std::time::Duration;

use protobufs::readers::{EventKind, RecordEventsRequest, readers_service_client::ReadersServiceClient};
use testing::{Signal, eventually};
use tonic::transport::Endpoint;

use crate::process::{Ended, Suite, run, shelfwise};

impl Suite {
    /// One of the operator's commands, given to this suite.
    fn command(&self, arguments: &[&str]) -> Ended {
        let host = format!("localhost:{}", self.grpc.port());
        run(shelfwise().args(arguments).env("RECOMMENDATIONS_HOST", host))
    }

    /// The lines of a command that has to succeed.
    fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let ended = self.command(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.err);
        ended.out.lines().map(str::to_owned).collect()
    }

    /// The version of the first model, which comes by itself.
    fn first_model(&self) -> String {
        eventually("the first model", Duration::from_secs(60), || {
            let models = self.lines(&["models"]);
            let answers = models.iter().find(|model| model.contains("\tanswers\t"))?;
            // It is measured after it has begun to answer.
            answers.contains("NDCG@10").then(|| answers.split('\t').next().unwrap_or_default().to_owned())
        })
    }
}

#[test]
fn an_operator_trains_lists_activates_and_rolls_back() {
    let suite = Suite::start();
    let first = suite.first_model();
    let models = suite.lines(&["models"]);
    assert!(models[0].contains("400 readers") && models[0].contains("simulated"), "{models:?}");

    let trained = suite.lines(&["train", "--model", "popular", "--force", "--wait"]);
    let second = trained[0].split(':').next().unwrap().to_owned();
    assert!(second.contains("-popular-"), "{trained:?}");
    assert!(suite.lines(&["models"])[0].starts_with(&format!("{second}\tanswers\t")));
    let back = suite.lines(&["models", "rollback"]);
    assert!(back[0].starts_with(&format!("{first}\tanswers\t")), "{back:?}");
    let chosen = suite.lines(&["models", "activate", &second]);
    assert!(chosen[0].starts_with(&format!("{second}\tanswers\t")), "{chosen:?}");
    let jobs = suite.lines(&["jobs"]);
    assert!(jobs.len() == 2 && jobs[0].starts_with("2\tsucceeded\tpopular\tcall\t"), "{jobs:?}");

    for (arguments, code, words) in [
        (&["models", "activate", "none"][..], 64, "Model not found"),
        (&["train", "--model", "oracle"], 64, "no model is called oracle"),
        (&["jobs", "cancel", "1"], 74, "has ended already"),
        (&["jobs", "cancel", "77"], 64, "Job not found"),
    ] {
        let ended = suite.command(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(words) && ended.err.lines().count() == 1, "{}", ended.err);
    }

    assert_eq!(suite.lines(&["simulated", "erase"]), ["400 simulated readers are gone"]);
    assert_eq!(suite.lines(&["models"]), Vec::<String>::new());
    let learns_nothing = suite.command(&["train", "--wait"]);
    assert!(learns_nothing.err.contains("no positive interaction"), "{}", learns_nothing.err);
}

#[test]
fn a_model_is_trained_in_a_process_of_its_own() {
    let mut suite = Suite::start();
    suite.first_model();
    suite.signal(Signal::TERM);
    suite.end();
    let here = run(shelfwise()
        .args(["train", "--here", "--model", "knn-bm25", "--force", "--data"])
        .arg(suite.data.path()));
    assert_eq!(here.code, Some(0), "{}", here.err);
    let version = here.out.split(':').next().unwrap().to_owned();
    assert!(version.contains("-knn-bm25-"), "{}", here.out);

    let data = std::mem::replace(&mut suite.data, tempfile::tempdir().unwrap());
    let suite = Suite::spawn(data, &[]);
    suite.ready();
    assert!(suite.lines(&["models"])[0].starts_with(&format!("{version}\tanswers\t")));
}

#[test]
fn variants_are_reported_with_their_intervals() {
    let variants = "control=50 lucky=50:choose=random";
    let suite =
        Suite::start_with(&[("RECOMMENDATIONS_VARIANTS", variants), ("RECOMMENDATIONS_TRAIN", "false")]);
    let none = suite.lines(&["variants"]);
    assert_eq!(none.len(), 4, "{none:?}");
    assert!(none[1].starts_with("control        0      0        0  0.0 % (0.0 to 100.0)"), "{none:?}");
    assert!(none[3].starts_with("Not enough data: control has 0 of the 200 impressions"), "{none:?}");

    let event = |variant: &str, number: u64, kind: EventKind| RecordEventsRequest {
        recommendation_id: format!("{number:016x}-{number:x}-{variant}"),
        kind: kind.into(),
        book_id: 1,
    };
    let shown = |variant, count, clicks| {
        let impressions = (1..=count).map(move |number| event(variant, number, EventKind::Impression));
        impressions.chain((1..=clicks).map(move |number| event(variant, number, EventKind::Click)))
    };
    let events: Vec<_> = shown("control", 1_000, 40).chain(shown("lucky", 1_200, 120)).collect();
    let address = format!("http://{}", suite.grpc);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
        let mut client = ReadersServiceClient::new(channel);
        client.record_events(tokio_stream::iter(events)).await.unwrap();
    });
    let told = eventually("events are stored", Duration::from_secs(10), || {
        let lines = suite.lines(&["variants", "--days", "7"]);
        lines
            .last()
            .is_some_and(|last| last.starts_with("lucky is clicked more often than control"))
            .then_some(lines)
    });
    assert_eq!(
        told[..3],
        [
            "variant  readers  shown  clicked            click rate  led to stars         rating rate",
            "control     1000   1000       40    4.0 % (3.0 to 5.4)             0  0.0 % (0.0 to 0.4)",
            "lucky       1200   1200      120  10.0 % (8.4 to 11.8)             0  0.0 % (0.0 to 0.3)",
        ]
    );
    assert_eq!(suite.command(&["variants", "--days", "0"]).code, Some(64));
}

#[test]
fn commands_show_the_token() {
    let suite = Suite::start_with(&[("SHELFWISE_TOKEN", "s3cret"), ("RECOMMENDATIONS_TRAIN", "false")]);
    let refused = suite.command(&["models"]);
    assert_eq!(refused.code, Some(64));
    assert!(refused.err.contains("SHELFWISE_TOKEN"), "{}", refused.err);
    assert_eq!(suite.lines(&["models", "--token", "s3cret"]), Vec::<String>::new());
    let nobody = run(shelfwise().args(["jobs", "--host", "localhost:1"]));
    assert_eq!(nobody.code, Some(74));
    assert!(nobody.err.contains("localhost:1") && nobody.err.lines().count() == 1, "{}", nobody.err);
}

#[test]
fn a_training_whose_process_was_killed_is_begun_again() {
    // Long enough as it is.
    let settings = [("RECOMMENDATIONS_TRAIN_TRIALS", "1")];
    let mut suite = Suite::start_with(&settings);
    suite.first_model();
    suite.lines(&["train", "--model", "als", "--force"]);
    eventually("it trains", Duration::from_secs(30), || {
        let job = suite.lines(&["jobs"]).swap_remove(0);
        assert!(!job.contains("\tsucceeded\tals"), "too fast for this test: {job}");
        job.contains("\trunning\t").then_some(())
    });
    suite.signal(Signal::KILL);
    suite.end();

    let data = std::mem::replace(&mut suite.data, tempfile::tempdir().unwrap());
    let suite = Suite::spawn(data, &settings);
    suite.ready();
    let job = eventually("it has ended", Duration::from_secs(60), || {
        let job = suite.lines(&["jobs"]).swap_remove(0);
        (!job.contains("\trunning\t") && !job.contains("\tscheduled\t")).then_some(job)
    });
    assert!(job.starts_with("2\tsucceeded\tals\t"), "{job}");
    assert!(suite.lines(&["models"])[0].contains("-als-"));
}
