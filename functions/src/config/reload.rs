use std::{collections::BTreeSet, io, sync::Arc};

use service::{
    Failure,
    telemetry::{LogControl, Reopen},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Config, Live, Rules};

/// What a new reading of the file changes at once. Everything else waits for the next start.
const AT_ONCE: [&str; 7] =
    ["loglevel", "cors", "hosts", "model", "model_labels", "model_input", "model_time"];

/// Told what the rules were and are.
type Changed = Box<dyn Fn(&Rules, &Rules) + Send>;

/// Reads the settings again at SIGHUP, and opens log files anew.
pub struct Reload {
    signal: Signal,
    started: Config,
    rules: Live,
    log: Option<LogControl>,
    access: Option<Reopen>,
    changed: Changed,
}

impl Reload {
    /// The signal is heard from now on; what it leads to happens while [`Reload::follow`] runs. `log` is absent where the log
    /// belongs to another process's settings. What the rules were and are is handed to `changed`.
    ///
    /// # Errors
    ///
    /// If the signal cannot be handled.
    pub fn new(
        started: Config,
        rules: Live,
        log: Option<LogControl>,
        access: Option<Reopen>,
        changed: impl Fn(&Rules, &Rules) + Send + 'static,
    ) -> Result<Self, Failure> {
        let signal = signal(SignalKind::hangup());
        let signal = signal.map_err(|error| Failure::io(format!("cannot handle SIGHUP: {error}")))?;
        Ok(Self { signal, started, rules, log, access, changed: Box::new(changed) })
    }

    /// Never ends.
    pub async fn follow(mut self) {
        while self.signal.recv().await.is_some() {
            // Files may lie on a disk that is slow.
            let worked = tokio::task::spawn_blocking(move || {
                self.again();
                self
            });
            match worked.await {
                Ok(reload) => self = reload,
                Err(error) => {
                    tracing::error!(%error, "settings are not read again any more");
                    break;
                }
            }
        }
        std::future::pending().await
    }

    fn again(&mut self) {
        opened("errorlog", self.log.as_ref().map(LogControl::reopen));
        opened("accesslog", self.access.as_ref().map(Reopen::reopen));
        if self.started.config.is_none() {
            tracing::info!("log files opened again; there is no file of settings to read");
            return;
        }
        let new = match Config::read(self.started.arguments.clone()) {
            Ok(new) => new,
            Err(why) => {
                tracing::error!(%why, "settings are not taken: the old ones stay");
                return;
            }
        };
        if let Some(log) = &self.log
            && let Err(why) = log.filter(&new.loglevel)
        {
            tracing::error!(why, "loglevel is not taken: the old one stays");
        }
        let (rules, differing) = new.rules.clone().for_listeners_of(&self.rules.load());
        for address in differing {
            tracing::warn!(%address, "a listener is opened or closed at the next start only");
        }
        let keys = new.written.keys().chain(self.started.written.keys()).collect::<BTreeSet<_>>();
        for key in keys.into_iter().filter(|key| !AT_ONCE.contains(&key.as_str())) {
            let value = |config: &Config| config.written.get(key).map(|written| written.value.clone());
            if value(&new) != value(&self.started) {
                tracing::warn!(setting = key, "takes effect at the next start");
            }
        }
        let rules = Arc::new(rules);
        let before = self.rules.swap(Arc::clone(&rules));
        (self.changed)(&before, &rules);
        tracing::info!(
            "settings read again: limits, routes, models, CORS, hosts and the log's level are those of the file"
        );
    }
}

fn opened(setting: &str, reopened: Option<io::Result<()>>) {
    if let Some(Err(error)) = reopened {
        tracing::error!(setting, %error, "cannot be opened again: lines go on to where they went");
    }
}
