//! The HTTP side of the commands.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use service::{
    Failure, Protocol, config,
    tls::{self, ClientTls},
    token::{Token, VARIABLE},
    url::HttpUrl,
};
use tokio::time::timeout;

use super::refused;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take: compiling a large module does.
const ANSWER: Duration = Duration::from_secs(300);
/// No answer is longer, in bytes.
const MOST: usize = 1 << 30;

/// Which server a command asks, and what it shows there.
#[derive(Args, Debug)]
pub(super) struct Settings {
    /// Where functions are served; over https with the certificates of MARKETPLACE_TLS_…
    #[arg(
        long,
        global = true,
        env = "FUNCTIONS_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8000"
    )]
    url: Uri,
    /// The server's token [default: the one in the data folder]
    #[arg(long, global = true, env = VARIABLE, value_name = "TEXT", hide_env_values = true)]
    token: Option<Token>,
}

/// A server that is asked.
pub(super) struct Server {
    url: Uri,
    place: HttpUrl,
    tls: Option<ClientTls>,
    token: Option<Token>,
}

/// What is sent.
pub(super) struct Body {
    kind: Option<HeaderValue>,
    bytes: Bytes,
}

impl Body {
    pub(super) fn none() -> Self {
        Self { kind: None, bytes: Bytes::new() }
    }

    pub(super) fn new(kind: &'static str, bytes: Vec<u8>) -> Self {
        Self { kind: Some(HeaderValue::from_static(kind)), bytes: bytes.into() }
    }

    /// A form of these parts.
    pub(super) fn form(parts: &[(&str, &[u8])]) -> Self {
        // A line that stands in none of the parts.
        let stands = |line: &str| parts.iter().any(|(_, bytes)| holds(bytes, line.as_bytes()));
        let lines = (0_u64..).map(|number| format!("shelfwise-{number:016x}"));
        let line =
            lines.into_iter().find(|line| !stands(line)).expect("there are more lines than parts hold");
        let mut body = Vec::new();
        for (name, bytes) in parts {
            let head = format!("--{line}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{line}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={line}");
        Self { kind: Some(kind.parse().expect("a boundary of letters and digits")), bytes: body.into() }
    }
}

impl Server {
    pub(super) fn new(settings: Settings, data: Option<PathBuf>) -> Result<Self, Failure> {
        let Settings { url, token } = settings;
        let wrong =
            || Failure::usage(format!("FUNCTIONS_URL: \"{url}\": expected http:// or https:// and a host"));
        let place: HttpUrl = url.to_string().parse().map_err(|_| wrong())?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(wrong());
        }
        let tls = if place.is_https() {
            let storefront: marketplace::Config = config::from_env(marketplace::PREFIX)?;
            let tls = ClientTls::load(marketplace::PREFIX, &storefront.tls)?;
            Some(tls.ok_or_else(|| {
                Failure::usage("MARKETPLACE_TLS_CA: https needs the authority of the server")
            })?)
        } else {
            None
        };
        let token = match token {
            Some(token) => Some(token),
            None => crate::token::kept(data.as_deref())?,
        };
        Ok(Self { url, place, tls, token })
    }

    /// The JSON that is answered.
    pub(super) async fn json(&self, method: Method, path: &str, body: Body) -> Result<Value, Failure> {
        let answer = self.ask(method, path, body).await?;
        serde_json::from_slice(&answer)
            .map_err(|_| self.failed("no JSON came back: is this the functions service?"))
    }

    /// What is answered; what is refused is a failure.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Body) -> Result<Bytes, Failure> {
        let connecting =
            tls::connect(self.place.host(), self.place.port(), self.tls.as_ref(), Protocol::Http1);
        let stream =
            timeout(CONNECT, connecting).await.map_err(|_| self.failed("does not answer in time"))?;
        let stream = stream.map_err(|error| self.failed(&error.to_string()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.failed(&service::chain(&error)))?;
        let connection = tokio::spawn(connection);
        let request = self.request(method, path, body);
        let answered = async {
            let answer =
                sender.send_request(request).await.map_err(|error| self.failed(&service::chain(&error)))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MOST).collect().await;
            let body = body.map_err(|error| self.failed(&error.to_string()))?.to_bytes();
            if status.is_success() { Ok(body) } else { Err(refused(status, &body)) }
        };
        let answered =
            timeout(ANSWER, answered).await.unwrap_or_else(|_| Err(self.failed("does not answer in time")));
        connection.abort();
        answered
    }

    fn request(&self, method: Method, path: &str, body: Body) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body.bytes));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("what is no part of an address is encoded");
        let headers = request.headers_mut();
        let host = self.place.authority().parse();
        headers.insert(header::HOST, host.expect("an address has a host that can be said"));
        if let Some(kind) = body.kind {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        if let Some(token) = &self.token {
            let mut shown: HeaderValue =
                format!("Bearer {}", token.secret()).parse().expect("a token is visible ASCII");
            shown.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, shown);
        }
        request
    }

    fn failed(&self, why: &str) -> Failure {
        Failure::io(format!("FUNCTIONS_URL {}: {why}", self.url))
    }
}

fn holds(bytes: &[u8], line: &[u8]) -> bool {
    bytes.windows(line.len()).any(|window| window == line)
}
