//! Parameters by validation inside the training data.
//!
//! A share of the interactions is held out, models are fitted to the rest, and one parameter after the other takes the value whose
//! ranking of the held-out books has the best NDCG: a walk along coordinates over a small grid, stated in [`grid`].

use super::{Trial, rank};
use crate::models::{Items, Kind, Parameters, Run, TrainError, Warm, train_from};

/// How long choosing may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// At most so many models are fitted.
    pub trials: usize,
    /// The ranking is scored for at most so many readers.
    pub readers: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { trials: 40, readers: 5_000 }
    }
}

/// What is tried, in this order: a parameter, and its values besides the present one.
fn grid(kind: Kind, items: bool) -> Vec<(&'static str, &'static [f64])> {
    let mut grid: Vec<(&str, &[f64])> = Vec::new();
    match kind {
        Kind::Popular | Kind::Content => {}
        Kind::KnnBm25 => {
            grid.extend([("bm25.depth", &[10.0, 20.0, 50.0, 100.0, 200.0][..]), ("bm25.choice", &[1.0])])
        }
        Kind::KnnCosine => {
            grid.extend([("cosine.depth", &[10.0, 20.0, 50.0, 100.0, 200.0][..]), ("cosine.choice", &[1.0])])
        }
        Kind::Als => grid.extend([
            ("als.factors", &[64.0, 32.0][..]),
            ("als.regularization", &[5.0, 50.0]),
            ("als.confidence", &[4.0]),
        ]),
        Kind::Ease => {
            grid.extend([("ease.depth", &[30.0, 100.0, 500.0][..]), ("ease.lambda", &[50.0, 200.0, 400.0])])
        }
        Kind::Slim => grid.extend([("slim.l1", &[1.0, 4.0][..]), ("slim.l2", &[3.0, 30.0, 100.0])]),
        Kind::Blend => grid.extend([("slim.l1", &[1.0, 4.0][..]), ("slim.l2", &[3.0, 30.0, 100.0])]),
    }
    if items && matches!(kind, Kind::Slim | Kind::Ease | Kind::Blend) {
        grid.extend([("author", &[1.0, 2.0, 5.0][..]), ("series", &[2.0, 5.0])]);
    }
    grid
}

/// Chooses parameters for data like the trial's, but for those that are `fixed`. Tells each trial: the parameter, its value, and the NDCG.
///
/// # Errors
///
/// If it is cancelled or a model cannot be fitted.
pub fn choose(
    kind: Kind,
    trial: &Trial,
    items: Option<&Items>,
    start: Parameters,
    fixed: &[&str],
    budget: Budget,
    run: &Run,
    mut tell: impl FnMut(&str, f64, f64),
) -> Result<Parameters, TrainError> {
    let mut trial = trial.clone();
    trial.ask_at_most(budget.readers);
    let mut grid = grid(kind, items.is_some());
    grid.retain(|(name, _)| !fixed.contains(name));
    let known: usize = grid.iter().map(|(_, values)| values.len()).sum::<usize>() + 1;
    let of = known.min(budget.trials).max(1) as f32;
    if grid.is_empty() || budget.trials <= 1 || trial.asked().next().is_none() {
        return Ok(start);
    }
    let mut warm = Warm::default();
    let mut done = 0;
    let mut score = |parameters: &Parameters| {
        let part = run.part(done as f32 / of, (done as f32 + 1.0) / of);
        done += 1;
        let model = train_from(kind, &trial.data, items, parameters, &mut warm, &part)?;
        Ok::<_, TrainError>(rank(&model, &trial, 20, run)?.quality(&trial).ndcg)
    };
    let mut best = start;
    let mut reached = score(&best)?;
    tell("start", 0.0, reached);
    let mut left = budget.trials - 1;
    for (name, values) in grid {
        let mut passed = 0;
        for &value in values {
            // Two worse values in a row: the rest is further away.
            if left == 0 || passed == 2 {
                break;
            }
            left -= 1;
            let mut other = best.clone();
            other
                .set(name, value)
                .map_err(|_| TrainError::Parameters("the grid names an unknown parameter"))?;
            let ndcg = score(&other)?;
            tell(name, value, ndcg);
            if ndcg > reached {
                (best, reached, passed) = (other, ndcg, 0);
            } else {
                passed += 1;
            }
        }
    }
    Ok(best)
}
