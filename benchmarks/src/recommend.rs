//! `Recommend`: three mysteries for somebody of whom nothing is known.

use std::fs;

use crate::{
    arguments::Effort,
    client,
    failure::Failure,
    load::{self, Recommend, Target},
    ours::{Binaries, Server},
    peers::{self, Python},
    report::{Bound, Section},
    rounds::{Contender, alternate},
};

/// Clients with one connection each, as many as a few storefront processes hold.
const CONNECTIONS: usize = 4;
/// Calls in flight on each connection.
const IN_FLIGHT: usize = 8;
/// How many answers are looked at to find one of the usual size.
const SAMPLE: usize = 101;

const TIMES_PYTHON: Bound = Bound::AtLeast(10.0);
const OF_BARE_TONIC: Bound = Bound::AtLeast(0.8);

/// Measures all contenders.
pub(crate) async fn measure(binaries: &Binaries, effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("recommend");
    let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let ours = binaries.recommendations(folder.path(), true).await?;
    // What is answered before there is a model is shorter, and no longer answered a few seconds later.
    client::settled(ours.address).await?;

    let mut answers = load::sample(&Recommend::mysteries(ours.address), SAMPLE).await?;
    answers.sort_by_key(|answer| answer.len());
    let usual = &answers[SAMPLE / 2];
    let file = folder.path().join("answer");
    fs::write(&file, usual).map_err(Failure::file("write an answer"))?;
    let bare = peers::constant_answer(&file, folder.path()).await?;

    let python = match Python::find() {
        Some(python) => Some(python.recommendations(folder.path()).await?),
        None => None,
    };

    let contender = |name, server: &Server, exactly| Contender {
        name,
        target: Target::Recommend(Recommend { exactly, ..Recommend::mysteries(server.address) }),
        watched: vec![server.process.group()],
    };
    let mut contenders =
        vec![contender("Shelfwise", &ours, None), contender("bare tonic", &bare, Some(usual.len()))];
    match &python {
        Some(python) => contenders.push(contender("Python grpcio", python, None)),
        None => section.skipped.push(format!("Python grpcio: {}", Python::ADVICE)),
    }
    let results = alternate(&contenders, CONNECTIONS, IN_FLIGHT, effort).await?;
    section.comparison(&results);
    if let [own, bare, python @ ..] = &results[..] {
        for python in python {
            section.target(
                "Recommend, times Python grpcio",
                own.ratio(python, |round| round.rate),
                TIMES_PYTHON,
                "",
            );
        }
        section.target("Recommend, of bare tonic", own.ratio(bare, |round| round.rate), OF_BARE_TONIC, "");
    }
    Ok(section)
}
