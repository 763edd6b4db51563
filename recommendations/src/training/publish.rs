//! From a job to a model that answers, or to the reason why it does not.
//!
//! Tensors are written first, then the model is registered with what was found of it, then its manifest is written: a
//! training that dies in between leaves nothing that could answer. Whoever is erased while a model is made has no part in
//! it: it is made anew from the ratings that are left. A job that is to stop lets nothing answer any more; one whose model
//! answers has succeeded.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    LOOK, Training, TrainingError,
    rows::Rows,
    trial::{self, LEAST_READERS, Recipe, Verdict},
};
use crate::{
    artefact::{self, Data, FORMAT, Manifest, SCHEMA, Trained},
    catalogue::Catalogue,
    evaluate::Trial,
    models::{self, Kind, Parameters, Progress, Run, TrainError},
    ratings::Snapshot,
    store::{Activated, Job, Learnt, Maker, Registered, Standing, now},
};

/// So often a model is made anew because somebody was erased meanwhile.
const ANEW: usize = 5;
/// How long it is waited at most for what other processes have stored.
const BEHIND: Duration = Duration::from_secs(10);

/// A model that is to be made.
struct New<'a> {
    job: &'a Job,
    rows: &'a Arc<Rows>,
    recipe: &'a Recipe,
    verdict: Option<&'a Verdict>,
    begun: Instant,
}

/// A model that was made and registered.
struct Made {
    registered: Registered,
    manifest: Manifest,
    message: String,
}

/// What came of a job.
pub(super) struct Done {
    pub(super) version: String,
    pub(super) message: String,
}

