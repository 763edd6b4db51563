//! Parameters by validation inside the training data.
//!
//! A share of the interactions is held out and models are fitted to the rest. One parameter after the other is moved while that
//! betters the NDCG of the held-out books by more than a standard error, over the small grids in [`grid`]: no figure of any one
//! data set is built in.
//!
//! A blend that does not clearly beat popularity on the held-out books gets a share of it, the best of a few; if even that
//! were worse, popularity gets all of it. So what is chosen is never worse than popularity where it was chosen.

use super::{Trial, rank};
use crate::models::{Items, Kind, Model, Parameters, Run, TrainError, Warm, train_from};

/// What choosing may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget<'a> {
    /// Parameters that stay as they are.
    pub fixed: &'a [&'a str],
    /// At most so many models are fitted.
    pub trials: usize,
    /// The ranking is scored for at most so many readers.
    pub readers: usize,
}

impl Default for Budget<'_> {
    fn default() -> Self {
        Self { fixed: &[], trials: 40, readers: 5_000 }
    }
}

/// How a parameter is moved.
#[derive(Clone, Copy)]
enum Moves {
    /// To each of these values, from the first on, until one is worse than the one before.
    To(&'static [f64]),
    /// Up by this factor while that is better, else down while that is.
    By(f64),
}

/// What is moved, in this order.
fn grid(kind: Kind, items: bool, ages: bool) -> Vec<(&'static str, Moves)> {
    use Moves::{By, To};
    let neighbours = To(&[10.0, 20.0, 50.0, 100.0, 200.0, 400.0]);
    let mut grid = Vec::new();
    match kind {
        Kind::Popular if ages => grid.push(("popular.half_life", By(3.0))),
        Kind::Popular | Kind::Content => {}
        Kind::KnnBm25 => grid.extend([("bm25.depth", neighbours), ("bm25.choice", To(&[0.0]))]),
        Kind::KnnCosine => grid.extend([("cosine.depth", neighbours), ("cosine.choice", To(&[0.0]))]),
        Kind::Als => grid.extend([
            ("als.factors", By(1.5)),
            ("als.regularization", By(2.0)),
            ("als.confidence", By(1.5)),
        ]),
        Kind::Ease => grid.extend([("ease.depth", By(3.0)), ("ease.lambda", By(2.0))]),
        Kind::Slim | Kind::Blend => grid.extend([("slim.l1", By(2.0)), ("slim.l2", By(2.0))]),
    }
    if items && matches!(kind, Kind::Slim | Kind::Ease | Kind::Blend) {
        grid.extend([("author", By(2.0)), ("series", By(2.0)), ("subjects", By(2.0))]);
    }
    if kind == Kind::Blend {
        grid.extend([("blend.ease", To(&[0.3, 1.0])), ("ease.depth", By(5.0)), ("blend.cosine", To(&[0.1]))]);
    }
    grid
}

/// A parameter moves at most so often in one direction.
const STEPS: usize = 3;

/// Chooses parameters for data like the trial's, but for those that the budget fixes. Tells each trial: the parameter, its value, and the NDCG.
///
/// # Errors
///
/// If it is cancelled or a model cannot be fitted.
pub fn choose(
    kind: Kind,
    trial: &Trial,
    items: Option<&Items>,
    start: Parameters,
    budget: Budget<'_>,
    run: &Run,
    mut tell: impl FnMut(&str, f64, f64),
) -> Result<Parameters, TrainError> {
    let mut trial = trial.clone();
    trial.ask_at_most(budget.readers);
    let mut grid = grid(kind, items.is_some(), !trial.data.ages().is_empty());
    grid.retain(|(name, _)| !budget.fixed.contains(name));
    // An estimate: most parameters are tried in both directions.
    let of = (grid.len() * 3).min(budget.trials).max(1) as f32;
    if grid.is_empty() || budget.trials <= 1 || trial.asked().next().is_none() {
        return Ok(start);
    }
    let mut warm = Warm::default();
    let mut done = 0;
    let mut score = |parameters: &Parameters| {
        let part = run.part((done as f32 / of).min(1.0), ((done as f32 + 1.0) / of).min(1.0));
        done += 1;
        let model = train_from(kind, &trial.data, items, parameters, &mut warm, &part)?;
        Ok::<_, TrainError>(rank(&model, &trial, 20, run)?.quality(&trial))
    };
    let mut best = start;
    let mut reached = score(&best)?;
    tell("start", 0.0, reached.ndcg);
    let mut left = budget.trials - 1;
    for (name, moves) in grid {
        // EASE's depth is nothing to a blend without it.
        if name == "ease.depth" && kind == Kind::Blend && best.blend.ease == 0.0 {
            continue;
        }
        let mut better = |best: &mut Parameters, value: f64| {
            if left == 0 {
                return Ok(false);
            }
            left -= 1;
            let mut other = best.clone();
            other
                .set(name, value)
                .map_err(|_| TrainError::Parameters("the grid names an unknown parameter"))?;
            let quality = match score(&other) {
                Ok(quality) => quality,
                // The grid led to where there is no model: that is no better.
                Err(TrainError::Parameters(_) | TrainError::Singular) => return Ok(false),
                Err(error) => return Err(error),
            };
            tell(name, value, quality.ndcg);
            let better = clearly_better(&reached.each, &quality.each);
            if better {
                (*best, reached) = (other, quality);
            }
            Ok::<_, TrainError>(better)
        };
        match moves {
            Moves::To(values) => {
                for &value in values {
                    if !better(&mut best, value)? {
                        break;
                    }
                }
            }
            Moves::By(factor) => {
                for factor in [factor, 1.0 / factor] {
                    let mut moved = false;
                    for _ in 0..STEPS {
                        let value = best.get(name) * factor;
                        if !better(&mut best, value)? {
                            break;
                        }
                        moved = true;
                    }
                    if moved {
                        break;
                    }
                }
            }
        }
    }
    if kind == Kind::Blend && !budget.fixed.contains(&POPULAR) {
        let fit = |kind, warm: &mut Warm| train_from(kind, &trial.data, items, &best, warm, run);
        let quality = |model: &Model| Ok::<_, TrainError>(rank(model, &trial, 20, run)?.quality(&trial));
        let popular = quality(&fit(Kind::Popular, &mut warm)?)?;
        if !clearly_better(&popular.each, &reached.each) {
            tell("popularity alone", 0.0, popular.ndcg);
            let mut model = fit(Kind::Blend, &mut warm)?;
            for share in POPULAR_SHARES {
                model = model.with_prior(share as f32);
                let quality = quality(&model)?;
                tell(POPULAR, share, quality.ndcg);
                if quality.ndcg > reached.ndcg {
                    reached = quality;
                    best.blend.popular = share as f32;
                }
            }
            if popular.ndcg > reached.ndcg {
                best.blend = best.blend.of_popularity();
            }
        }
    }
    Ok(best)
}

/// The share that popularity may get.
const POPULAR: &str = "blend.popular";
const POPULAR_SHARES: [f64; 6] = [0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// Whether the second's mean is higher by more than the standard error of the difference.
fn clearly_better(first: &[f32], second: &[f32]) -> bool {
    let differences = first.iter().zip(second).map(|(a, b)| f64::from(*b) - f64::from(*a));
    let count = first.len().max(2) as f64;
    let (sum, squares) = differences.fold((0.0, 0.0), |(sum, squares), it| (sum + it, squares + it * it));
    let mean = sum / count;
    let variance = (squares / count - mean * mean).max(0.0);
    mean > (variance / (count - 1.0)).sqrt()
}
