use std::sync::Arc;

use super::{Keeper, in_time, next_number};
use crate::{
    modules::{
        ChangeError, Entry, Version,
        files::Pair,
        fit::{By, collides},
        order::{Change, Order},
    },
    name::Name,
};

impl Keeper {
    /// Does what it is asked for, and answers.
    pub(super) async fn obey(&mut self, order: Order) {
        // Whoever asked may have gone.
        match order {
            Order::Deploy(name, change, answer) => {
                let outcome = self.deploy(&name, change).await;
                let same = matches!(outcome, Ok((_, false)));
                let _ = answer.send(self.told(&name, outcome));
                if !same {
                    // A compiler takes many times what its code keeps.
                    service::memory::give_back().await;
                }
            }
            Order::RollBack(name, to, answer) => {
                let outcome = self.roll_back(&name, to).await;
                let _ = answer.send(self.told(&name, outcome));
            }
            Order::Delete(name, answer) => {
                let outcome = self.delete(&name).await;
                let _ = answer.send(self.told(&name, outcome));
            }
            Order::Limit(limits) if limits == self.settings.fitting.limits => {}
            Order::Limit(limits) => {
                self.settings.fitting.limits = limits;
                self.stale = self.seen.keys().cloned().collect();
            }
        }
    }

    pub(super) async fn deploy(&mut self, name: &Name, change: Change) -> Result<(Entry, bool), ChangeError> {
        let present = in_time(self.files.present(name)).await?;
        let (module, manifest) = match &present {
            Some(present) => (Some(&present.module), present.manifest.clone()),
            None => (None, None),
        };
        let module = change.module.or_else(|| module.cloned()).ok_or(ChangeError::Unknown)?;
        let manifest = match change.manifest {
            Some(manifest) => Some(manifest).filter(|manifest| !manifest.is_empty()),
            None => manifest,
        };
        let pair = Arc::new(Pair { module, manifest });
        let digest = pair.digest();
        if let Some(before) = self.next.get(name)
            && before.digest == digest
            && present.as_ref() == Some(&*pair)
        {
            return Ok((before.clone(), false));
        }
        let fitted = self.settings.fitting.fit(name, &pair, By::Order).await.map_err(ChangeError::Unfit)?;
        collides(name, &fitted.manifest, &self.next).map_err(ChangeError::Unfit)?;

        let versions = in_time(self.files.versions(name)).await?;
        let version = Version::new(next_number(&versions), &digest);
        let replaces = self.next.get(name).map(|before| before.version.number);
        in_time(self.keep(name, &version, &pair, replaces)).await?;
        self.put(name, &pair, present).await?;
        Ok(self.answers(self.entry(name, version, &pair, digest, fitted)))
    }

    async fn roll_back(&mut self, name: &Name, to: Option<u32>) -> Result<Entry, ChangeError> {
        let versions = in_time(self.files.versions(name)).await?;
        let answering = self.next.get(name).map(|entry| entry.version.clone());
        if versions.is_empty() && answering.is_none() {
            return Err(ChangeError::Unknown);
        }
        let wanted = match (to, &answering) {
            (Some(number), _) => versions.iter().rev().find(|version| version.number == number),
            // It was removed by hand, and its versions were not.
            (None, None) => versions.last(),
            (None, Some(answering)) => {
                let record = in_time(self.files.record(name, answering)).await?;
                let replaced = record.and_then(|record| record.replaces);
                let before = versions.iter().rev().filter(|version| version.number < answering.number);
                let mut before =
                    before.clone().find(|version| Some(version.number) == replaced).into_iter().chain(before);
                before.next()
            }
        };
        let version = wanted.cloned().ok_or_else(|| {
            ChangeError::NoVersion(match (to, &answering) {
                (Some(number), _) => format!("there is no version {number} of {name} any more"),
                (None, Some(answering)) => {
                    format!("no version of {name} is kept that answered before {answering}")
                }
                (None, None) => format!("no version of {name} is kept"),
            })
        })?;
        let kept = in_time(self.files.version(name, &version)).await?;
        let Some((pair, record)) = kept else {
            return Err(ChangeError::NoVersion(format!("version {version} of {name} is damaged")));
        };
        let pair = Arc::new(pair);
        let fitted = self.settings.fitting.fit(name, &pair, By::Order).await.map_err(ChangeError::Unfit)?;
        collides(name, &fitted.manifest, &self.next).map_err(ChangeError::Unfit)?;
        let present = in_time(self.files.present(name)).await?;
        self.put(name, &pair, present).await?;
        Ok(self.answers(self.entry(name, version, &pair, record.digest, fitted)).0)
    }

    async fn delete(&mut self, name: &Name) -> Result<(), ChangeError> {
        let known = self.next.get(name).is_some() || self.next.refusal(name).is_some();
        if !known && in_time(self.files.versions(name)).await?.is_empty() {
            return Err(ChangeError::Unknown);
        }
        self.touched.insert(name.clone());
        in_time(self.files.remove(name)).await?;
        self.halves.remove(name);
        self.owed.remove(name);
        self.take_away(name);
        self.retry_colliding();
        self.publish();
        Ok(())
    }

    /// Puts a module and its manifest there, both or none.
    async fn put(&mut self, name: &Name, pair: &Pair, present: Option<Pair>) -> Result<(), ChangeError> {
        self.touched.insert(name.clone());
        match in_time(self.files.put(name, pair, present.as_ref())).await {
            Ok(()) => {
                self.halves.remove(name);
                Ok(())
            }
            Err(error) => {
                // One may be there without the other. Until it is as it was, nothing that lies there is looked at.
                self.halves.insert(name.clone(), present);
                self.mend().await;
                Err(error.into())
            }
        }
    }

    /// Puts back what was there before changes that went wrong halfway.
    pub(super) async fn mend(&mut self) {
        while let Some((name, before)) = self.halves.pop_first() {
            let mended = match &before {
                Some(pair) => in_time(self.files.put(&name, pair, None)).await,
                None => in_time(self.files.clear(&name)).await,
            };
            if mended.is_err() {
                self.halves.insert(name, before);
                return;
            }
        }
    }

    /// Lets a function answer from now on. True if none of its name did.
    fn answers(&mut self, entry: Entry) -> (Entry, bool) {
        let name = &entry.deployed.name;
        let is_new = self.next.get(name).is_none();
        self.owed.remove(name);
        self.put_there(entry.clone());
        self.retry_colliding();
        self.publish();
        (entry, is_new)
    }

    /// Says in the log what the caller is not told.
    fn told<T>(&self, name: &Name, outcome: Result<T, ChangeError>) -> Result<T, ChangeError> {
        match &outcome {
            Err(ChangeError::Store(error)) => {
                let error = error as &dyn std::error::Error;
                tracing::error!(error, function = %name, "the store of modules does not do what it should");
            }
            Err(error) => tracing::info!(function = %name, reason = %error, "nothing has changed"),
            Ok(_) => {}
        }
        outcome
    }
}
