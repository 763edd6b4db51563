//! From a job to a model that answers, or to the reason why it does not.

use std::{collections::BTreeMap, error::Error, sync::Arc, time::Instant};

use super::{
    Training, TrainingError,
    rows::Rows,
    trial::{self, LEAST_READERS, Recipe, Verdict},
};
use crate::{
    artefact::{self, Data, FORMAT, Manifest, SCHEMA, Trained},
    evaluate::Trial,
    models::{self, Kind, Parameters, Progress, Run, TrainError},
    store::{Job, Registered, now},
};

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

        self.step("reading ratings", &run);
        let histories = inner.readers.ratings().snapshot();
        let revision = inner.store.history_version().await.map_err(TrainingError::Store)?.changes;
        let snapshot = inner.current.load_full();
        let part = run.part(0.0, 0.1);
        let rows = blocking(&run, move |_| Rows::gather(&snapshot.catalogue, &histories, &part)).await?;
        let rows = Arc::new(rows);
        let mut recipe: Recipe = (kind, Parameters::of_rows(rows.books.len(), &rows.all));
        if rows.positives == 0 && kind != Kind::Content {
            return Err(TrainingError::Train(TrainError::Empty));
        }
        let data = Data {
            readers: rows.likers,
            books: rows.books.len() as u64,
            interactions: rows.positives,
            from: rows.from,
            to: rows.to,
            revision,
        };

        let answering = inner.store.answering().await.map_err(TrainingError::Store)?.active;
        let rival = self.recipe(&answering).await?;
        let first = answering.is_empty();
        let mut verdict = None;
        if !first {
            recipe.1 = self.choose(&run.part(0.1, 0.6), &rows, kind).await?;
            verdict = self.measure(&run.part(0.6, 0.8), &rows, &recipe, rival).await?;
        }

        self.step("training", &run);
        let part = if first { run.part(0.1, 0.5) } else { run.part(0.8, 0.95) };
        let model = {
            let (rows, recipe) = (Arc::clone(&rows), recipe.clone());
            blocking(&run, move |_| fit(&rows, &recipe, &part)).await?
        };
        let number = inner.store.next_model().await.map_err(TrainingError::Store)?;
        let mut manifest = Manifest {
            format: FORMAT.to_owned(),
            schema: SCHEMA,
            version: format!("{number}-{kind}-{:06x}", rand::random::<u32>() & 0xff_ffff),
            kind: kind.name().to_owned(),
            created_at: now(),
            seconds: begun.elapsed().as_secs_f64(),
            store: inner.name.clone(),
            data,
            parameters: listed(&recipe.1),
            quality: verdict.as_ref().map(|verdict| verdict.quality),
            compared_with: verdict.as_ref().and_then(|verdict| verdict.compared_with),
            simulated: rows.simulated,
            tensors: artefact::Tensors::default(),
        };
        self.step("writing the model", &run);
        let trained = Trained { books: rows.books.clone(), model };
        let (complete, encoded) = blocking(&run, move |_| {
            let encoded = artefact::encode(&mut manifest, &trained);
            Ok((manifest, encoded))
        })
        .await?;
        manifest = complete;
        let encoded = encoded.map_err(TrainingError::Artefact)?;
        artefact::write(&inner.objects, &manifest.version, encoded).await.map_err(TrainingError::Artefact)?;
        // What answers here is what every other process will read, checked as they check it.
        let served = self.read(&manifest.version).await.map_err(TrainingError::Artefact)?;

        let (refused, mut message) = self.judge(&job, verdict.as_ref(), &manifest);
        let mut registered = Registered {
            version: manifest.version.clone(),
            number,
            manifest: text(&manifest),
            refused: refused.clone().unwrap_or_default(),
        };
        inner.store.register(&registered).await.map_err(TrainingError::Store)?;
        if refused.is_none() {
            inner.store.activate(&manifest.version).await.map_err(TrainingError::Store)?;
            self.serve(served);
        }
        if first {
            let measured = self.measure(&run.part(0.5, 1.0), &rows, &recipe, None).await;
            // It answers already: what stops the measuring does not undo that.
            if let Ok(Some(Verdict { quality, .. })) = measured {
                manifest.quality = Some(quality);
                message =
                    format!("the first model: NDCG@10 {:.4} over {} readers", quality.ndcg, quality.readers);
                registered.manifest = text(&manifest);
                artefact::write_manifest(&inner.objects, &manifest).await.map_err(TrainingError::Artefact)?;
                inner.store.register(&registered).await.map_err(TrainingError::Store)?;
            }
        }
        self.tidy().await;
        Ok(Done { version: manifest.version, message })
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

    /// Why the model may not answer, if so, and what to say of it.
    fn judge(&self, job: &Job, verdict: Option<&Verdict>, manifest: &Manifest) -> (Option<String>, String) {
        let Some(Verdict { quality, compared_with, comparison }) = verdict else {
            let unmeasured =
                format!("it answers; fewer than {LEAST_READERS} readers have enough to measure it by");
            return (None, unmeasured);
        };
        let Some((rival, comparison)) = compared_with.zip(*comparison) else {
            let told = format!("it answers: NDCG@10 {:.4} over {} readers", quality.ndcg, quality.readers);
            return (None, told);
        };
        let margin = self.0.settings.quality_margin;
        let compared = format!(
            "NDCG@10 {:.4} against {:.4} of the one that answered, difference {:+.4} (95 %: {:+.4} to {:+.4}) over {} readers",
            quality.ndcg, rival.ndcg, comparison.difference, comparison.low, comparison.high, quality.readers
        );
        // In more than half of the resamples.
        if comparison.worse <= 0.5 {
            return (None, format!("it answers: {compared}"));
        }
        if job.force {
            return (None, format!("it answers though it is worse, as asked: {compared}"));
        }
        let refused = format!("worse by more than {margin}: {compared}");
        tracing::warn!(version = manifest.version, reason = refused, "a new model does not answer");
        (Some(refused.clone()), format!("it does not answer, for it is {refused}"))
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
