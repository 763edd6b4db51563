//! The settings of the server.

mod ranking;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::{Parser, value_parser};
use host::name::Name;
use service::{
    config::{LogSettings, ShutdownSettings, TlsSettings, positive_duration},
    grpc::AdmissionSettings,
    secrets::SecretSettings,
    token::TokenSettings,
};

pub use ranking::RankerSettings;

use crate::{
    grpc::Choice,
    rankers::Rankers,
    training,
    variants::{Order, Variants},
};

/// Shelfwise's recommendation server: gRPC for recommendations, the catalogue, health and reflection.
///
/// Every setting is a flag and an environment variable; the flag wins.
#[derive(Parser, Clone, Debug)]
#[command(name = "recommendations", version, after_help = service::telemetry::VARIABLES)]
pub struct Config {
    /// Where gRPC listens
    #[arg(long, value_name = "ADDRESS", default_value_t = (Ipv4Addr::LOCALHOST, protobufs::PORT).into())]
    pub bind: SocketAddr,
    /// Where probes and metrics listen (plaintext)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9091")]
    pub admin_bind: SocketAddr,
    /// Folder for the database [default: shelfwise in the platform's data folder]
    #[arg(long, env = "SHELFWISE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Database: sqlite://FILE, sqlite::memory: or postgres://… [default: shelfwise.db in the data folder]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Whether an empty database is given the catalogue that comes with Shelfwise
    #[arg(long, value_name = "BOOL", default_value = "true", action = clap::ArgAction::Set)]
    pub sample_catalogue: bool,
    /// How many books an answer holds at most; 10,000 stay under the 4 MiB that clients accept by default
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub max_results: u32,
    /// Variety of a recommendation, from 0, only relevance, to 1, unless the request says otherwise
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub diversity: f32,
    /// Share of random books for a reader who is not known to like or want any book, unless the request says otherwise
    #[arg(long, value_name = "SHARE", default_value = "0.2", value_parser = share)]
    pub exploration: f32,
    /// Ways to choose that are compared, each for some of the readers, as "NAME=WEIGHT[:SETTING=VALUE,…] …" with the settings
    /// choose (model, popular, content, random), diversity, exploration and ranker; the first is what the others are compared with [default: none]
    #[arg(long, value_name = "VARIANTS")]
    pub variants: Option<Variants>,
    /// How long a request may be
    #[arg(long, value_name = "BYTES", default_value_t = 65_536, value_parser = value_parser!(u32).range(1024..=268_435_456))]
    pub max_message_bytes: u32,
    /// How long a reader's library may be that is uploaded
    #[arg(long, value_name = "BYTES", default_value_t = 20_000_000, value_parser = value_parser!(u32).range(1..))]
    pub max_library_bytes: u32,
    /// Connections at a time
    #[arg(long, value_name = "COUNT", default_value_t = 4096, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
    /// Calls in flight on one connection
    #[arg(long, value_name = "COUNT", default_value_t = 256, value_parser = value_parser!(u32).range(1..=100_000))]
    pub max_streams: u32,
    /// After what age a connection is asked to go, give or take a tenth, so that load spreads over new replicas
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = positive_duration)]
    pub connection_age: Duration,
    /// After how much silence a connection is asked whether it is still there
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = positive_duration)]
    pub keepalive_interval: Duration,
    /// How long it may take to say so
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = positive_duration)]
    pub keepalive_time: Duration,
    /// Bounds on the work at hand.
    #[command(flatten)]
    pub admission: AdmissionSettings,
    /// The shop's own order.
    #[command(flatten)]
    pub ranking: RankerSettings,
    /// Models.
    #[command(flatten)]
    pub training: training::Settings,
    /// Who may call what changes or reveals.
    #[command(flatten)]
    pub token: TokenSettings,
    /// Where secrets are that variables only name.
    #[command(flatten)]
    pub secrets: SecretSettings,
    /// Certificates.
    #[command(flatten)]
    pub tls: TlsSettings,
    /// The way out.
    #[command(flatten)]
    pub shutdown: ShutdownSettings,
    /// The log.
    #[command(flatten)]
    pub log: LogSettings,
}

impl Config {
    /// How books are chosen where a request does not say, with these rankers at hand.
    #[must_use]
    pub fn choice(&self, rankers: Rankers) -> Choice {
        Choice {
            max_results: self.max_results as usize,
            diversity: self.diversity,
            exploration: self.exploration,
            variants: Arc::new(self.variants.clone().unwrap_or_default()),
            ranker: self.ranking.ranker.clone(),
            rankers,
        }
    }

    /// The rankers that are named, for all readers or for some.
    pub fn rankers(&self) -> impl Iterator<Item = &Name> {
        let variants = self.variants.iter().flat_map(Variants::all);
        let of_variants = variants.filter_map(|variant| match &variant.order {
            Some(Order::Ranker(name)) => Some(name),
            Some(Order::Model) | None => None,
        });
        self.ranking.ranker.iter().chain(of_variants)
    }
}

fn share(text: &str) -> Result<f32, &'static str> {
    let share: f32 = text.parse().map_err(|_| "not a number")?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("must be 0 to 1") }
}
