//! The generator against the constant servers, which are what it measures against too.

use std::{fs, net::SocketAddr, time::Duration};

use prost::Message as _;
use protobufs::recommendations::{BookRecommendation, RecommendationResponse};
use tempfile::NamedTempFile;

use super::*;
use crate::{constant, ours, process::free_addresses};

const PLAN: Plan = Plan {
    connections: 2,
    in_flight: 3,
    pause: Duration::ZERO,
    warm_up: Duration::from_millis(50),
    length: Duration::from_millis(100),
};

/// A server of `content`, up until the test ends.
async fn serve(content: &[u8], page: bool) -> (SocketAddr, NamedTempFile) {
    let file = NamedTempFile::new().expect("a file");
    fs::write(file.path(), content).expect("written");
    let [address] = free_addresses().expect("a port");
    let path = file.path().to_owned();
    tokio::spawn(async move {
        match page {
            true => constant::page(address, &path).await,
            false => constant::answer(address, &path).await,
        }
    });
    let deadline = Instant::now() + Duration::from_secs(10);
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(Instant::now() < deadline, "nobody listens on {address}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (address, file)
}

fn answer(books: usize) -> Vec<u8> {
    let book = BookRecommendation { id: 1, title: "Emma".to_owned(), ..Default::default() };
    RecommendationResponse { recommendations: vec![book; books], ..Default::default() }.encode_to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn right_answers_are_counted_and_one_wrong_answer_ends_the_round() {
    let (address, _file) = serve(&answer(3), false).await;
    for exactly in [None, Some(answer(3).len())] {
        let target = Target::Recommend(Recommend { exactly, ..Recommend::mysteries(address) });
        let round = run(&target, PLAN, &[]).await.expect("right answers");
        assert!(round.rate > 10.0 && round.p99 >= round.p50, "{round:?}");
        assert_eq!(round.bytes as usize, answer(3).len());
    }
    let each_once = Recommend { questions: Questions::lists(1..=50, 3), ..Recommend::mysteries(address) };
    pass(&each_once, 2, 4).await.expect("right answers");
    let four = Recommend { questions: Questions::lists([1], 4), ..Recommend::mysteries(address) };
    assert!(matches!(pass(&four, 1, 1).await, Err(Failure::Answer { .. })));
    let target = Target::Recommend(Recommend { exactly: Some(1), ..Recommend::mysteries(address) });
    assert!(matches!(run(&target, PLAN, &[]).await, Err(Failure::Answer { .. })));

    let (address, _file) = serve(&answer(2), false).await;
    let target = Target::Recommend(Recommend::mysteries(address));
    assert!(matches!(run(&target, PLAN, &[]).await, Err(Failure::Answer { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_right_with_three_books() {
    for (page, right) in [("<li>1<li>2<li>3", true), ("<li>1<li>2", false), ("<li>1<li>2<li>3<li>4", false)] {
        let (address, _file) = serve(page.as_bytes(), true).await;
        let round = run(&Target::Page(ours::home(address)), PLAN, &[]).await;
        assert_eq!(round.is_ok(), right, "{page}: {round:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_an_error() {
    let [address] = free_addresses().expect("a port");
    let target = Target::Recommend(Recommend::mysteries(address));
    assert!(matches!(run(&target, PLAN, &[]).await, Err(Failure::Call { .. })));
}
