//! A handler that panics ends its own call and nothing else.

use axum::{Router, routing::get};
use bytes::Bytes;
use h2::client::SendRequest;
use service::{Limits, Protocol, Server, Shutdown};
use tokio::net::{TcpListener, TcpStream};

async fn broken() -> &'static str {
    panic!("the inside")
}

async fn ask(client: &SendRequest<Bytes>, path: &str) -> Result<http::Response<h2::RecvStream>, h2::Error> {
    let request = http::Request::get(format!("http://test{path}")).body(()).unwrap();
    client.clone().ready().await?.send_request(request, true)?.0.await
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http2_the_other_calls_of_its_connection_go_on() {
    let (hold, held) = tokio::sync::watch::channel(());
    let slow = get(async move || {
        let mut held = held;
        // Until the sender is gone.
        _ = held.changed().await;
        "slow"
    });
    let routes = Router::new()
        .route("/broken", get(broken))
        .route("/slow", slow)
        .route("/fine", get(|| async { "fine" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new(listener, Limits::new(Protocol::Http2), Shutdown::never()).serve(routes));

    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let slow = tokio::spawn({
        let client = client.clone();
        async move { ask(&client, "/slow").await }
    });
    assert_eq!(ask(&client, "/fine").await.unwrap().status(), 200);
    for _ in 0..3 {
        let error = ask(&client, "/broken").await.unwrap_err();
        assert!(error.is_reset(), "{error}");
        assert_eq!(ask(&client, "/fine").await.unwrap().status(), 200);
    }
    drop(hold);
    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
}
