//! The settings of the service: a flag each, a variable each, and a file. The flag wins, then the variable, then the file.

mod values;
mod gunicorn;
mod file;
mod models;
mod rules;
mod check;
mod reload;

use std::{collections::BTreeMap, env, ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgMatches, FromArgMatches as _, error::ErrorKind, parser::ValueSource};
use host::Allowed;
use http::HeaderValue;
use protobufs::hosts::Hosts;
use service::{
    Failure,
    config::{
        self, LogFormat, LogSettings, ShutdownSettings, TlsSettings, app_id, duration, positive_duration,
    },
    proxies::Proxies,
    secrets::{self, SecretSettings},
    telemetry::LogTarget,
    token::{Token, TokenSettings},
};

pub use check::check;
pub use models::ModelArguments;
pub(crate) use models::open as open_models;
pub use reload::Reload;
pub use rules::{Door, Listener, Live, Rules};
pub use values::Folders;

use crate::{cors::Cors, document::Size, tasks::TaskSettings};

/// The prefix of the service's variables.
pub const PREFIX: &str = "FUNCTIONS";

/// The most calls that run at a time, whatever `workers` and `threads` say.
pub const MOST_CALLS: u32 = 10_000;
/// Bytes of a request's head, whatever `limit_request_fields` and `limit_request_field_size` say.
pub const MOST_HEAD: u32 = 64 * 1024;

