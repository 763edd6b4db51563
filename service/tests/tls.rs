//! Mutual TLS by files, read again when they change.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use axum::{Extension, Router, routing::get};
use service::{
    Limits, Peer, Protocol, Server, Shutdown, certs,
    config::TlsSettings,
    tls::{ClientTls, ServerTls},
};
use testing::eventually;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

fn settings(folder: &Path, side: &str) -> TlsSettings {
    TlsSettings {
        tls_cert: Some(folder.join(format!("{side}.pem"))),
        tls_key: Some(folder.join(format!("{side}.key"))),
        tls_ca: Some(folder.join("ca.pem")),
    }
}

fn make(folder: &Path) {
    certs::write(folder, &["localhost".to_owned()]).unwrap();
}

async fn serve(folder: &Path) -> SocketAddr {
    let tls = ServerTls::load("TEST", &settings(folder, "server"), Protocol::Http2).unwrap();
    let who = async |Extension(peer): Extension<Peer>| format!("certificate: {}", peer.certificate);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(listener, Limits::new(Protocol::Both), Shutdown::never()).tls(tls);
    tokio::spawn(server.serve(Router::new().route("/", get(who))));
    address
}

async fn connect(address: SocketAddr, tls: &ClientTls) -> std::io::Result<TlsStream<TcpStream>> {
    // HTTP/1.1 so that the test can read it.
    let mut config = (*tls.config()).clone();
    config.alpn_protocols.clear();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

#[tokio::test]
async fn a_client_with_a_certificate_of_the_authority_is_served_and_others_are_not() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(ours.path());
    make(theirs.path());
    let address = serve(ours.path()).await;

    let good = ClientTls::load("TEST", &settings(ours.path(), "client")).unwrap().unwrap();
    let answer = ask(&mut connect(address, &good).await.unwrap()).await.unwrap();
    assert!(answer.ends_with("certificate: true"), "{answer}");

    let without = TlsSettings { tls_cert: None, tls_key: None, ..settings(ours.path(), "client") };
    let foreign =
        TlsSettings { tls_ca: Some(ours.path().join("ca.pem")), ..settings(theirs.path(), "client") };
    for refused in [without, foreign] {
        let tls = ClientTls::load("TEST", &refused).unwrap().unwrap();
        // With TLS 1.3 the client learns of the refusal with its first read.
        let answer = match connect(address, &tls).await {
            Ok(mut stream) => ask(&mut stream).await,
            Err(error) => Err(error),
        };
        assert!(!answer.is_ok_and(|answer| answer.contains("HTTP")), "{refused:?}");
    }

    // A server of another authority is refused by the client.
    let stranger = serve(theirs.path()).await;
    assert!(connect(stranger, &good).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificates_are_used_without_dropping_connections() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    let address = serve(folder.path()).await;
    let tls = ClientTls::load("TEST", &settings(folder.path(), "client")).unwrap().unwrap();
    let mut old = connect(address, &tls).await.unwrap();
    assert!(ask(&mut old).await.is_ok());
    let serial = |stream: &TlsStream<TcpStream>| stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let first = serial(&old);

    // A broken file first: nothing changes.
    std::fs::write(folder.path().join("server.pem"), "half a certifi").unwrap();
    assert!(ask(&mut old).await.is_ok());
    make(folder.path());
    let renewed = async || {
        let stream = connect(address, &tls).await.ok()?;
        (serial(&stream) != first).then_some(stream)
    };
    let runtime = tokio::runtime::Handle::current();
    let mut new = tokio::task::block_in_place(|| {
        eventually("the new certificate is shown", Duration::from_secs(20), || runtime.block_on(renewed()))
    });
    assert!(ask(&mut new).await.unwrap().ends_with("certificate: true"));
    assert!(ask(&mut old).await.unwrap().ends_with("certificate: true"), "the old connection goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_of_a_client_is_shown_with_the_next_connection() {
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(theirs.path());
    for name in ["ca.pem", "ca.key"] {
        std::fs::copy(theirs.path().join(name), ours.path().join(name)).unwrap();
    }
    make(ours.path());
    let server =
        ServerTls::load("TEST", &settings(theirs.path(), "server"), Protocol::Both).unwrap().unwrap();
    let client = ClientTls::load("TEST", &settings(ours.path(), "client")).unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shown = async || {
        let accepted = async { server.accept(listener.accept().await?.0).await };
        let (accepted, connected) = tokio::join!(accepted, connect(address, &client));
        connected.unwrap();
        accepted.unwrap().get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = shown().await;
    assert_eq!(shown().await, first);

    // The same authority's, as it renews them; and a broken file first, which changes nothing.
    std::fs::write(ours.path().join("client.pem"), "half a certifi").unwrap();
    assert_eq!(shown().await, first);
    make(ours.path());
    let runtime = tokio::runtime::Handle::current();
    let second = tokio::task::block_in_place(|| {
        eventually("the new certificate is shown", Duration::from_secs(20), || {
            Some(runtime.block_on(shown())).filter(|shown| *shown != first)
        })
    });
    assert_eq!(shown().await, second);
}

#[tokio::test]
async fn half_a_setting_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    let whole = settings(folder.path(), "server");
    let cases = [
        (TlsSettings { tls_key: None, ..whole.clone() }, "TEST_TLS_KEY"),
        (TlsSettings { tls_cert: None, ..whole.clone() }, "TEST_TLS_CERT"),
        (TlsSettings { tls_cert: None, tls_key: None, ..whole.clone() }, "TEST_TLS_CERT"),
        (TlsSettings { tls_key: Some("/nowhere".into()), ..whole.clone() }, "/nowhere"),
        (TlsSettings { tls_key: whole.tls_cert.clone(), ..whole.clone() }, "private key"),
    ];
    for (settings, named) in cases {
        let refusal = ServerTls::load("TEST", &settings, Protocol::Http2).unwrap_err().to_string();
        assert!(refusal.contains(named) && !refusal.contains('\n'), "{refusal}");
    }
    assert!(ServerTls::load("TEST", &TlsSettings::default(), Protocol::Http2).unwrap().is_none());
}
