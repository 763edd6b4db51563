use std::{path::Path, time::Duration};

use marketplace::client::{CallError, Client};
use service::{certs, config::TlsSettings, telemetry::Metrics, tls::ClientTls, trace::TraceContext};

use crate::servers::{Setup, Toy};

fn settings(folder: &Path, who: &str) -> TlsSettings {
    TlsSettings {
        tls_cert: Some(folder.join(format!("{who}.pem"))),
        tls_key: Some(folder.join(format!("{who}.key"))),
        tls_ca: Some(folder.join("ca.pem")),
    }
}

fn certificates(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    certs::write(folder.path(), &names).unwrap();
    folder
}

async fn ask(server: &Toy, tls: Option<&TlsSettings>) -> Result<(), CallError> {
    let tls = tls.and_then(|tls| ClientTls::load("TEST", tls).unwrap());
    let hosts = server.address.to_string().parse().unwrap();
    let client = Client::new(&hosts, tls, Duration::from_secs(3), &Metrics::new("test"));
    client.recommend(&TraceContext::root(0.0), 0, 0, 3).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_show_certificates() {
    let ours = certificates(&["127.0.0.1"]);
    let server = settings(ours.path(), "server");
    let server = Toy::with("127.0.0.1:0", Setup { tls: Some(&server), ..Setup::default() });
    let good = settings(ours.path(), "client");
    assert_eq!(ask(&server, Some(&good)).await, Ok(()));

    let anonymous = TlsSettings { tls_cert: None, tls_key: None, ..good.clone() };
    assert_eq!(ask(&server, Some(&anonymous)).await, Err(CallError::Unavailable));
    assert_eq!(ask(&server, None).await, Err(CallError::Unavailable), "plaintext");
    let theirs = certificates(&["127.0.0.1"]);
    let stranger = settings(theirs.path(), "client");
    assert_eq!(ask(&server, Some(&stranger)).await, Err(CallError::Unavailable), "another authority");
    let impostor = TlsSettings { tls_ca: good.tls_ca.clone(), ..stranger };
    assert_eq!(
        ask(&server, Some(&impostor)).await,
        Err(CallError::Unavailable),
        "another authority's client"
    );
    assert_eq!(server.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_replaced_opens_the_door_without_a_restart() {
    let (ours, theirs) = (certificates(&["127.0.0.1"]), certificates(&["127.0.0.1"]));
    let server = settings(ours.path(), "server");
    let server = Toy::with("127.0.0.1:0", Setup { tls: Some(&server), ..Setup::default() });
    let place = tempfile::tempdir().unwrap();
    let put = |from: &Path, name: &str| std::fs::copy(from.join(name), place.path().join(name)).unwrap();
    put(ours.path(), "ca.pem");
    put(theirs.path(), "client.pem");
    put(theirs.path(), "client.key");
    let tls = ClientTls::load("TEST", &settings(place.path(), "client")).unwrap();
    let hosts = server.address.to_string().parse().unwrap();
    let client = Client::new(&hosts, tls, Duration::from_secs(3), &Metrics::new("test"));
    let trace = TraceContext::root(0.0);
    assert_eq!(client.recommend(&trace, 0, 0, 3).await, Err(CallError::Unavailable));

    put(ours.path(), "client.pem");
    put(ours.path(), "client.key");
    let limit = tokio::time::Instant::now() + Duration::from_secs(20);
    while client.recommend(&trace, 0, 0, 3).await.is_err() {
        assert!(tokio::time::Instant::now() < limit, "the new certificate is not shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_refused() {
    let folder = certificates(&["elsewhere.example"]);
    let server = settings(folder.path(), "server");
    let server = Toy::with("127.0.0.1:0", Setup { tls: Some(&server), ..Setup::default() });
    let client = settings(folder.path(), "client");
    assert_eq!(ask(&server, Some(&client)).await, Err(CallError::Unavailable));
    assert_eq!(server.calls(), 0);
}