/// Runs a shop's own functions, WebAssembly modules, and serves them over HTTP.
///
/// Every setting is a flag, an environment variable and a key (with _ for -) of the file that FUNCTIONS_CONFIG names; the flag wins,
/// then the variable. Names and defaults are gunicorn's where it has the same setting. `functions check-config FILE` checks a file.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "functions", version, after_help = service::telemetry::VARIABLES)]
pub struct Config {
    /// TOML file with any of these settings, and with limits, routes and further listeners; read again at SIGHUP [default: none]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where functions are served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000", value_parser = values::address)]
    pub bind: SocketAddr,
    /// Where /live, /ready and /metrics are served, in plaintext
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9093", value_parser = values::address)]
    pub admin_bind: SocketAddr,
    /// Calls that run at a time are as many as workers times threads [default: one a processor]
    #[arg(long, value_name = "COUNT", value_parser = |text: &str| values::count(text, 1_000))]
    pub workers: Option<u32>,
    /// See workers; a call that waits for the shop or for another host leaves its processor to others
    #[arg(long, value_name = "COUNT", default_value = "4", value_parser = |text: &str| values::count(text, 1_000))]
    pub threads: u32,
    /// Calls of all functions that may wait for their turn; further ones are answered 503
    #[arg(long, value_name = "COUNT", default_value = "2048", value_parser = |text: &str| values::count(text, 100_000))]
    pub backlog: u32,
    /// Connections at a time on each listener, for each worker; further ones wait in the kernel's backlog
    #[arg(long, value_name = "COUNT", default_value = "1000", value_parser = |text: &str| values::count(text, 100_000))]
    pub worker_connections: u32,
    /// How long a connection may be unused after an answer: seconds, or a time such as 500ms
    #[arg(long, value_name = "TIME", default_value = "2", value_parser = |text: &str| values::seconds(text, 1, 3_600))]
    pub keepalive: Duration,
    /// How long a request may take, its body, its wait and its answer's head included: seconds, or a time such as 90s
    #[arg(long, value_name = "TIME", default_value = "30", value_parser = |text: &str| values::seconds(text, 1, 3_600))]
    pub timeout: Duration,
    /// How long calls in flight may take to end after SIGTERM: seconds, or a time such as 1m
    #[arg(long, value_name = "TIME", default_value = "30", value_parser = |text: &str| values::seconds(text, 0, 3_600))]
    pub graceful_timeout: Duration,
    /// How long to go on serving while not ready after SIGTERM, so that load balancers notice
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub shutdown_delay: Duration,
    /// Bytes of a request's first line: method, address and version
    #[arg(long, value_name = "BYTES", default_value = "4094", value_parser = |text: &str| values::count(text, 8_190))]
    pub limit_request_line: u32,
    /// Header fields of a request
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = |text: &str| values::count(text, 1_000))]
    pub limit_request_fields: u32,
    /// Bytes of one header field, name and value
    #[arg(long, value_name = "BYTES", default_value = "8190", value_parser = |text: &str| values::count(text, 32_768))]
    pub limit_request_field_size: u32,
    /// After how many calls an instance that is kept between calls (of the se2 kind) is made anew
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = |text: &str| values::count(text, 1_000_000_000))]
    pub max_requests: u32,
    /// Where a line for each request goes, in Apache's combined format with time taken: a file, or - for standard output
    /// [default: nowhere]
    #[arg(long, value_name = "FILE")]
    pub accesslog: Option<LogTarget>,
    /// Where the log goes: a file, or - for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub errorlog: LogTarget,
    /// Which lines of the log: debug, info (one a call), warning, error, critical, or a filter such as `warn,functions=debug`
    #[arg(long, env = "SHELFWISE_LOG", value_name = "FILTER", default_value = "info", value_parser = values::level)]
    pub loglevel: String,
    /// The log as what: text for people, json for machines
    #[arg(long, env = "SHELFWISE_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Where the process writes its number while it runs [default: nowhere]
    #[arg(long, value_name = "FILE")]
    pub pidfile: Option<PathBuf>,
    /// Pages of which origins may call functions from browsers: https://shop.example, more with commas, or * for all
    /// [default: none]
    #[arg(long, value_name = "ORIGINS")]
    pub cors: Option<Cors>,
    /// Calls that one client may make in a minute; further ones are answered 429 [default: any number]
    #[arg(long, value_name = "COUNT", value_parser = |text: &str| values::count(text, 1_000_000))]
    pub client_calls: Option<u32>,
    /// Proxies that say by X-Forwarded-For or Forwarded where clients are: addresses and networks such as 10.0.0.0/8, with commas
    /// [default: none, so all who come through a proxy are one client]
    #[arg(long, value_name = "NETWORKS")]
    pub trusted_proxies: Option<Proxies>,
    /// Hosts that webhooks may go to, with commas: names, addresses or networks, each with a port if only that one is meant; what
    /// functions may reach, their manifests say [default: none]
    #[arg(long, value_name = "HOSTS", value_parser = values::hosts)]
    pub hosts: Option<Allowed>,
    /// Below which folders of this machine manifests may grant folders, with commas; nothing of the data folder [default: none to functions
    /// deployed over HTTP, any to those whose manifest lies where modules lie]
    #[arg(long, value_name = "FOLDERS")]
    pub folders: Option<Folders>,
    /// How often modules are looked at for changes
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = positive_duration)]
    pub poll: Duration,
    /// Versions of a function that are kept, the current one among them
    #[arg(long, value_name = "COUNT", default_value = "10", value_parser = |text: &str| values::count(text, 1_000))]
    pub kept_versions: u32,
    /// Whether a store that has never held modules gets a few to try [default: false, and true within the suite]
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set)]
    pub samples: Option<bool>,
    /// How long a module may be, such as 64MiB
    #[arg(long, value_name = "BYTES", default_value = "64MiB")]
    pub max_module: Size,
    /// Folder for the database, modules and compiled code [default: shelfwise in the platform's data folder]
    #[arg(long, env = "SHELFWISE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Database for tasks and for what functions keep: sqlite://FILE, sqlite::memory: or postgres://… [default: shelfwise.db in
    /// the data folder]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Calls in the background
    #[command(flatten)]
    pub tasks: TaskSettings,
    /// Where modules lie: file:///FOLDER or s3://BUCKET/PREFIX, with the usual AWS_ variables [default: the data folder]
    #[arg(long, env = "OBJECTS_URL", value_name = "URL", hide_env_values = true)]
    pub objects_url: Option<String>,
    /// Where recommendations answers what functions ask of the shop: host or host:port, more than one with commas
    #[arg(long, env = "RECOMMENDATIONS_HOST", value_name = "HOSTS", default_value = "localhost")]
    pub recommendations_host: Hosts,
    /// A model that functions may ask
    #[command(flatten)]
    pub model: ModelArguments,
    /// What recommendations is called where a Dapr sidecar answers at its host: calls name it as dapr-app-id [default: none]
    #[arg(long, env = "RECOMMENDATIONS_APP_ID", value_name = "NAME", value_parser = app_id)]
    pub recommendations_app_id: Option<HeaderValue>,
    /// Who may deploy, and what recommendations asks for
    #[command(flatten)]
    pub token: TokenSettings,
    /// Where secrets are that variables only name
    #[command(flatten)]
    pub secrets: SecretSettings,
    /// What deploying takes where there is no token: made by whoever starts the service within another process
    #[arg(skip)]
    pub deploy_token: Option<Token>,
    /// Serve over HTTPS, with the certificate below; its authority then is for recommendations alone
    #[arg(long, value_name = "BOOL", default_value = "false", action = clap::ArgAction::Set)]
    pub https: bool,
    /// The certificate that functions are served with over HTTPS, and that recommendations asks for
    #[command(flatten)]
    pub tls: TlsSettings,
    /// What the file alone can say, and may say anew while the service runs.
    #[arg(skip)]
    pub rules: Rules,
    /// Every setting as it was written, to see what a new reading changes, and whether anybody has written it.
    #[arg(skip)]
    pub(crate) written: BTreeMap<String, Written>,
    /// What the process was started with, to read the settings again.
    #[arg(skip)]
    pub(crate) arguments: Vec<OsString>,
}

/// A setting as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    value: String,
    is_default: bool,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked {
    /// `functions`
    Serve(Box<Config>),
    /// `functions check-config`: every setting was fine, and this says what they come to.
    Checked(String),
}

