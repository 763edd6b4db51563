use std::{net::SocketAddr, str::FromStr, time::Duration};

use http::HeaderValue;
use service::{
    config::{LogSettings, ShutdownSettings, TlsSettings, app_id, positive_duration},
    secrets::SecretSettings,
    token::TokenSettings,
    url::HttpUrl,
};

use crate::{CookieKey, Proxies, client::Hosts};

/// Shelfwise's storefront: the pages that readers see.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "marketplace", version, after_help = service::telemetry::VARIABLES)]
pub struct Config {
    /// Where pages are served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000")]
    pub bind: SocketAddr,
    /// Where /live, /ready and /metrics are served, in plaintext
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9092")]
    pub admin_bind: SocketAddr,
    /// Where recommendations answers: host or host:port, more than one with commas
    #[arg(long, env = "RECOMMENDATIONS_HOST", value_name = "HOSTS", default_value = "localhost")]
    pub recommendations_host: Hosts,
    /// What recommendations is called where a Dapr sidecar answers at its host: calls name it as dapr-app-id [default: none]
    #[arg(long, env = "RECOMMENDATIONS_APP_ID", value_name = "NAME", value_parser = app_id)]
    pub recommendations_app_id: Option<HeaderValue>,
    /// Where functions answers, for the Cover studio; it may have a path, such as a sidecar's
    #[arg(long, env = "FUNCTIONS_URL", value_name = "URL", default_value = "http://127.0.0.1:8000")]
    pub functions_url: HttpUrl,
    /// How long one call to recommendations, or for what functions there are, may take before a page goes on without it
    #[arg(long, value_name = "TIME", default_value = "300ms", value_parser = positive_duration)]
    pub call_deadline: Duration,
    /// Serve pages over HTTPS, with the certificate below; its authority then is for recommendations alone
    #[arg(long, value_name = "BOOL", default_value = "false", action = clap::ArgAction::Set)]
    pub https: bool,
    /// The address that readers use, such as <https://books.example>, for canonical links and previews [default: none]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<PublicUrl>,
    /// What signs readers' cookies, at least 32 characters, the same for all replicas [default: a new one each time]
    #[arg(long, value_name = "TEXT", hide_env_values = true)]
    pub cookie_key: Option<CookieKey>,
    /// How many visitors of one address may become readers in a minute, 0 for any number
    #[arg(long, value_name = "COUNT", default_value_t = 120)]
    pub new_readers: u32,
    /// How many pictures of one address are worked on in a minute, 0 for any number
    #[arg(long, value_name = "COUNT", default_value_t = 30)]
    pub studio_pictures: u32,
    /// Proxies that say by X-Forwarded-For or Forwarded where readers come from: addresses and networks such as 10.0.0.0/8, with
    /// commas [default: none, so all who come through a proxy share its address]
    #[arg(long, value_name = "NETWORKS")]
    pub trusted_proxies: Option<Proxies>,
    /// What recommendations asks for
    #[command(flatten)]
    pub token: TokenSettings,
    /// Where secrets are that variables only name
    #[command(flatten)]
    pub secrets: SecretSettings,
    /// The certificate that recommendations asks for
    #[command(flatten)]
    pub tls: TlsSettings,
    /// How it ends
    #[command(flatten)]
    pub shutdown: ShutdownSettings,
    /// What it says
    #[command(flatten)]
    pub log: LogSettings,
}

/// Scheme and host, without a path: page addresses are appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether readers come over HTTPS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || "expected http:// or https:// and a host, such as https://books.example".to_owned();
        let uri: http::Uri = text.parse().map_err(|_| error())?;
        let plain =
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.path() == "/" && uri.query().is_none();
        match uri.authority() {
            Some(host) if plain && !host.as_str().contains('@') => {
                Ok(Self(text.trim_end_matches('/').to_owned()))
            }
            _ => Err(error()),
        }
    }
}
