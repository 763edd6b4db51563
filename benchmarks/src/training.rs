//! What readers notice of a training: the same load with one at work and without.

use std::{path::Path, time::Duration};

use crate::{
    arguments::Effort,
    client::{self, Trainer},
    failure::Failure,
    inside::COUNT,
    interactions::Size,
    load::{self, Plan, Questions, Recommend, Round, Target},
    ours::{Binaries, Server},
    report::{Bound, Section},
    rounds::median,
    split::Split,
};

/// A shop whose training takes far longer than a round. A fifth is set apart, as in the real data: it has 800,000 ratings.
const SIZE: Size = Size { readers: 10_000, books: 3_000, ratings: 1_000_000 };
const SMALL: Size = Size { readers: 300, books: 150, ratings: 9_000 };
/// Twenty clients that each ask 100 times a second or a little less: a tenth of what the server can do.
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// A storefront gives a call 300 ms and a list is allowed 20 at a million books: a training may cost no more than that…
const LATE: Bound = Bound::AtMost(20.0);
/// …and no more than a processor that is shared with one more.
const TIMES: Bound = Bound::AtMost(5.0);

/// Measures rounds with and without a training in turn.
pub(crate) async fn measure(binaries: &Binaries, effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("training");
    let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let size = if effort.smoke { SMALL } else { SIZE };
    let server = start(binaries, size, folder.path()).await?;
    let mut trainer = Trainer::connect(server.address).await?;
    let questions = Questions::lists(1..=size.readers as i32, COUNT);
    let target = Target::Recommend(Recommend { address: server.address, questions, exactly: None });
    let plan = Plan {
        connections: CONNECTIONS,
        in_flight: IN_FLIGHT,
        pause: PAUSE,
        warm_up: effort.warm_up(),
        length: effort.round(),
    };
    let watched = [server.process.group()];
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds() {
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                quiet.push(load::run(&target, plan, &watched).await?);
                continue;
            }
            let job = trainer.begin().await?;
            let measured = load::run(&target, plan, &watched).await?;
            let still = trainer.is_at_work(job).await?;
            trainer.cancel(job).await?;
            // A smoke run only shows that it works.
            if !still && !effort.smoke {
                let why = "the training ended before the round".to_owned();
                return Err(Failure::Answer { address: server.address, why });
            }
            busy.push(measured);
        }
    }
    let of = |rounds: &[Round], of: fn(&Round) -> f64| median(rounds.iter().map(of));
    let row = |name: &str, rounds: &[Round]| {
        [
            name.to_owned(),
            format!("{:.0}", of(rounds, |it| it.rate)),
            format!("{:.0}", of(rounds, |it| it.p50)),
            format!("{:.0}", of(rounds, |it| it.p99)),
            format!("{:.0}", rounds.iter().map(|it| it.p99).fold(0.0, f64::max)),
            format!("{:.0}", of(rounds, |it| it.cost)),
        ]
    };
    section.table(
        ["", "calls/s", "p50 µs", "p99 µs", "worst round's p99", "CPU µs/call, with the training"],
        [row("no training", &quiet), row("while a training runs", &busy)],
    );
    let late = of(&busy, |it| it.p99);
    let times = median(busy.iter().zip(&quiet).map(|(busy, quiet)| busy.p99 / quiet.p99));
    section.target("p99 while a training runs", late / 1e3, LATE, " ms");
    section.target("the same, times p99 without", times, TIMES, " ×");
    Ok(section)
}

/// A server with readers and a model, which trains when it is told to.
async fn start(binaries: &Binaries, size: Size, folder: &Path) -> Result<Server, Failure> {
    let split = Split::generated(folder, size)?;
    let (table, trial) = split.trial()?;
    let data = split.store(binaries, (&table, &trial), folder).await?;
    let server = binaries.recommendations_with(&data, &[("RECOMMENDATIONS_TRAIN_AFTER", "0")]).await?;
    client::settled(server.address).await?;
    Ok(server)
}
