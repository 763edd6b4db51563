//! Settings whose values lie in a secret store, of which a Dapr sidecar is asked.
//!
//! A variable of a setting that is a secret may say `secret:NAME` or `secret:NAME/KEY` instead of the secret. The store is asked
//! once, at the start, so its sidecar has to be there by then, or soon.

use std::{
    env,
    ffi::OsString,
    io::{self, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

use clap::{Arg, Args, Command};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::{Failure, url::HttpUrl};

/// The variable that names the store, the same for all services.
pub const VARIABLE: &str = "SHELFWISE_SECRETS";
/// What a value begins with that is not the secret itself.
const PREFIX: &str = "secret:";
/// How long a sidecar that starts beside the service may take to listen, and between two attempts.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(200);
/// How long it may take to connect, and between two pieces of the answer.
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);
/// No answer is longer, in bytes.
const MOST: u64 = 1 << 20;
/// What Dapr's own variable holds where its API asks for a token.
const API_TOKEN: &str = "DAPR_API_TOKEN";

/// Where secrets are.
#[derive(Args, Clone, Debug, Default)]
pub struct SecretSettings {
    /// Secret store as a Dapr sidecar has it, such as <http://127.0.0.1:3500/v1.0/secrets/STORE>; variables of secrets may then say
    /// secret:NAME or secret:NAME/KEY [default: none]
    #[arg(long, env = VARIABLE, value_name = "URL")]
    pub secrets: Option<SecretStore>,
}

/// A secret store by its address at a sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretStore(HttpUrl);

/// A text that is no such address.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("expected http://, a host and a store's path, such as http://127.0.0.1:3500/v1.0/secrets/STORE")]
pub struct SecretStoreError;

/// Why there is no secret.
#[derive(Debug, Error)]
enum Fault {
    #[error("the secret store at {0} cannot be reached: {1}")]
    Unreachable(String, io::Error),
    #[error("the secret store answers with status {0} when asked for {1}")]
    Status(String, String),
    #[error("the secret store's answer cannot be read")]
    Malformed,
    #[error("the secret store has no {0:?} in {1}")]
    Missing(String, String),
}

/// A command line with the secrets that variables only name. Without such a variable it is the same, and nobody is asked.
///
/// # Errors
///
/// One line that names the variable and never the secret: the store is not set (64), cannot be reached, or does not have it (74).
pub fn filled(command: &Command, arguments: &[OsString]) -> Result<Vec<OsString>, Failure> {
    let mut filled = arguments.to_vec();
    let settings = command.get_arguments();
    let named = settings.filter(|setting| setting.is_hide_env_values_set()).filter_map(|setting| {
        let variable = setting.get_env()?.to_str()?;
        let flag = format!("--{}", setting.get_long()?);
        let value = env::var(variable).ok().filter(|_| given(&flag, arguments).is_none())?;
        Some((variable.to_owned(), flag, value.strip_prefix(PREFIX)?.to_owned()))
    });
    let named: Vec<_> = named.collect();
    if named.is_empty() {
        return Ok(filled);
    }
    let store = store(command, arguments)?;
    let until = Instant::now() + PATIENCE;
    for (variable, flag, place) in named {
        let (name, key) = place.split_once('/').map_or((&*place, None), |(name, key)| (name, Some(key)));
        let plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
        };
        if !plain(name) || !key.is_none_or(plain) {
            return Err(Failure::usage(format!(
                "{variable}: expected secret:NAME or secret:NAME/KEY of letters, digits and -_.:"
            )));
        }
        let Some(store) = &store else {
            return Err(Failure::usage(format!("{variable}: secret:{place} needs {VARIABLE}")));
        };
        let secret = store.secret(name, key, until);
        let secret = secret.map_err(|fault| Failure::io(format!("{variable}: {fault}")))?;
        filled.push(format!("{flag}={secret}").into());
    }
    Ok(filled)
}

