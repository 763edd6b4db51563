//! Alternating rounds: every contender is up all the time, one is under load at a time, and each round starts with the
//! next one, so that a machine that gets slower or warmer is unfair to nobody.

use crate::{
    arguments::Effort,
    failure::Failure,
    load::{self, Round, Target},
    machine::Group,
};

/// Somebody under load.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) target: Target,
    /// Whose processor time counts.
    pub(crate) watched: Vec<Group>,
}

/// A contender and its rounds, in order.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) name: &'static str,
    pub(crate) rounds: Vec<Round>,
}

/// Measures all contenders with the same load.
pub(crate) async fn alternate(
    contenders: &[Contender],
    connections: usize,
    in_flight: usize,
    effort: &Effort,
) -> Result<Vec<Results>, Failure> {
    let plan = effort.plan(connections, in_flight);
    let mut results: Vec<_> =
        contenders.iter().map(|contender| Results { name: contender.name, rounds: Vec::new() }).collect();
    for round in 0..effort.rounds() as usize {
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            let contender = &contenders[index];
            let measured = load::run(&contender.target, plan, &contender.watched).await?;
            eprintln!("round {}: {:<22} {:>9.0} calls/s", round + 1, contender.name, measured.rate);
            results[index].rounds.push(measured);
        }
    }
    Ok(results)
}

impl Results {
    /// The median of something over the rounds.
    pub(crate) fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of))
    }

    /// The median of what `self` has of something for each unit that `other` has, round by round.
    pub(crate) fn ratio(&self, other: &Self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(own, other)| of(own) / of(other)))
    }
}

/// The middle value, or the mean of the two in the middle; NaN of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let upper = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 0 => f64::midpoint(values[upper - 1], values[upper]),
        _ => values[upper],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
    }
}