impl Config {
    /// Settings from this process's command line, its environment and the file that they name. `--help` and `--version` print and
    /// exit.
    ///
    /// # Errors
    ///
    /// One line that names the flag, the variable, or the file's line and key, with the value (exit code 64), or the file
    /// that cannot be read (74).
    pub fn from_command_line() -> Result<Asked, Failure> {
        let mut arguments: Vec<OsString> = env::args_os().collect();
        if arguments.get(1).is_none_or(|word| word != check::COMMAND) {
            return Self::read(arguments).map(|config| Asked::Serve(Box::new(config)));
        }
        arguments.remove(1);
        // A file alone is what other programs of the kind take.
        if let [_, file] = arguments.as_slice()
            && !file.to_string_lossy().starts_with('-')
        {
            arguments = vec![arguments[0].clone(), "--config".into(), file.clone()];
        }
        Self::read(arguments).and_then(|config| check::summary(&config)).map(Asked::Checked)
    }

    /// Settings from the environment and the file that `FUNCTIONS_CONFIG` names, for the service within another process.
    ///
    /// # Errors
    ///
    /// As [`Config::from_command_line`].
    pub fn from_env() -> Result<Self, Failure> {
        Self::read(vec![PREFIX.to_lowercase().into()])
    }

    /// Settings from these arguments, the first of which is the program's name, the environment and the file that they name.
    ///
    /// # Errors
    ///
    /// As [`Config::from_command_line`].
    pub fn read(arguments: Vec<OsString>) -> Result<Self, Failure> {
        let asked = arguments.clone();
        let arguments = secrets::filled(&config::command::<Self>(PREFIX), &arguments)?;
        let given = matches(&arguments)?;
        let file = given.get_one::<PathBuf>("config").map(|path| file::read(path)).transpose()?;
        let file = file.unwrap_or_default();
        let mut merged = arguments.clone();
        let unsaid = |key: &str| matches!(given.value_source(key), None | Some(ValueSource::DefaultValue));
        // Nothing else says it, so it may as well have been said first on the command line.
        let said = file.settings.iter().filter(|setting| unsaid(setting.key)).map(file::Setting::argument);
        merged
            .splice(1.min(merged.len()).., said.chain(arguments.iter().skip(1).cloned()).collect::<Vec<_>>());
        let merged = matches(&merged)?;
        let mut config = Self::from_arg_matches(&merged).map_err(Failure::usage)?;
        config.rules = Rules::of(file.rules, &config);
        config.written = written(&merged);
        config.arguments = asked;
        config.check()?;
        Ok(config)
    }

    /// What each setting allows and all of them together do not.
    fn check(&self) -> Result<(), Failure> {
        let (workers, threads) = (self.workers(), self.threads);
        if self.calls() > MOST_CALLS {
            return Err(Failure::usage(format!(
                "workers {workers} × threads {threads}: no more than {MOST_CALLS} calls run at a time"
            )));
        }
        Ok(())
    }

    /// Whether a flag, a variable or the file makes a setting, such as `recommendations_host`.
    #[must_use]
    pub fn makes(&self, setting: &str) -> bool {
        self.written.get(setting).is_some_and(|written| !written.is_default)
    }

    /// As many as set, or as the machine has processors.
    #[must_use]
    pub fn workers(&self) -> u32 {
        let processors =
            || std::thread::available_parallelism().map_or(1, |count| count.get().min(1_000) as u32);
        self.workers.unwrap_or_else(processors)
    }

    /// Calls of guests that run at a time.
    #[must_use]
    pub fn calls(&self) -> u32 {
        self.workers().saturating_mul(self.threads)
    }

    /// How the process ends.
    #[must_use]
    pub fn shutdown(&self) -> ShutdownSettings {
        ShutdownSettings { shutdown_delay: self.shutdown_delay, shutdown_grace: self.graceful_timeout }
    }

    /// What goes to the log.
    #[must_use]
    pub fn log(&self) -> LogSettings {
        LogSettings { log: self.loglevel.clone(), log_format: self.log_format }
    }

    /// What a listener gives to its connections. Heads that are longer than allowed are read, as far as [`MOST_HEAD`], so that
    /// they can be refused with a word.
    #[must_use]
    pub fn listener(&self) -> service::Limits {
        service::Limits {
            max_connections: (self.workers().saturating_mul(self.worker_connections)).min(1_000_000) as usize,
            idle_time: Some(self.keepalive),
            max_headers: (self.limit_request_fields as usize).max(100),
            max_header_bytes: MOST_HEAD,
            max_http2_header_bytes: MOST_HEAD,
            ..service::Limits::new(service::Protocol::Both)
        }
    }
}

fn matches(arguments: &[OsString]) -> Result<ArgMatches, Failure> {
    let mut command = config::command::<Config>(PREFIX);
    command.try_get_matches_from_mut(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        _ => config::explain(&error, &command, arguments),
    })
}

fn written(matches: &ArgMatches) -> BTreeMap<String, Written> {
    let keys = file::KEYS.iter().map(|key| &key.id);
    let written = |key: &String| {
        let values = matches.get_raw(key)?.map(|value| value.to_string_lossy());
        let is_default = matches.value_source(key) == Some(ValueSource::DefaultValue);
        Some(Written { value: values.collect::<Vec<_>>().join(","), is_default })
    };
    keys.filter_map(|key| Some((key.clone(), written(key)?))).collect()
}

#[cfg(test)]
mod tests;
