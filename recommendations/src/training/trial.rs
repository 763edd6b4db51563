//! How good a kind of model is on the ratings of today: trained without the rows that are held out, and asked for them.

use ring::digest;

use super::rows::Rows;
use crate::{
    artefact::Measured,
    evaluate::{self, Budget, Comparison, HeldOut, Quality, Trial, compare, rank},
    models::{Kind, Parameters, Run, TrainError, train},
};

/// Which share of the rows is held out.
const SHARE: f64 = 0.2;
/// With fewer readers to ask, chance would decide.
pub(super) const LEAST_READERS: usize = 50;
/// More readers make the answer later and no better.
const MOST_READERS: usize = 20_000;
/// Resamples of the bootstrap.
const ROUNDS: u32 = 2_000;
/// The ranking that recall is measured on.
const DEPTH: usize = 20;
/// With more rows, each trial takes so long that parameters are not chosen but taken by the size of the data.
const MOST_ROWS: usize = 5_000_000;

/// A kind of model with what it is trained with.
pub type Recipe = (Kind, Parameters);

/// The quality of a new model and of the one that answers.
pub(super) struct Verdict {
    pub(super) quality: Measured,
    pub(super) compared_with: Option<Measured>,
    pub(super) comparison: Option<Comparison>,
}

/// Splits the rows as every version does, by a hash of reader and book that is keyed with the store's name. `None` if there
/// are too few readers to ask.
pub(super) fn split(rows: &Rows, store: &str) -> Result<Option<Trial>, TrainError> {
    let trial = Trial::hold_out(&rows.readers, &names(rows), &rows.all, held_out("gate", store))?;
    let mut trial = trial.with_ages(rows.aged());
    trial.ask_at_most(MOST_READERS);
    Ok((trial.asked().count() >= LEAST_READERS).then_some(trial))
}

/// Chooses parameters by up to so many trials on rows that are held out of those that [`split`] leaves: what a model is
/// measured by has no part in how it is made.
pub(super) fn choose(
    rows: &Rows,
    store: &str,
    kind: Kind,
    trials: usize,
    run: &Run,
) -> Result<Parameters, TrainError> {
    let start = Parameters::of_rows(rows.books.len(), &rows.all);
    if trials <= 1 || rows.all.len() > MOST_ROWS {
        return Ok(start);
    }
    let (gate, books) = (held_out("gate", store), names(rows));
    let left =
        rows.all.iter().filter(|it| !gate.holds(rows.readers[it.reader as usize], books[it.book as usize]));
    let left: Vec<_> = left.copied().collect();
    let inner = Trial::hold_out(&rows.readers, &books, &left, held_out("choice", store))?;
    drop(left);
    let inner = inner.with_ages(rows.aged());
    if inner.asked().count() < LEAST_READERS {
        return Ok(start);
    }
    let budget = Budget { trials, ..Budget::default() };
    let tell = |name: &str, value: f64, ndcg: f64| tracing::debug!(name, value, ndcg, "a trial");
    evaluate::choose(kind, &inner, Some(&rows.items), start, budget, run, tell)
}

/// Which rows are held out for a purpose.
fn held_out(purpose: &str, store: &str) -> HeldOut {
    let digest = digest::digest(&digest::SHA256, format!("{purpose} {store}").as_bytes());
    let key = digest.as_ref().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    HeldOut { key, share: SHARE }
}

fn names(rows: &Rows) -> Vec<i64> {
    rows.books.iter().map(|&book| i64::from(book)).collect()
}

/// Measures a recipe, and the one that answers now if there is one.
pub(super) fn measure(
    trial: &Trial,
    rows: &Rows,
    new: &Recipe,
    active: Option<&Recipe>,
    margin: f64,
    run: &Run,
) -> Result<Verdict, TrainError> {
    let first = score(trial, rows, new, &run.part(0.0, 0.5))?;
    // The same recipe on the same rows is the same model.
    let second = match active {
        None => None,
        Some(active) if active == new => Some(first.clone()),
        // What cannot be trained on today's ratings is no rival.
        Some(active) => match score(trial, rows, active, &run.part(0.5, 1.0)) {
            Err(TrainError::Cancelled) => return Err(TrainError::Cancelled),
            outcome => outcome.ok(),
        },
    };
    let comparison = second.as_ref().and_then(|second| compare(&second.each, &first.each, margin, ROUNDS, 1));
    Ok(Verdict { quality: measured(&first), compared_with: second.as_ref().map(measured), comparison })
}

fn score(trial: &Trial, rows: &Rows, (kind, parameters): &Recipe, run: &Run) -> Result<Quality, TrainError> {
    let model = train(*kind, &trial.data, Some(&rows.items), parameters, &run.part(0.0, 0.8))?;
    Ok(rank(&model, trial, DEPTH, &run.part(0.8, 1.0))?.quality(trial))
}

fn measured(quality: &Quality) -> Measured {
    Measured {
        ndcg: quality.ndcg,
        recall: quality.recall,
        map: quality.map,
        coverage: quality.coverage,
        novelty: quality.novelty,
        gini: quality.gini,
        readers: quality.readers as u64,
    }
}
