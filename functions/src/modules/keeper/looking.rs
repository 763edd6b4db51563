use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use storage::ObjectsError;
use tokio::time::timeout;

use super::{Keeper, LONGEST_WAIT, PATIENCE, SETTLED, in_time, next_number};
use crate::{
    modules::{
        Version,
        files::{Found, Marks, NotFound},
        fit::{By, collides},
        order::Change,
    },
    name::Name,
};

/// So many modules are read at a time, while one is compiled.
const AT_A_TIME: usize = 4;
/// When versions cannot be kept, it is tried again after so long.
const LATER: Duration = Duration::from_secs(30);
/// A long list of modules begins to answer in pieces of so many.
const TOGETHER: usize = 64;

impl Keeper {
    /// Looks at the store once, and takes over what is new there.
    pub(super) async fn look(&mut self) {
        self.mend().await;
        self.touched.clear();
        let first = *self.changed.borrow() == 0;
        let listed = match in_time(self.files.look()).await {
            // The last one that is removed takes the folder along.
            Err(ObjectsError::Missing { .. }) if self.next.entries().len() == 0 => Ok(BTreeMap::new()),
            listed => listed,
        };
        let Some(listed) = self.noted(listed) else {
            self.wait = (self.wait * 2).clamp(self.settings.poll, LONGEST_WAIT.max(self.settings.poll));
            return;
        };
        self.wait = self.settings.poll;
        let empty = listed.is_empty();
        let settled = self.settled(listed, first);
        let mut changes = 0;
        for name in &settled.gone {
            changes += usize::from(self.take_away(name));
        }
        let files = self.files.clone();
        let mut found = stream::iter(settled.changed)
            .map(|(name, marks)| {
                let files = files.clone();
                async move {
                    let found = timeout(PATIENCE, files.find(&name, &marks)).await;
                    let found = found.unwrap_or(Err(NotFound::Store(ObjectsError::Late)));
                    (name, marks, found)
                }
            })
            .buffered(AT_A_TIME);
        while let Some((name, marks, found)) = found.next().await {
            if self.touched.contains(&*name) {
                continue;
            }
            changes += usize::from(self.take(name, marks, found).await);
            if changes == TOGETHER && !first {
                self.publish();
                changes = 0;
            }
            // Whoever deploys does not wait for all that lies there.
            while let Ok(order) = self.orders.try_recv() {
                self.obey(order).await;
            }
        }
        drop(found);
        if changes > 0 {
            self.retry_colliding();
        }
        if changes > 0 || first {
            self.publish();
        }
        if first && !self.settings.samples.is_empty() {
            self.plant(empty).await;
        }
        if changes > 0 || first {
            // A compiler takes many times what its code keeps.
            service::memory::give_back().await;
        }
        self.pay().await;
    }

    /// Puts samples into a store that has never held a function, and never again.
    async fn plant(&mut self, empty: bool) {
        match in_time(self.files.has_begun()).await {
            Ok(false) => {}
            Ok(true) => return,
            Err(error) => return self.not_planted(&error),
        }
        let samples = self.settings.samples.iter().filter(|_| empty);
        for sample in samples {
            let name = sample.name.parse().expect("a sample has a name");
            let change =
                Change { module: Some(sample.module.to_vec()), manifest: Some(sample.manifest.to_owned()) };
            if let Err(error) = self.deploy(&name, change).await {
                return self.not_planted(&error);
            }
        }
        if let Err(error) = in_time(self.files.begin()).await {
            self.not_planted(&error);
        }
    }

