//! Settings: every field of a service's `Config` is a flag and an environment variable.

use std::{env, ffi::OsString, path::PathBuf, time::Duration};

use clap::{
    Arg, Args, Command, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};
use http::HeaderValue;

use crate::{Failure, secrets};

/// Where certificates come from. None set: plaintext.
#[derive(Args, Clone, Debug, Default)]
pub struct TlsSettings {
    /// PEM file with the certificate chain that this service shows. Read again whenever it changes [default: none, plaintext]
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the private key of the certificate [default: none]
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// PEM file with the authorities that the other side's certificate must come from [default: none]
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
}

/// How the process ends after SIGTERM or SIGINT.
#[derive(Args, Clone, Copy, Debug)]
pub struct ShutdownSettings {
    /// How long to go on serving while not ready, so that load balancers notice
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub shutdown_delay: Duration,
    /// How long calls in flight may take to end after that
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub shutdown_grace: Duration,
}

/// What goes to standard output.
#[derive(Args, Clone, Debug)]
pub struct LogSettings {
    /// Which lines: error, warn, info (one a call), debug, or a filter such as `warn,marketplace=debug`
    #[arg(long, env = "SHELFWISE_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// As what: text for people, json for machines
    #[arg(long, env = "SHELFWISE_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// The form of a log line.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Settings from the command line and the environment. `--help` and `--version` print and exit.
///
/// The variable of a field is `PREFIX_FIELD`, unless the field names its own.
///
/// # Errors
///
/// One line that names the flag or variable and the value (exit code 64).
pub fn parse<C: CommandFactory + FromArgMatches>(prefix: &str) -> Result<C, Failure> {
    read(prefix, env::args_os().collect())
}

/// Settings from the environment and defaults alone, for a service that runs inside another process.
///
/// # Errors
///
/// As [`parse`].
pub fn from_env<C: CommandFactory + FromArgMatches>(prefix: &str) -> Result<C, Failure> {
    read(prefix, vec![prefix.to_lowercase().into()])
}

/// The command line of a service with the variable of every flag filled in; for help texts and checks of manifests.
#[must_use]
pub fn command<C: CommandFactory>(prefix: &str) -> Command {
    C::command().mut_args(|arg| {
        let id = arg.get_id().as_str();
        if arg.get_env().is_some() || matches!(id, "help" | "version") {
            return arg;
        }
        let variable = format!("{prefix}_{}", id.to_uppercase());
        arg.env(variable)
    })
}

/// As [`duration`], for times of which none at all makes no sense: deadlines, intervals, ages.
///
/// # Errors
///
/// If the text is no time, or zero.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("expected more than 0".to_owned()),
        time => Ok(time),
    }
}

/// Reads `300ms`, `2s`, `10m` or `1h`.
///
/// # Errors
///
/// If the text is none of these.
pub fn duration(text: &str) -> Result<Duration, String> {
    let error = || "expected a number and a unit, such as 300ms, 2s, 10m or 1h".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| error())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    // A year is for ever, and adding it to the clock does not overflow.
    milliseconds.filter(|ms| *ms <= 31_536_000_000).map(Duration::from_millis).ok_or_else(error)
}

/// The header in which a call says whom a Dapr sidecar is to pass it on to.
pub const APP_ID_HEADER: &str = "dapr-app-id";

/// What an app is called among Dapr sidecars, as a header says it.
///
/// # Errors
///
/// If the text is no such name.
pub fn app_id(text: &str) -> Result<HeaderValue, &'static str> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let id = HeaderValue::from_str(text).ok().filter(|_| plain && (1..=255).contains(&text.len()));
    id.ok_or("expected 1 to 255 letters, digits and -_.")
}

fn read<C: CommandFactory + FromArgMatches>(prefix: &str, arguments: Vec<OsString>) -> Result<C, Failure> {
    let mut command = command::<C>(prefix);
    let filled = secrets::filled(&command, &arguments)?;
    let matches = command.try_get_matches_from_mut(filled);
    match matches.and_then(|matches| C::from_arg_matches(&matches)) {
        Ok(config) => Ok(config),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            error.exit()
        }
        Err(error) => Err(explain(&error, &command, &arguments)),
    }
}

/// clap's error in one line, for any command line of the suite.
#[must_use]
pub fn explain(error: &clap::Error, command: &Command, arguments: &[OsString]) -> Failure {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let text = error.to_string();
    // Up to the empty line before the usage; missing arguments are listed on lines of their own.
    let words = text.lines().take_while(|line| !line.is_empty()).flat_map(str::split_whitespace);
    let first = words.skip_while(|word| *word == "error:").collect::<Vec<_>>().join(" ");
    let Some((flag, value)) = context(ContextKind::InvalidArg).zip(context(ContextKind::InvalidValue)) else {
        return Failure::usage(first);
    };
    let flag = flag.split_whitespace().next().unwrap_or(flag);
    let arg =
        command.get_arguments().find(|arg| arg.get_long().is_some_and(|long| flag == format!("--{long}")));
    let given = arguments.iter().any(|argument| argument.to_string_lossy().split('=').next() == Some(flag));
    let name =
        arg.and_then(Arg::get_env).filter(|_| !given).map_or(flag.into(), |name| name.to_string_lossy());
    let why = reason(error);
    if arg.is_some_and(Arg::is_hide_env_values_set) {
        return Failure::usage(format!("{name}: {why}"));
    }
    Failure::usage(format!("{name}: {value:?}: {why}"))
}

/// What clap says is wrong with a value.
#[must_use]
pub fn reason(error: &clap::Error) -> String {
    let why = std::error::Error::source(error).map(ToString::to_string).or_else(|| {
        match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(values)) if values.is_empty() => Some("must not be empty".to_owned()),
            Some(ContextValue::Strings(values)) => Some(format!("expected one of {}", values.join(", "))),
            _ => None,
        }
    });
    why.unwrap_or_else(|| "not a value that this setting takes".to_owned())
}

/// Whether a text is a filter of log lines.
///
/// # Errors
///
/// If it is none.
pub fn log_filter(text: &str) -> Result<(), String> {
    tracing_subscriber::EnvFilter::try_new(text).map(|_| ()).map_err(|error| error.to_string())
}
