//! Tells webhooks of the ends of tasks.
//!
//! What is to be told is written in the transaction that ends a task, and told until whoever listens says that it was heard, at
//! least once: a listener that must not act twice looks at `webhook-id`. The message is the task as `/tasks/{id}` shows it, signed
//! as <https://www.standardwebhooks.com> says: `webhook-id`, `webhook-timestamp` in seconds, and in `webhook-signature` `v1,` and the
//! Base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`.
//!
//! Each host is told at its own pace: one that does not answer holds up nobody else. The log names hosts only, since the rest of an
//! address may be secret.

use std::{collections::HashMap, error::Error, time::Duration};

use http::{HeaderValue, Uri};
use tokio::{
    task::{AbortHandle, JoinSet},
    time::sleep,
};

use super::{POLL, Tasks, post::Message};
use crate::{
    problem::Problem,
    store::{Delivery, StoreError, now},
};

/// How long nobody else tries what this process tries; a message is given up long before.
const LEASE: Duration = Duration::from_secs(60);
/// How long to wait before the second attempt; before each further one it is four times as long.
const BACKOFF: Duration = Duration::from_secs(2);
/// How often it is tried: over twelve hours, if its host is not busy with others.
const ATTEMPTS: u32 = 9;
/// How long after the end of a task it is tried at most.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3_600);
/// Messages on their way at a time, and to one host.
const AT_ONCE: usize = 32;
const AT_ONCE_TO_HOST: usize = 2;
/// The longest address, in bytes.
const LONGEST_ADDRESS: usize = 2_000;

impl Tasks {
    /// Whether the end of a task can be told there.
    pub(super) fn checked(&self, url: &HeaderValue) -> Result<String, Problem> {
        let inner = &*self.0;
        let bad = |why: &str| Problem::BadInput(format!("task-webhook: {why}"));
        if inner.settings.webhook_secret.is_none() {
            return Err(Problem::Missing(
                "no webhook is told until FUNCTIONS_WEBHOOK_SECRET is set".to_owned(),
            ));
        }
        let text = url
            .to_str()
            .ok()
            .filter(|text| text.len() <= LONGEST_ADDRESS)
            .ok_or_else(|| bad("no address"))?;
        let uri: Uri = text.parse().map_err(|_| bad("no address"))?;
        if !inner.post.may_go_to(&uri) {
            return Err(bad("expected http:// or https:// and a host that FUNCTIONS_HOSTS names"));
        }
        Ok(text.to_owned())
    }

    /// Tells what is to be told, for ever.
    pub(super) async fn deliver(self) {
        let mut on_their_way = JoinSet::new();
        let mut by_host: HashMap<String, Vec<AbortHandle>> = HashMap::new();
        let mut failing = false;
        loop {
            while on_their_way.try_join_next().is_some() {}
            by_host.retain(|_, messages| {
                messages.retain(|message| !message.is_finished());
                !messages.is_empty()
            });
            if on_their_way.len() < AT_ONCE {
                let busy = by_host.iter().filter(|(_, messages)| messages.len() >= AT_ONCE_TO_HOST);
                let busy: Vec<_> = busy.map(|(host, _)| host.as_str()).collect();
                match self.0.store.take_delivery(LEASE, &busy).await {
                    Ok(Some(delivery)) => {
                        let host = delivery.host.clone();
                        let message = on_their_way.spawn(self.clone().tell(delivery));
                        by_host.entry(host).or_default().push(message);
                        failing = false;
                        continue;
                    }
                    Ok(None) => failing = false,
                    Err(error) => {
                        if !failing {
                            tracing::error!(
                                error = &error as &dyn Error,
                                "cannot look for what is to be told"
                            );
                        }
                        failing = true;
                    }
                }
            }
            tokio::select! {
                () = self.0.tell.notified() => {}
                () = sleep(POLL) => {}
                // Its host may be told the next one.
                Some(_) = on_their_way.join_next() => {}
            }
        }
    }

    async fn tell(self, delivery: Delivery) {
        let inner = &*self.0;
        let Delivery { id, task, url, host, body, attempts, created_at } = delivery;
        let outcome = match &inner.settings.webhook_secret {
            Some(secret) => {
                let timestamp = now() / 1_000;
                let signature = secret.sign(&id, timestamp, &body);
                inner.post.send(&url, Message { id: &id, timestamp, signature: &signature, body }).await
            }
            None => Err("FUNCTIONS_WEBHOOK_SECRET is not set".to_owned()),
        };
        let (again, outcome) = match outcome {
            Ok(status) if status.is_success() => {
                tracing::info!(task, host, "told");
                (None, "told")
            }
            // Whoever listened there does not want to any more.
            Ok(status) if status.as_u16() == 410 => {
                tracing::warn!(task, host, "nobody listens there any more");
                (None, "gone")
            }
            failed => {
                let why = failed.map_or_else(|why| why, |status| format!("it answered {status}"));
                let again = (attempts < ATTEMPTS).then(|| BACKOFF * 4_u32.pow(attempts.saturating_sub(1)));
                let age = Duration::from_millis(now().saturating_sub(created_at).unsigned_abs());
                let again = again.filter(|wait| age + *wait < LONGEST);
                tracing::warn!(task, host, attempts, ?again, why, "not told");
                (again, if again.is_some() { "failed" } else { "given-up" })
            }
        };
        inner.metrics.told(outcome);
        let ended: Result<(), StoreError> = inner.store.end_delivery(&id, again).await;
        if let Err(error) = ended {
            tracing::warn!(task, error = &error as &dyn Error, "what was told may be told again");
        }
    }
}