/// The store that the command line names, or else the variable.
fn store(command: &Command, arguments: &[OsString]) -> Result<Option<SecretStore>, Failure> {
    let setting = command.get_arguments().find(|setting| setting.get_id() == "secrets");
    let flag = setting.and_then(Arg::get_long).map_or_else(String::new, |long| format!("--{long}"));
    let said = given(&flag, arguments).or_else(|| env::var(VARIABLE).ok());
    let Some(said) = said.filter(|_| setting.is_some()) else { return Ok(None) };
    said.parse().map(Some).map_err(|error| Failure::usage(format!("{VARIABLE}: {said:?}: {error}")))
}

/// What a command line says for a flag.
fn given(flag: &str, arguments: &[OsString]) -> Option<String> {
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    words
        .by_ref()
        .find_map(|word| match word.split_once('=') {
            Some((name, value)) => (name == flag).then(|| Some(value.to_owned())),
            None => (word == flag).then_some(None),
        })?
        .or_else(|| words.next().map(Into::into))
}

impl SecretStore {
    fn secret(&self, name: &str, key: Option<&str>, until: Instant) -> Result<String, Fault> {
        let values = self.ask(name, until)?;
        let found = match key {
            Some(key) => values.get(key),
            // Stores without keys have each secret under its own name.
            None => values.get(name).or_else(|| values.values().next().filter(|_| values.len() == 1)),
        };
        let missing = || Fault::Missing(key.unwrap_or(name).to_owned(), name.to_owned());
        found.and_then(Value::as_str).map(str::to_owned).ok_or_else(missing)
    }

    /// The secret of a name, by its keys. Waits for a sidecar that does not listen yet.
    fn ask(&self, name: &str, until: Instant) -> Result<Map<String, Value>, Fault> {
        let answer = loop {
            match self.attempt(name) {
                Ok(answer) => break answer,
                Err(_) if Instant::now() + PAUSE < until => thread::sleep(PAUSE),
                Err(error) => return Err(Fault::Unreachable(self.0.authority().to_owned(), error)),
            }
        };
        let (head, body) = answer.split_once("\r\n\r\n").ok_or(Fault::Malformed)?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status != "200" {
            return Err(Fault::Status(status.to_owned(), name.to_owned()));
        }
        serde_json::from_str(body).map_err(|_| Fault::Malformed)
    }

    /// In HTTP/1.0, whose answer is what comes until the end.
    fn attempt(&self, name: &str) -> io::Result<String> {
        let none = || io::Error::other("the host has no address");
        let address = (self.0.host(), self.0.port()).to_socket_addrs()?.next().ok_or_else(none)?;
        let stream = TcpStream::connect_timeout(&address, CONNECT)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        let token = env::var(API_TOKEN).unwrap_or_default();
        let shown = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let token = if shown { format!("dapr-api-token: {token}\r\n") } else { String::new() };
        let (authority, path) = (self.0.authority(), self.0.path_of(name));
        let request = format!("GET {path} HTTP/1.0\r\nhost: {authority}\r\n{token}\r\n");
        (&stream).write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.take(MOST).read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl FromStr for SecretStore {
    type Err = SecretStoreError;

    fn from_str(text: &str) -> Result<Self, SecretStoreError> {
        let url = text.parse::<HttpUrl>().ok();
        url.filter(|url| !url.is_https() && !url.path().is_empty()).map(Self).ok_or(SecretStoreError)
    }
}

#[cfg(test)]
mod tests {
    use super::{SecretStore, given};

    #[test]
    fn a_store_is_an_address_with_a_path() {
        let store: SecretStore = "http://[::1]:3500/v1.0/secrets/vault/".parse().unwrap();
        assert_eq!((store.0.host(), store.0.port()), ("::1", 3500));
        assert_eq!(store.0.to_string(), "http://[::1]:3500/v1.0/secrets/vault");
        for bad in
            ["", "vault", "http://sidecar", "http://sidecar/", "https://a/b", "http://a/b?c", "http://a@b/c"]
        {
            assert!(bad.parse::<SecretStore>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_flag_is_found_however_it_is_written() {
        let of = |words: &[&str]| given("--secrets", &words.iter().map(Into::into).collect::<Vec<_>>());
        assert_eq!(of(&["x", "--secrets", "a"]).as_deref(), Some("a"));
        assert_eq!(of(&["x", "--secrets=a=b", "y"]).as_deref(), Some("a=b"));
        assert_eq!(of(&["x", "--secretsx", "a"]), None);
    }
}