impl Training {
    /// Does all of a job: reads, measures, trains, writes, activates.
    ///
    /// Where no model answers yet, training comes first: something is better than nothing, and is measured afterwards.
    pub(super) async fn train(&self, job: Job, progress: Progress) -> Result<Done, TrainingError> {
        let begun = Instant::now();
        let inner = &*self.0;
        let run = Run::on(Arc::clone(&inner.pool), progress);
        let kind: Kind = job.model.parse().unwrap_or(inner.settings.model);

        let mut rows = self.rows(kind, &run.part(0.0, 0.1)).await?;
        let mut recipe: Recipe = (kind, Parameters::of_rows(rows.books.len(), &rows.all));
        let answering = inner.store.answering().await.map_err(TrainingError::Store)?.active;
        let rival = self.recipe(&answering).await?;
        let first = answering.is_empty();
        let mut verdict = None;
        if !first {
            recipe.1 = self.choose(&run.part(0.1, 0.6), &rows, kind).await?;
            verdict = self.measure(&run.part(0.6, 0.8), &rows, &recipe, rival).await?;
        }

        let part = if first { run.part(0.1, 0.5) } else { run.part(0.8, 0.95) };
        let mut made = None;
        for _ in 0..ANEW {
            let new = New { job: &job, rows: &rows, recipe: &recipe, verdict: verdict.as_ref(), begun };
            made = self.publish(new, &run, &part).await?;
            if made.is_some() {
                break;
            }
            tracing::info!(job = job.id, "readers were erased meanwhile: the model is made without them");
            rows = self.rows(kind, &part).await?;
        }
        let Made { mut manifest, mut message, .. } = made.ok_or(TrainingError::Erased)?;
        if first {
            let measured = self.measure(&run.part(0.5, 1.0), &rows, &recipe, None).await;
            // It answers already: what stops the measuring does not undo that.
            match measured {
                Ok(Some(Verdict { quality, .. })) => {
                    manifest.quality = Some(quality);
                    message = format!(
                        "the first model: NDCG@10 {:.4} over {} readers",
                        quality.ndcg, quality.readers
                    );
                    let described = inner.store.describe(&manifest.version, &text(&manifest)).await;
                    // Whoever was erased meanwhile has taken it along.
                    if described.map_err(TrainingError::Store)? {
                        let written = artefact::write_manifest(&inner.objects, &manifest).await;
                        written.map_err(TrainingError::Artefact)?;
                        self.clear(&manifest.version).await?;
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    message = format!("it answers; it was not measured: {}", service::chain(&error))
                }
            }
        }
        self.tidy().await;
        Ok(Done { version: manifest.version, message })
    }

    /// What there is to learn from now.
    async fn rows(&self, kind: Kind, run: &Run) -> Result<Arc<Rows>, TrainingError> {
        self.step("reading ratings", run);
        self.catch_up().await?;
        let histories = self.0.readers.ratings().snapshot();
        let changes = self.0.store.history_version().await.map_err(TrainingError::Store)?.changes;
        let snapshot = self.0.current.load_full();
        let part = run.clone();
        let mut rows = blocking(run, move |_| Rows::gather(&snapshot.catalogue, &histories, &part)).await?;
        rows.changes = changes;
        if rows.positives == 0 && kind != Kind::Content {
            return Err(TrainingError::Train(TrainError::Empty));
        }
        Ok(Arc::new(rows))
    }

    /// Waits until this process knows all that is stored by now: who was erased elsewhere would be learnt from again.
    async fn catch_up(&self) -> Result<(), TrainingError> {
        let stored = self.0.store.history_version().await.map_err(TrainingError::Store)?.revision;
        let known = async {
            while self.0.readers.ratings().revision() < stored {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(BEHIND, known).await.is_err() {
            tracing::warn!("a training does not know yet what other processes have stored");
        }
        Ok(())
    }

    /// Makes a model, registers it, and lets it answer unless it is refused. `None`, and no trace of it, if somebody was erased
    /// meanwhile whom it has learnt from.
    async fn publish(&self, new: New<'_>, run: &Run, part: &Run) -> Result<Option<Made>, TrainingError> {
        let inner = &*self.0;
        let New { job, rows, recipe, verdict, begun } = new;
        self.step("training", run);
        let model = {
            let (rows, recipe, part) = (Arc::clone(rows), recipe.clone(), part.clone());
            blocking(run, move |_| fit(&rows, &recipe, &part)).await?
        };
        let number = inner.store.next_model().await.map_err(TrainingError::Store)?;
        let mut manifest = Manifest {
            format: FORMAT.to_owned(),
            schema: SCHEMA,
            version: format!("{number}-{}-{:06x}", recipe.0, rand::random::<u32>() & 0xff_ffff),
            kind: recipe.0.name().to_owned(),
            created_at: now(),
            seconds: begun.elapsed().as_secs_f64(),
            store: inner.name.clone(),
            data: Data {
                readers: rows.likers,
                books: rows.books.len() as u64,
                interactions: rows.positives,
                from: rows.from,
                to: rows.to,
                revision: rows.changes,
            },
            parameters: listed(&recipe.1),
            quality: verdict.map(|verdict| verdict.quality),
            compared_with: verdict.and_then(|verdict| verdict.compared_with),
            simulated: rows.simulated,
            tensors: artefact::Tensors::default(),
        };
        self.step("writing the model", run);
        let trained = Trained { books: rows.books.clone(), model };
        let (manifest, encoded) = blocking(run, move |_| {
            let encoded = artefact::encode(&mut manifest, &trained);
            Ok((manifest, encoded))
        })
        .await?;
        let tensors = encoded.map_err(TrainingError::Artefact)?.tensors;
        let version = manifest.version.clone();
        let (standing, message) = self.judge(job, verdict, &manifest);
        let registered = Registered { version: version.clone(), number, manifest: text(&manifest), standing };
        let made = Made { registered, manifest, message };
        let (training, job, rows) = (self.clone(), job.id, Arc::clone(rows));
        // A task of its own: who is left in the middle of this leaves what is neither there nor gone.
        let written = tokio::spawn(async move {
            let written = training.write(&made, tensors, job, &rows).await;
            if !matches!(written, Ok(true)) {
                training.discard(&version).await;
            }
            Ok(written?.then_some(made))
        });
        written.await.map_err(TrainingError::Interrupted)?
    }

    /// Whether all is written and, unless it is refused, the model answers. It is not if somebody was erased.
    async fn write(
        &self,
        made: &Made,
        tensors: Vec<u8>,
        job: i64,
        rows: &Rows,
    ) -> Result<bool, TrainingError> {
        let inner = &*self.0;
        let Made { registered, manifest, .. } = made;
        let version = &registered.version;
        let learnt = Learnt { revision: rows.revision, has: &|first, last| rows.have(first, last) };
        artefact::write_tensors(&inner.objects, version, tensors).await.map_err(TrainingError::Artefact)?;
        if !inner.store.register_new(registered, learnt).await.map_err(TrainingError::Store)? {
            return Ok(false);
        }
        artefact::write_manifest(&inner.objects, manifest).await.map_err(TrainingError::Artefact)?;
        // What answers here is what every other process will read, checked as they check it.
        let served = self.read(version).await.map_err(TrainingError::Artefact)?;
        if registered.standing == Standing::Accepted {
            let maker = Maker { job, owner: &inner.owner };
            match inner.store.activate_new(version, maker, learnt).await.map_err(TrainingError::Store)? {
                Activated::Answers => self.serve(served),
                Activated::Erased => return Ok(false),
                Activated::Unwanted => return Err(TrainingError::Train(TrainError::Cancelled)),
            }
        }
        Ok(true)
    }

    /// Leaves nothing of a model that does not answer.
    async fn discard(&self, version: &str) {
        let inner = &*self.0;
        let gone = async {
            inner.store.forget_model(version).await.map_err(TrainingError::Store)?;
            // It may have failed to say that it does answer.
            self.clear(version).await
        };
        if let Err(error) = gone.await {
            tracing::warn!(version, error = &error as &dyn Error, "a model that was given up is still there");
        }
    }

    /// Removes the files of a model that is not registered any more.
    async fn clear(&self, version: &str) -> Result<(), TrainingError> {
        let inner = &*self.0;
        if inner.store.model(version).await.map_err(TrainingError::Store)?.is_none() {
            artefact::remove(&inner.objects, version).await.map_err(TrainingError::Objects)?;
        }
        Ok(())
    }

    /// What a registered model was trained with, if this release can do the same.
    async fn recipe(&self, version: &str) -> Result<Option<Recipe>, TrainingError> {
        let Some(model) = self.0.store.model(version).await.map_err(TrainingError::Store)? else {
            return Ok(None);
        };
        let Ok(manifest) = Manifest::read(model.manifest.as_bytes()) else { return Ok(None) };
        Ok(manifest.kind().ok().zip(manifest.parameters().ok()))
    }

    /// The parameters that are best for a kind of model on ratings that are held out.
    async fn choose(&self, run: &Run, rows: &Arc<Rows>, kind: Kind) -> Result<Parameters, TrainingError> {
        self.step("choosing parameters", run);
        let (rows, name, part) = (Arc::clone(rows), self.0.name.clone(), run.clone());
        let trials = self.0.settings.train_trials as usize;
        blocking(run, move |_| trial::choose(&rows, &name, kind, trials, &part)).await
    }

    /// The quality of a recipe and of the one that answers; none if there are too few readers to tell.
    async fn measure(
        &self,
        run: &Run,
        rows: &Arc<Rows>,
        new: &Recipe,
        active: Option<Recipe>,
    ) -> Result<Option<Verdict>, TrainingError> {
        self.step("evaluating", run);
        let (rows, new, name) = (Arc::clone(rows), new.clone(), self.0.name.clone());
        let margin = self.0.settings.quality_margin;
        let part = run.clone();
        blocking(run, move |_| {
            let Some(trial): Option<Trial> = trial::split(&rows, &name)? else { return Ok(None) };
            trial::measure(&trial, &rows, &new, active.as_ref(), margin, &part).map(Some)
        })
        .await
    }

    /// Whether the model may answer, and what to say of it.
    fn judge(&self, job: &Job, verdict: Option<&Verdict>, manifest: &Manifest) -> (Standing, String) {
        let Some(Verdict { quality, compared_with, comparison }) = verdict else {
            let unmeasured =
                format!("it answers; fewer than {LEAST_READERS} readers have enough to measure it by");
            return (Standing::Accepted, unmeasured);
        };
        let Some((rival, comparison)) = compared_with.zip(*comparison) else {
            let told = format!("it answers: NDCG@10 {:.4} over {} readers", quality.ndcg, quality.readers);
            return (Standing::Accepted, told);
        };
        let margin = self.0.settings.quality_margin;
        let compared = format!(
            "NDCG@10 {:.4} against {:.4} of the one that answered, difference {:+.4} (95 %: {:+.4} to {:+.4}) over {} readers",
            quality.ndcg, rival.ndcg, comparison.difference, comparison.low, comparison.high, quality.readers
        );
        // In more than half of the resamples.
        if comparison.worse <= 0.5 {
            return (Standing::Accepted, format!("it answers: {compared}"));
        }
        if job.force {
            return (Standing::Accepted, format!("it answers though it is worse, as asked: {compared}"));
        }
        let refused = format!("worse by more than {margin}: {compared}");
        tracing::warn!(version = manifest.version, reason = refused, "a new model does not answer");
        let message = format!("it does not answer, for it is {refused}");
        (Standing::Refused(refused), message)
    }

    /// Removes all models but the newest, the one that answers and the one before.
    async fn tidy(&self) {
        let inner = &*self.0;
        let models = match inner.store.models().await {
            Ok(models) => models,
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "old models are not removed");
                return;
            }
        };
        let kept = inner.settings.kept_models as usize;
        for model in models.iter().skip(kept) {
            match inner.store.forget_model(&model.version).await {
                Ok(true) => {
                    if let Err(error) = artefact::remove(&inner.objects, &model.version).await {
                        let error = &error as &dyn Error;
                        tracing::warn!(version = model.version, error, "an old artefact is not removed");
                    }
                }
                // It answers, or did before.
                Ok(false) => {}
                Err(error) => tracing::warn!(error = &error as &dyn Error, "old models are not removed"),
            }
        }
    }

    /// Says what is being done now.
    fn step(&self, step: &'static str, run: &Run) {
        run.stage("");
        if let Some(live) = &mut self.state().live {
            live.step = step;
        }
    }
}

/// What a job does between reading and writing, without a store around it, for whoever wants to know what that takes: gathers
/// rows, measures the recipe on those that are held out, and fits it. Also gives how many rows there were, and how long the fit
/// took.
///
/// # Errors
///
/// As [`models::train`].
pub fn rehearse(
    catalogue: &Catalogue,
    histories: &Snapshot,
    recipe: &Recipe,
    run: &Run,
) -> Result<(models::Model, usize, Duration), TrainError> {
    let rows = Rows::gather(catalogue, histories, run)?;
    if let Some(trial) = trial::split(&rows, "rehearsal")? {
        trial::measure(&trial, &rows, recipe, None, 0.0, run)?;
    }
    let begun = Instant::now();
    let model = fit(&rows, recipe, run)?;
    Ok((model, rows.all.len(), begun.elapsed()))
}

fn fit(rows: &Rows, (kind, parameters): &Recipe, run: &Run) -> Result<models::Model, TrainError> {
    let data = models::Interactions::new(rows.readers.len(), rows.books.len(), rows.all.iter().copied())?;
    let data = data.with_ages(rows.aged());
    models::train(*kind, &data, Some(&rows.items), parameters, run)
}

/// On the training's own threads, which have their own priority.
async fn blocking<T: Send + 'static>(
    run: &Run,
    work: impl FnOnce(&Run) -> Result<T, TrainError> + Send + 'static,
) -> Result<T, TrainingError> {
    let run = run.clone();
    let done = tokio::task::spawn_blocking(move || {
        run.check()?;
        run.install(|| work(&run))
    });
    done.await.map_err(TrainingError::Interrupted)?.map_err(TrainingError::Train)
}

fn listed(parameters: &Parameters) -> BTreeMap<String, f64> {
    parameters.list().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn text(manifest: &Manifest) -> String {
    String::from_utf8_lossy(&manifest.to_json()).into_owned()
}
