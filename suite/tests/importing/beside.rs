//! Beside a running suite.

use std::time::{Duration, Instant};

use protobufs::{
    readers::{Entry, ListHistoryRequest, readers_service_client::ReadersServiceClient},
    recommendations::{
        RecommendationRequest, RecommendationResponse, SessionRating, Strategy,
        recommendations_client::RecommendationsClient,
    },
};
use testing::{Signal, eventually, http};
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};

use crate::{
    HEADER,
    process::{Suite, run, shelfwise},
};

/// What stands on every page whose lists simulated readers have a part in.
const LABEL: &str = "learned from simulated readers";
const PAGES: [&str; 3] = ["/", "/books/1", "/welcome"];
/// The first simulated reader.
const SIMULATED: i32 = 2_000_000_000;

#[tokio::test]
async fn a_running_suite_knows_what_was_imported_within_two_seconds() {
    let suite = tokio::task::spawn_blocking(Suite::start).await.unwrap();
    let file = suite.data.path().join("library.csv");
    let library = "Title,Authors,ISBN/UID,Read Status,Star Rating,Owned?\n\
        The Maltese Falcon,Dashiell Hammett,9780679722649,read,4.75,Yes\n";
    std::fs::write(&file, library).unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", suite.grpc)).unwrap();
    let mut client = ReadersServiceClient::new(endpoint.connect().await.unwrap());
    let mut command = shelfwise();
    command.args(["import", "storygraph", "--reader", "77", "--data"]).arg(suite.data.path()).arg(&file);
    let ended = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap();
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    let imported = Instant::now();
    loop {
        let request = ListHistoryRequest { reader_id: 77, ..ListHistoryRequest::default() };
        let entries: Vec<Entry> = client.list_history(request).await.unwrap().into_inner().entries;
        if let [entry] = entries.as_slice() {
            assert_eq!((entry.book_id, entry.stars, entry.owned), (1, 5.0, true));
            break;
        }
        // Two seconds at most on a machine that does nothing else.
        assert!(imported.elapsed() < Duration::from_secs(10), "not known after {:?}", imported.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks a suite over gRPC.
struct Asking {
    runtime: Runtime,
    channel: Channel,
}

impl Asking {
    fn of(suite: &Suite) -> Self {
        let runtime = Runtime::new().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", suite.grpc)).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        Self { runtime, channel }
    }

    /// What somebody is told who has just said that The Maltese Falcon is good.
    fn newcomer(&self, strategy: Strategy) -> RecommendationResponse {
        let request = RecommendationRequest {
            all_categories: true,
            max_results: 10,
            strategy: strategy.into(),
            exploration: Some(0.0),
            uncapped: true,
            session_ratings: vec![SessionRating { book_id: 1, stars: 5.0, ..SessionRating::default() }],
            ..RecommendationRequest::default()
        };
        let mut client = RecommendationsClient::new(self.channel.clone());
        self.runtime.block_on(client.recommend(request)).unwrap().into_inner()
    }

    fn history(&self, reader_id: i32) -> usize {
        let request = ListHistoryRequest { reader_id, ..ListHistoryRequest::default() };
        let mut client = ReadersServiceClient::new(self.channel.clone());
        self.runtime.block_on(client.list_history(request)).unwrap().into_inner().entries.len()
    }
}

#[test]
fn a_shops_ratings_take_the_place_of_simulated_readers_while_the_suite_runs() {
    for train in ["true", "false"] {
        let suite = Suite::start();
        let asking = Asking::of(&suite);
        eventually("a model of simulated readers", Duration::from_secs(60), || {
            let answer = asking.newcomer(Strategy::Model);
            (answer.simulated && !answer.model_version.is_empty()).then_some(())
        });
        // The same, and where another process is to train.
        let suite = if train == "true" { suite } else { again(suite, &[("RECOMMENDATIONS_TRAIN", train)]) };
        let asking = Asking::of(&suite);
        let labelled = || PAGES.map(|path| http::get(suite.pages, path).unwrap().body.contains(LABEL));
        eventually("every page says whom its lists are of", Duration::from_secs(20), || {
            (labelled() == [true; 3]).then_some(())
        });
        assert!(asking.history(SIMULATED) > 0 && asking.newcomer(Strategy::Popular).simulated);

        // Too few to outweigh anybody: of the books from 700 on, each is liked by one reader less than the one before.
        let rows = (0..8).flat_map(|place| (1..=12 - place).map(move |reader| (reader, 700 + place)));
        let rows: String =
            rows.map(|(reader, book)| format!("{reader},{book},5,read,false,false,true,\n")).collect();
        let file = suite.data.path().join("ratings.csv");
        std::fs::write(&file, format!("{HEADER}{rows}")).unwrap();
        let ended = run(shelfwise().args(["import", "ratings", "--data"]).arg(suite.data.path()).arg(&file));
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
        assert!(ended.out.contains(": 68 stored, "), "{}", ended.out);

        let answer = eventually("simulated readers weigh nothing", Duration::from_secs(20), || {
            let (model, popular) = (asking.newcomer(Strategy::Model), asking.newcomer(Strategy::Popular));
            (!model.simulated && !popular.simulated).then_some(popular)
        });
        let first: Vec<i32> = answer.recommendations.iter().take(8).map(|book| book.id).collect();
        assert_eq!(first, (700..708).collect::<Vec<_>>(), "as the imported readers like them");
        assert_eq!(asking.history(SIMULATED), 0);
        eventually("no page speaks of them", Duration::from_secs(20), || {
            (labelled() == [false; 3]).then_some(())
        });
        // What was learnt from them is gone, too; what takes its place has learnt from the imported ones.
        let models = eventually("models of real readers alone", Duration::from_secs(60), || {
            let host = format!("localhost:{}", suite.grpc.port());
            let models = run(shelfwise().arg("models").env("RECOMMENDATIONS_HOST", host)).out;
            let made = models.contains("12 readers") || train == "false";
            (made && !models.contains("simulated")).then_some(models)
        });
        assert_eq!(models.is_empty(), train == "false", "{models}");
    }
}

/// Ends a suite and starts one on its data with these variables.
fn again(mut suite: Suite, variables: &[(&str, &str)]) -> Suite {
    suite.signal(Signal::TERM);
    suite.end();
    let data = std::mem::replace(&mut suite.data, tempfile::tempdir().unwrap());
    let suite = Suite::spawn(data, variables);
    suite.ready();
    suite
}
