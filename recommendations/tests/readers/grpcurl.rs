//! As an operator calls it: the README's lines, tried.

use std::process::Command;

use crate::Server;

const README: &str = include_str!("../../README.md");

/// The command lines of the README that call readers' services, without their prompt.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for block in README.split("```sh\n").skip(1) {
        let block = block.split("```").next().unwrap().replace("\\\n", "");
        lines.extend(block.lines().filter(|line| line.contains("shelfwise.readers")).map(str::to_owned));
    }
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readmes_lines_work() {
    if !testing::have(&["grpcurl", "sh"]) {
        return;
    }
    let server = Server::over("sqlite::memory:", &["--token", "the-shops-secret"]).await;
    server.channel().await;
    let lines = lines();
    assert!(lines.len() >= 13, "{lines:?}");
    for line in lines {
        let line = line.replace("localhost:50051", &server.address.to_string());
        let run =
            || Command::new("sh").args(["-c", &line]).env("SHELFWISE_TOKEN", "the-shops-secret").output();
        let output = tokio::task::block_in_place(run).unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
