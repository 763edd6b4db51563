use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use protobufs::recommendations::{RecommendationRequest, RecommendationResponse, Strategy};

use super::{Server, request};

/// More than any category holds.
const ALL: i32 = 1_000;
/// Enough for a machine that does many things at once; how precisely time is kept is tested where rankers run.
const TIME: [&str; 2] = ["--ranker-time", "500ms"];

fn module(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/guests/built").join(name);
    fs::read(file.with_extension("wasm")).unwrap()
}

/// A data folder in which this ranker lies under this name.
fn with_ranker(name: &str, wasm: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("functions")).unwrap();
    fs::write(folder.path().join("functions").join(name).with_extension("wasm"), wasm).unwrap();
    folder
}

async fn ask(server: &Server, request: RecommendationRequest) -> RecommendationResponse {
    server.recommendations().await.recommend(request).await.unwrap().into_inner()
}

fn books(answer: &RecommendationResponse) -> Vec<i32> {
    answer.recommendations.iter().map(|book| book.id).collect()
}

/// The same books for everybody.
fn of(reader: i32, count: i32) -> RecommendationRequest {
    RecommendationRequest { user_id: reader, seed: Some(7), ..request(0, count) }
}

/// In the model's own order, whatever ranker there is.
async fn own(server: &Server, count: i32) -> Vec<i32> {
    let answer =
        ask(server, RecommendationRequest { strategy: Strategy::Model.into(), ..of(1, count) }).await;
    assert_eq!(answer.ranker, "");
    books(&answer)
}

#[tokio::test]
async fn the_shops_ranker_orders_what_is_recommended() {
    let folder = with_ranker("shop", &module("misbehave-ranker"));
    let server = Server::run(folder, &["--ranker", "shop", TIME[0], TIME[1]]).await;
    let mut own = own(&server, ALL).await;
    let answer = ask(&server, of(13, ALL)).await;
    assert_eq!((books(&answer), answer.ranker.as_str()), (own.iter().rev().copied().collect(), "shop"));
    // It sees more than is shown.
    let answer = ask(&server, of(13, 3)).await;
    assert_eq!(books(&answer), own.iter().rev().take(3).copied().collect::<Vec<_>>());
    // What it leaves out comes last.
    let answer = ask(&server, of(7, ALL)).await;
    assert_eq!(books(&answer), own);
    // Nothing is asked for, so nothing is ordered.
    assert_eq!(ask(&server, of(13, 0)).await.ranker, "");
    own.truncate(1);
    assert_eq!(books(&ask(&server, of(8, 1)).await), own);
}

#[tokio::test]
async fn a_ranker_that_fails_leaves_the_models_own_order_and_is_counted() {
    let folder = with_ranker("shop", &module("misbehave-ranker"));
    let server = Server::run(folder, &["--ranker", "shop", TIME[0], TIME[1]]).await;
    // As many as a ranker is given.
    let mut own = own(&server, 100).await;
    own.truncate(10);
    for reader in [1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 14] {
        let answer = ask(&server, of(reader, 10)).await;
        assert_eq!((books(&answer), answer.ranker.as_str()), (own.clone(), ""), "{reader}");
    }
    assert_eq!(ask(&server, of(13, 10)).await.ranker, "shop");
    let metrics = server.metrics().await;
    for (outcome, count) in [("late", 2), ("invented", 3), ("ordered", 1), ("failed", 6)] {
        let line = format!("ranker_calls_total{{outcome=\"{outcome}\",ranker=\"shop\"}} {count}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn a_ranker_is_loaded_when_it_comes_changed_when_it_changes_and_gone_when_it_goes() {
    let server = Server::with(&["--ranker", "shop", TIME[0], TIME[1]]).await;
    assert_eq!(ask(&server, of(13, 5)).await.ranker, "");
    let file = server.data().join("functions/shop.wasm");
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, module("misbehave-ranker")).unwrap();
    let own = own(&server, ALL).await;
    wait_for(&server, "the first order", |answer| books(answer)[0] == *own.last().unwrap()).await;
    // One that is none leaves the old one in place.
    fs::write(&file, b"none of it").unwrap();
    let limit = Instant::now() + Duration::from_secs(20);
    while !server.metrics().await.contains("ranker_loads_total{outcome=\"refused\",ranker=\"shop\"} 1") {
        assert!(Instant::now() < limit, "nobody looks at the new file");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(books(&ask(&server, of(13, ALL)).await)[0], *own.last().unwrap());
    fs::write(&file, module("ranker")).unwrap();
    wait_for(&server, "the other order", |answer| books(answer)[0] == own[0]).await;
    assert_eq!(ask(&server, of(13, ALL)).await.ranker, "shop");
    fs::remove_file(&file).unwrap();
    wait_for(&server, "no ranker", |answer| answer.ranker.is_empty()).await;
}

async fn wait_for(server: &Server, what: &str, is_so: impl Fn(&RecommendationResponse) -> bool) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !is_so(&ask(server, of(13, ALL)).await) {
        assert!(Instant::now() < limit, "{what} does not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn rankers_are_tried_side_by_side_on_a_stable_share_of_readers() {
    let folder = with_ranker("spread", &module("ranker"));
    fs::write(folder.path().join("functions/other.wasm"), module("ranker")).unwrap();
    let variants = "own=40:ranker=none spread=40:ranker=spread other=20:ranker=other";
    let server = Server::run(folder, &["--variants", variants, TIME[0], TIME[1]]).await;
    let mut seen = std::collections::BTreeMap::<(String, String), usize>::new();
    for reader in 1..=60 {
        let answer = ask(&server, of(reader, 3)).await;
        let again = ask(&server, of(reader, 3)).await;
        assert_eq!((&answer.variant, &answer.ranker), (&again.variant, &again.ranker));
        *seen.entry((answer.variant, answer.ranker)).or_default() += 1;
    }
    let pair = |variant: &str, ranker: &str| (variant.to_owned(), ranker.to_owned());
    let expected = [pair("other", "other"), pair("own", ""), pair("spread", "spread")];
    assert!(seen.keys().eq(expected.iter()), "{seen:?}");
    let metrics = server.metrics().await;
    assert!(metrics.contains("ranker=\"spread\"") && metrics.contains("ranker=\"other\""));
}
