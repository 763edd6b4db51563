use std::{net::SocketAddr, path::PathBuf, time::Duration};

use protobufs::hosts::Hosts;
use service::{
    config::{LogSettings, ShutdownSettings, TlsSettings, positive_duration},
    token::{Token, TokenSettings},
};

use crate::document::Size;

/// Shelfwise's functions: a shop's own WebAssembly modules, over HTTP.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "functions", version, after_help = service::telemetry::VARIABLES)]
pub struct Config {
    /// Where functions are served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    pub bind: SocketAddr,
    /// Where /live, /ready and /metrics are served, in plaintext
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9093")]
    pub admin_bind: SocketAddr,
    /// Calls of all functions that run at a time
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub calls: u32,
    /// Calls of all functions that may wait for their turn; further ones are answered 503
    #[arg(long, value_name = "COUNT", default_value_t = 2_048)]
    pub backlog: u32,
    /// How long one waits
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = positive_duration)]
    pub queue_time: Duration,
    /// How often modules are looked at for changes
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = positive_duration)]
    pub poll: Duration,
    /// Versions of a function that are kept, the current one among them
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub kept_versions: u32,
    /// How long a module may be, such as 64MiB
    #[arg(long, value_name = "BYTES", default_value = "64MiB")]
    pub max_module: Size,
    /// Folder for modules and compiled code [default: nothing is kept]
    #[arg(long, env = "SHELFWISE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where modules lie: file:///FOLDER or s3://BUCKET/PREFIX, with the usual AWS_ variables [default: the data folder]
    #[arg(long, env = "OBJECTS_URL", value_name = "URL")]
    pub objects_url: Option<String>,
    /// Where recommendations answers what functions ask of the shop: host or host:port, more than one with commas
    #[arg(long, env = "RECOMMENDATIONS_HOST", value_name = "HOSTS", default_value = "localhost")]
    pub recommendations_host: Hosts,
    /// Who may deploy, and what recommendations asks for
    #[command(flatten)]
    pub token: TokenSettings,
    /// What deploying takes where there is no token: made by whoever starts the service within another process
    #[arg(skip)]
    pub deploy_token: Option<Token>,
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
