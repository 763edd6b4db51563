use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use ::http::{HeaderMap, Method, StatusCode, header};
use axum::{Router, extract::State, routing::post};
use bytes::Bytes;
use functions::tasks::Secret;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    Host,
    http::{Answer, ask, delete, eventually, once},
    script::Script,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Somebody who is told.
#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    /// What is answered, the last first; 204 after that.
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

impl Listener {
    async fn start(answers: &[StatusCode]) -> (Self, SocketAddr) {
        let listener = Self::default();
        listener.answers.lock().unwrap().extend(answers.iter().rev());
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let app = Router::new().route("/done", post(hear)).with_state(listener.clone());
        tokio::spawn(async move { axum::serve(socket, app).await });
        (listener, address)
    }

    /// The so-manieth message, once it has come.
    async fn message(&self, number: usize) -> (HeaderMap, Bytes) {
        eventually("a message", async || self.heard.lock().unwrap().get(number).cloned()).await
    }
}

async fn hear(State(listener): State<Listener>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap) {
    listener.heard.lock().unwrap().push((headers, body));
    let status = listener.answers.lock().unwrap().pop().unwrap_or(StatusCode::NO_CONTENT);
    let mut headers = HeaderMap::new();
    if status.is_redirection() {
        headers.insert(header::LOCATION, "/done".parse().unwrap());
    }
    (status, headers)
}

async fn task(host: &Host, function: &str, webhook: &str) -> Answer {
    let headers = [("prefer", "respond-async"), ("task-webhook", webhook)];
    ask(host.address, Method::POST, &format!("/{function}"), &headers, "[1]").await
}

fn settings() -> [&'static str; 1] {
    [concat!("--webhook-secret=", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
}

crate::on_both! {
    async fn the_end_of_a_task_is_told_and_signed(database: Database) {
        let (listener, address) = Listener::start(&[]).await;
        let named = address.to_string();
        let host = Host::open_to(&database, Script::new(), &settings(), &[&named]).await;
        let made = task(&host, "echo", &format!("http://{address}/done?x=y")).await;
        assert_eq!(made.status, 202, "{made:?}");
        let (headers, body) = listener.message(0).await;
        let text = |name: &str| headers[name].to_str().unwrap().to_owned();
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&told["url"], &told["state"]), (&made.json()["url"], &"succeeded".into()));
        assert_eq!((&told["result"], &told["progress"]), (&serde_json::json!([1]), &1.0.into()));
        assert_eq!(text("content-type"), "application/json");
        let secret: Secret = SECRET.parse().unwrap();
        let timestamp = text("webhook-timestamp").parse().unwrap();
        let body = std::str::from_utf8(&body).unwrap();
        assert_eq!(text("webhook-signature"), secret.sign(&text("webhook-id"), timestamp, body));
        // As the task shows it.
        let shown = once(host.address, told["url"].as_str().unwrap(), "succeeded").await;
        assert_eq!((&shown["ended_at"], &shown["expires_at"]), (&told["ended_at"], &told["expires_at"]));
    }

    async fn who_does_not_hear_is_told_again(database: Database) {
        let (listener, address) = Listener::start(&[StatusCode::FOUND]).await;
        let named = address.to_string();
        let host = Host::open_to(&database, Script::new(), &settings(), &[&named]).await;
        host.script.rule("refuse", |rules| rules.webhook = Some(format!("http://{address}/done")));
        let headers = [("prefer", "respond-async")];
        ask(host.address, Method::POST, "/refuse", &headers, "").await;
        let (first, body) = listener.message(0).await;
        let (second, again) = listener.message(1).await;
        // The same message, so that it can be known for the same; and no redirect was followed in between.
        assert_eq!((&first["webhook-id"], body), (&second["webhook-id"], again.clone()));
        let told: Value = serde_json::from_slice(&again).unwrap();
        assert_eq!((&told["state"], &told["problem"]["title"]), (&"failed".into(), &"never".into()));
        let store = crate::store(&database).await;
        eventually("nothing is left to tell", async || {
            let lease = std::time::Duration::ZERO;
            store.take_delivery(lease, &[]).await.unwrap().is_none().then_some(())
        })
        .await;
        assert_eq!(listener.heard.lock().unwrap().len(), 2);
    }

    async fn a_host_that_never_answers_holds_up_no_other(database: Database) {
        // The kernel takes its connections, and that is all.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silence = silent.local_addr().unwrap();
        let (listener, address) = Listener::start(&[]).await;
        let named = [silence.to_string(), address.to_string()];
        let host = Host::open_to(&database, Script::new(), &settings(), &[&named[0], &named[1]]).await;
        // One after the other, or a few at a time, they would take minutes to be given up.
        for _ in 0..40 {
            let path = task(&host, "echo", &format!("http://{silence}/done")).await;
            once(host.address, path.header("location"), "succeeded").await;
        }
        let heard = task(&host, "echo", &format!("http://{address}/done")).await.json();
        let (_, body) = listener.message(0).await;
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["id"], heard["id"]);
    }

    async fn cancelling_is_an_end_like_any_other(database: Database) {
        let (listener, address) = Listener::start(&[]).await;
        let named = address.to_string();
        let host = Host::open_to(&database, Script::new(), &settings(), &[&named]).await;
        let webhook = format!("http://{address}/done");
        let running = task(&host, "slow", &webhook).await;
        let path = running.header("location");
        once(host.address, path, "running").await;
        delete(host.address, path).await;
        let (_, body) = listener.message(0).await;
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["state"], "cancelled");
    }

    async fn a_name_that_leads_inside_is_not_followed(database: Database) {
        let (listener, address) = Listener::start(&[]).await;
        // An old way to write 127.0.0.1, which is no address here: a name that leads to this machine without a server of names.
        let host = Host::open_to(&database, Script::new(), &settings(), &["127.1"]).await;
        let made = task(&host, "echo", &format!("http://127.1:{}/done", address.port())).await;
        assert_eq!(made.status, 202, "{made:?}");
        once(host.address, made.header("location"), "succeeded").await;
        eventually("it was tried, and is tried again", async || {
            let tried = "select count(*) from task_deliveries where attempts > 1";
            (crate::queue::count(&database, tried).await == 1).then_some(())
        })
        .await;
        assert!(listener.heard.lock().unwrap().is_empty());
    }

    async fn only_named_hosts_are_told(database: Database) {
        let (listener, address) = Listener::start(&[]).await;
        // A name that leads to this machine, which is not named as such.
        let host = Host::open_to(&database, Script::new(), &settings(), &["hooks.example", "localhost.localdomain"]).await;
        let port = address.port();
        for refused in [
            format!("http://{address}/done"),
            format!("http://localhost:{port}/done"),
            format!("http://hooks.example@127.0.0.1:{port}/done"),
            "ftp://hooks.example/".to_owned(),
            "hooks.example/done".to_owned(),
            "/done".to_owned(),
            "http://hooks.example.evil.example/".to_owned(),
            "".to_owned(),
        ] {
            let answer = task(&host, "echo", &refused).await;
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (400, "application/problem+json"), "{refused}");
        }
        assert_eq!(task(&host, "echo", "https://hooks.example:8443/done").await.status, 202);
        // No secret, no message.
        let silent = Host::open_to(&database, Script::new(), &[], &["hooks.example"]).await;
        assert_eq!(task(&silent, "echo", "https://hooks.example/done").await.status, 503);
        assert!(listener.heard.lock().unwrap().is_empty());
    }
}
