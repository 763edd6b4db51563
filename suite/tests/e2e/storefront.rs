//! R1's integration test, and what happens to pages when the server behind them goes away.

use testing::http;

use crate::process::Suite;

#[test]
fn the_tutorials_integration_test_passes() {
    let suite = Suite::start();
    let page = http::get(suite.pages, "/").unwrap();
    assert_eq!(page.status, 200);
    assert_eq!(page.body.matches("<title>Online Books For You</title>").count(), 1);
    assert!(page.body.contains("Mystery books you may like"));
    assert_eq!(page.body.matches("<li>").count(), 3);
}
