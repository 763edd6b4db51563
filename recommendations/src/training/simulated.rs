//! Simulated readers: when they come, and when they go.

use super::{Training, TrainingError};
use crate::{
    artefact,
    ratings::{Change, FIRST_SIMULATED, Ratings},
    readers::{MAX_TOGETHER, Said},
    simulate,
    store::Cause,
};

/// So many entries of real readers need no simulated ones beside them, even if nobody has imported them.
const ENOUGH: usize = 1_000;
/// The same readers for everybody.
const SEED: u64 = 0x5e1f_3150;

impl Training {
    /// Stores simulated readers if nobody is there and nobody has ever been simulated.
    pub(super) async fn simulate(&self) -> Result<(), TrainingError> {
        let inner = &*self.0;
        if !inner.settings.simulated_readers || !inner.readers.ratings().is_empty() {
            return Ok(());
        }
        let catalogue = inner.current.load_full();
        if catalogue.catalogue.len() > simulate::MAX_BOOKS {
            return Ok(());
        }
        // Of several replicas one.
        if !inner.store.claim_simulation().await.map_err(TrainingError::Store)? {
            return Ok(());
        }
        let now = crate::readers::now();
        let entries = tokio::task::spawn_blocking(move || simulate::readers(&catalogue.catalogue, SEED, now));
        let entries = entries.await.map_err(TrainingError::Interrupted)?;
        let said = |&(reader, entry): &(u32, crate::ratings::Entry)| Said {
            reader,
            book: entry.book,
            change: Change::Replace(entry),
            request: None,
            recommendation: None,
        };
        let mut submitted = Vec::new();
        for together in entries.chunks(MAX_TOGETHER) {
            let together = together.iter().map(said).collect();
            submitted.push(inner.readers.submit(together).await.map_err(TrainingError::Simulated)?);
        }
        for submitted in submitted {
            submitted.stored().await.map_err(TrainingError::Simulated)?;
        }
        if !entries.is_empty() {
            let readers = simulate::READERS;
            tracing::info!(readers, entries = entries.len(), "nobody is there yet: readers are simulated");
        }
        Ok(())
    }

    /// Erases simulated readers once there are enough real ones, and what was learnt from them.
    pub(super) async fn make_room_for_real_ones(&self) -> Result<(), TrainingError> {
        let ratings = self.0.readers.ratings();
        let simulated = simulated_entries(ratings);
        // Whoever imports past this process erases them where they are stored, and can do no more than that.
        if simulated == 0 && self.answers_from_simulated() && !ratings.is_empty() {
            tracing::info!("the simulated readers are gone: what was learnt from them goes, too");
            return self.forget_simulated_models().await.map(drop);
        }
        if simulated == 0 || ratings.len().saturating_sub(simulated) < ENOUGH {
            return Ok(());
        }
        tracing::info!("there are enough real readers: the simulated ones go");
        self.erase_simulated().await.map(drop)
    }

    /// Real data has been imported: simulated readers go at once. That they could not is logged.
    pub async fn real_data_came(&self) {
        let ratings = self.0.readers.ratings();
        let simulated = simulated_entries(ratings);
        if simulated == 0 || ratings.len() <= simulated {
            return;
        }
        tracing::info!("real data was imported: the simulated readers go");
        if let Err(error) = self.erase_simulated().await {
            tracing::error!(error = &error as &dyn std::error::Error, "simulated readers are still there");
        }
    }

    /// Forgets all simulated readers, and every model that learnt from them; trains anew on the real ones, if there are any.
    /// Says how many readers there were. After a failure it does what is left to do.
    ///
    /// # Errors
    ///
    /// If that is not stored.
    pub async fn erase_simulated(&self) -> Result<usize, TrainingError> {
        let inner = &*self.0;
        // Nobody is simulated after this.
        inner.store.claim_simulation().await.map_err(TrainingError::Store)?;
        let erased = inner.readers.erase_simulated().await.map_err(TrainingError::Simulated)?;
        let forgotten = self.forget_simulated_models().await?;
        if (erased.readers > 0 || forgotten > 0) && !inner.readers.ratings().is_empty() {
            let model = inner.settings.model.name();
            self.schedule(model, Cause::Call, true).await.map_err(TrainingError::Store)?;
        }
        Ok(erased.readers)
    }

    fn answers_from_simulated(&self) -> bool {
        self.0.active.load().as_ref().is_some_and(|served| served.simulated)
    }

    /// Says how many there were.
    async fn forget_simulated_models(&self) -> Result<usize, TrainingError> {
        let inner = &*self.0;
        let mut forgotten = 0;
        for (model, manifest) in self.models().await? {
            if manifest.simulated {
                inner.store.retire(&model.version).await.map_err(TrainingError::Store)?;
                artefact::remove(&inner.objects, &model.version).await.map_err(TrainingError::Objects)?;
                forgotten += 1;
            }
        }
        if self.answers_from_simulated() {
            inner.active.store(None);
        }
        Ok(forgotten)
    }
}

fn simulated_entries(ratings: &Ratings) -> usize {
    (0..simulate::READERS).map(|number| ratings.history(FIRST_SIMULATED + number).len()).sum()
}
