//! grpcurl and a Python client generated from the contract.

use std::process::Command;

use crate::process::{Ended, Suite, run, shelfwise, workspace};

fn grpcurl(suite: &Suite, arguments: &[&str], target: &[&str]) -> Ended {
    run(Command::new("grpcurl").args(arguments).arg(suite.grpc.to_string()).args(target))
}

#[test]
fn grpcurl_needs_no_contract_file() {
    if !testing::have(&["grpcurl"]) {
        return;
    }
    let suite = Suite::start();
    let plain =
        |arguments: &[&str], target: &[&str]| grpcurl(&suite, &[&["-plaintext"], arguments].concat(), target);

    let services = plain(&[], &["list"]).out;
    for service in [
        "Recommendations",
        "shelfwise.catalogue.v1.CatalogueService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
    ] {
        assert!(services.lines().any(|line| line == service), "{service} in\n{services}");
    }
    let described = plain(&[], &["describe", "RecommendationRequest"]).out;
    assert!(
        described.contains("BookCategory category = 2") && described.contains("int32 max_results = 3"),
        "{described}"
    );

    let call = r#"{"user_id": 1, "category": "SELF_HELP", "max_results": 3}"#;
    let answer = plain(&["-d", call], &["Recommendations/Recommend"]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    assert_eq!(answer.out.matches("\"title\"").count(), 3, "{}", answer.out);

    let unknown = plain(&["-d", r#"{"category": 999, "max_results": 3}"#], &["Recommendations/Recommend"]);
    assert!(
        unknown.err.contains("NotFound") && unknown.err.contains("Category not found"),
        "{}",
        unknown.err
    );
    let negative = plain(&["-d", r#"{"max_results": -1}"#], &["Recommendations/Recommend"]);
    assert!(
        negative.err.contains("InvalidArgument") && negative.err.contains("max_results"),
        "{}",
        negative.err
    );

    for service in ["", "Recommendations", "shelfwise.catalogue.v1.CatalogueService"] {
        let health =
            plain(&["-d", &format!(r#"{{"service": "{service}"}}"#)], &["grpc.health.v1.Health/Check"]);
        assert!(health.out.contains("SERVING"), "{service}: {}", health.err);
    }
    let health = plain(&["-d", r#"{"service": "nothing"}"#], &["grpc.health.v1.Health/Check"]);
    assert!(health.err.contains("NotFound"), "{}", health.err);

    let found = plain(
        &["-d", r#"{"query": "orient expres"}"#],
        &["shelfwise.catalogue.v1.CatalogueService/SearchBooks"],
    );
    assert!(found.out.contains("Murder on the Orient Express"), "{} {}", found.out, found.err);
}

#[test]
fn with_mutual_tls_only_a_certificate_opens_the_door() {
    if !testing::have(&["grpcurl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(shelfwise().arg("certs").arg(folder.path())).code, Some(0));
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (ca, server, server_key) = (file("ca.pem"), file("server.pem"), file("server.key"));
    let (client, client_key) = (file("client.pem"), file("client.key"));
    let suite = Suite::start_with(&[
        ("RECOMMENDATIONS_TLS_CERT", &server),
        ("RECOMMENDATIONS_TLS_KEY", &server_key),
        ("RECOMMENDATIONS_TLS_CA", &ca),
        ("MARKETPLACE_TLS_CERT", &client),
        ("MARKETPLACE_TLS_KEY", &client_key),
        ("MARKETPLACE_TLS_CA", &ca),
    ]);
    let pasted = format!("grpcurl -cacert {ca} -cert {client} -key {client_key} -d ");
    assert!(suite.printed().contains(&pasted), "{}", suite.printed());
    let with = grpcurl(&suite, &["-cacert", &ca, "-cert", &client, "-key", &client_key], &["list"]);
    assert_eq!(with.code, Some(0), "{}", with.err);
    let without = grpcurl(&suite, &["-cacert", &ca, "-connect-timeout", "3"], &["list"]);
    assert_ne!(without.code, Some(0));
    let plain = grpcurl(&suite, &["-plaintext", "-connect-timeout", "3"], &["list"]);
    assert_ne!(plain.code, Some(0));
    // The storefront presents its certificate.
    let page = testing::http::get(suite.pages, "/").unwrap();
    assert_eq!(page.body.matches("<li>").count(), 3, "{}", page.body);
}

#[test]
fn a_python_client_generated_from_the_contract_works() {
    // `SHELFWISE_PYTHON` names an interpreter that has grpcio and grpcio-tools.
    let python = std::env::var("SHELFWISE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !testing::have(&[&python]) {
        return;
    }
    if run(Command::new(&python).args(["-c", "import grpc, grpc_tools"])).code != Some(0) {
        testing::missing("grpcio and grpcio-tools for Python");
        return;
    }
    let suite = Suite::start();
    let generated = tempfile::tempdir().unwrap();
    let contracts = workspace().join("protobufs");
    let ended = run(Command::new(&python)
        .args(["-m", "grpc_tools.protoc", "-I"])
        .arg(&contracts)
        .arg("--python_out")
        .arg(generated.path())
        .arg("--grpc_python_out")
        .arg(generated.path())
        .arg("recommendations.proto"));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let client = workspace().join("suite/tests/e2e/client.py");
    let ended = run(Command::new(&python)
        .arg(client)
        .arg(suite.grpc.to_string())
        .env("PYTHONPATH", generated.path()));
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
}
