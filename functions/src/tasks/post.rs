//! Sends messages to hosts that were named, over HTTP/1.1.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use host::Allowed;
use http::{Request, StatusCode, Uri, header, uri::Scheme};
use http_body_util::Full;
use tokio::time::timeout;

/// How long a connection may take, and how long all of it.
const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(15);

/// Sends messages. It follows no redirect, asks no proxy, and connects to no address that was not checked.
pub(super) struct Post {
    hosts: Arc<dyn Fn() -> Allowed + Send + Sync>,
}

/// What is sent.
pub(super) struct Message<'a> {
    /// Its name.
    pub(super) id: &'a str,
    /// The second since 1970 at which it is sent.
    pub(super) timestamp: i64,
    /// Over the name, the second and the body.
    pub(super) signature: &'a str,
    /// JSON.
    pub(super) body: String,
}

impl Post {
    pub(super) fn new(hosts: Arc<dyn Fn() -> Allowed + Send + Sync>) -> Self {
        Self { hosts }
    }

    /// Whether a message may be sent there, as far as the address alone can tell.
    pub(super) fn may_go_to(&self, uri: &Uri) -> bool {
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        let login = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        known && !login && place(uri).is_some_and(|(host, port, _)| (self.hosts)().names(host, port))
    }

    /// Sends a message, and says what the other side answered; or why it did not, for the log.
    pub(super) async fn send(&self, url: &str, message: Message<'_>) -> Result<StatusCode, String> {
        let sending = self.exchange(url, message);
        timeout(WHOLE, sending).await.unwrap_or_else(|_| Err(format!("no answer within {WHOLE:?}")))
    }

    async fn exchange(&self, url: &str, message: Message<'_>) -> Result<StatusCode, String> {
        let uri: Uri = url.parse().map_err(|_| "no address".to_owned())?;
        let (host, port, secure) = place(&uri).ok_or("no address")?;
        let stream =
            (self.hosts)().connect(host, port, CONNECT).await.map_err(|denied| service::chain(&denied))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = uri.authority().map_or(host, |authority| authority.as_str());
        let request = Request::post(path)
            .header(header::HOST, authority)
            .header(header::USER_AGENT, "shelfwise")
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", message.signature)
            .body(Full::new(Bytes::from(message.body)))
            .map_err(|error| error.to_string())?;
        // The head is all that counts; what follows it is not read.
        let answered = match secure {
            false => host::exchange(stream, request).await,
            true => {
                let stream = host::secure(host, stream).await.map_err(|error| error.to_string())?;
                host::exchange(stream, request).await
            }
        };
        answered.map(|(answer, _)| answer.status()).map_err(|error| service::chain(&error))
    }
}

/// Host and port of an address. It is all of it that is shown: what follows may be secret. Empty if it is none.
pub(super) fn host(url: &str) -> String {
    let uri: Option<Uri> = url.parse().ok();
    let place = uri.as_ref().and_then(place);
    place.map_or_else(String::new, |(host, port, _)| format!("{}:{port}", host.to_ascii_lowercase()))
}

/// Host, port, and whether it is spoken to in secret.
fn place(uri: &Uri) -> Option<(&str, u16, bool)> {
    let secure = uri.scheme() == Some(&Scheme::HTTPS);
    let host = uri.host().filter(|host| !host.is_empty())?;
    Some((host, uri.port_u16().unwrap_or(if secure { 443 } else { 80 }), secure))
}