    fn not_planted(&self, error: &(dyn std::error::Error + 'static)) {
        tracing::warn!(error, "there are no functions to try");
    }

    /// What has changed and stayed as it is for a moment.
    fn settled(&mut self, listed: BTreeMap<Box<str>, Marks>, first: bool) -> Settled {
        let now = Instant::now();
        let mut settled = Settled::default();
        let gone = self.seen.keys().filter(|name| !listed.contains_key(*name)).cloned();
        let gone: Vec<_> = gone.map(|name| (name, Marks::default())).collect();
        let mut settling = BTreeMap::new();
        for (name, marks) in listed.into_iter().chain(gone) {
            let same = self.seen.get(&name) == Some(&marks) && !self.stale.contains(&name);
            if same || self.halves.contains_key(&*name) {
                continue;
            }
            let since = match self.settling.get(&name) {
                Some((before, since)) if *before == marks => *since,
                _ => now,
            };
            // What lay there when the process began has been lying there.
            if !first && now.duration_since(since) < SETTLED {
                settling.insert(name, (marks, since));
            } else if marks == Marks::default() {
                settled.gone.push(name);
            } else {
                settled.changed.push((name, marks));
            }
        }
        self.settling = settling;
        if !self.settling.is_empty() {
            self.wait = self.wait.min(SETTLED);
        }
        settled
    }

    /// Takes over what was found under a name. True if the table has changed.
    async fn take(&mut self, name: Box<str>, marks: Marks, found: Result<Found, NotFound>) -> bool {
        let found = match found {
            Ok(found) => found,
            // It is looked at again.
            Err(NotFound::Changing) => return false,
            Err(NotFound::Store(error)) => {
                self.noted::<()>(Err(error));
                return false;
            }
            Err(NotFound::Unusable(reason)) => {
                // Without its module there is no function.
                let removed = marks.module.is_none() && self.next.remove(&name).is_some();
                self.saw(&name, marks);
                return self.refuse(&name, reason) || removed;
            }
        };
        self.saw(&name, marks);
        let name = match name.parse::<Name>() {
            Ok(parsed) => parsed,
            Err(bad) => return self.refuse(&name, bad.to_string()),
        };
        let Found { pair, versions } = found;
        let digest = pair.digest();
        let before = self.next.get(&name);
        let limits = self.settings.fitting.limits;
        if before.is_some_and(|before| before.digest == digest && before.limits == limits) {
            // What was refused in between is gone.
            return self.next.absolve(&name);
        }
        let pair = Arc::new(pair);
        let fitted = match self.settings.fitting.fit(&name, &pair, By::Store).await {
            Ok(fitted) => fitted,
            Err(reason) => return self.refuse(&name, reason),
        };
        if let Err(reason) = collides(&name, &fitted.manifest, &self.next) {
            let changed = self.next.refusal(&name).is_none_or(|refused| refused.reason != reason);
            self.colliding.insert(name.clone());
            // Whatever others change: it is told once.
            return changed && self.refuse(&name, reason);
        }
        let known = versions.iter().rev().find(|version| version.is_of(&digest)).cloned();
        let version = known.unwrap_or_else(|| {
            self.owed.insert(name.clone());
            Version::new(next_number(&versions), &digest)
        });
        let entry = self.entry(&name, version, &pair, digest, fitted);
        self.put_there(entry);
        true
    }

    fn saw(&mut self, name: &str, marks: Marks) {
        self.seen.insert(name.into(), marks);
        self.stale.remove(name);
    }

    fn refuse(&mut self, name: &str, reason: String) -> bool {
        let version = self.next.get(name).map(|answering| answering.version.to_string()).unwrap_or_default();
        tracing::warn!(function = name, reason, answering = version, "refused a module");
        self.next.refuse(name, reason);
        true
    }

    pub(super) fn take_away(&mut self, name: &str) -> bool {
        self.seen.remove(name);
        self.stale.remove(name);
        let refused = self.next.absolve(name);
        let Some(removed) = self.next.remove(name) else { return refused };
        tracing::info!(function = name, version = %removed.version, "is gone");
        self.settings.logs.forget(&removed.deployed.name);
        true
    }

    /// Keeps versions of what was found.
    async fn pay(&mut self) {
        if self.owed_again.is_some_and(|again| Instant::now() < again) {
            return;
        }
        while let Some(name) = self.owed.first().cloned() {
            if let Ok(order) = self.orders.try_recv() {
                self.obey(order).await;
                continue;
            }
            match in_time(self.pay_for(&name)).await {
                Ok(()) => {
                    self.owed.remove(&name);
                    self.owed_again = None;
                }
                Err(error) => {
                    if self.owed_again.is_none() {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, function = %name, "versions are not kept");
                    }
                    self.owed_again = Some(Instant::now() + LATER);
                    return;
                }
            }
        }
    }

    async fn pay_for(&self, name: &Name) -> Result<(), ObjectsError> {
        let Some(entry) = self.next.get(name) else { return Ok(()) };
        // What has changed meanwhile is looked at again.
        let pair = self.files.present(name).await?.filter(|pair| pair.digest() == entry.digest);
        let Some(pair) = pair else { return Ok(()) };
        let versions = self.files.versions(name).await?;
        let before = versions.iter().rev().find(|version| version.number < entry.version.number);
        self.keep(name, &entry.version, &pair, before.map(|version| version.number)).await
    }
}

#[derive(Debug, Default)]
struct Settled {
    changed: Vec<(Box<str>, Marks)>,
    gone: Vec<Box<str>>,
}
