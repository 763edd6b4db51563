//! As an operator calls it: the README's lines, tried.

use std::{process::Command, time::Duration};

use protobufs::models::{ListModelsRequest, models_service_client::ModelsServiceClient};

use crate::{Server, within};

const README: &str = include_str!("../../README.md");
const TOKEN: &str = "the-shops-secret";

/// The command lines of the README that call the server.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for block in README.split("```sh\n").skip(1) {
        let block = block.split("```").next().unwrap().replace("\\\n", "");
        // A quoted text may go over several lines.
        let block = block.split("\ngrpcurl ").map(|line| line.trim_start_matches("grpcurl ").trim());
        lines.extend(
            block.filter(|line| line.contains("localhost:50051")).map(|line| format!("grpcurl {line}")),
        );
    }
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readmes_lines_work() {
    if !testing::have(&["grpcurl", "jq", "sh"]) {
        return;
    }
    // The first model comes of simulated readers.
    let settings =
        ["--token", TOKEN, "--simulated-readers", "true", "--train", "true", "--train-trials", "1"];
    let server = Server::over("sqlite::memory:", &settings).await;
    let guarded = |mut request: tonic::Request<()>| {
        request.metadata_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
        Ok(request)
    };
    let models = ModelsServiceClient::with_interceptor(server.channel().await, guarded);
    let mut version = String::new();
    within(Duration::from_secs(60), true, async || {
        let listed = models.clone().list_models(ListModelsRequest {}).await.unwrap().into_inner().models;
        version =
            listed.into_iter().find(|model| model.active).map(|model| model.version).unwrap_or_default();
        !version.is_empty()
    })
    .await;
    let lines = lines();
    let services = ["Recommendations/", "CatalogueService/", "ReadersService/", "ModelsService/", "Health/"];
    let of = |service: &str| lines.iter().filter(|line| line.contains(service)).count();
    assert_eq!(services.map(|service| of(service) > 0), [true; 5], "{lines:?}");
    // Each call of a contract at least once.
    for (service, calls) in [("CatalogueService/", 5), ("ReadersService/", 13), ("ModelsService/", 10)] {
        assert!(of(service) >= calls, "{service}");
    }
    for line in lines {
        let line = line.replace("localhost:50051", &server.address.to_string());
        let run = || {
            let mut shell = Command::new("sh");
            shell.args(["-c", &line]).env("SHELFWISE_TOKEN", TOKEN).env("VERSION", &version).output()
        };
        let output = tokio::task::block_in_place(run).unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
