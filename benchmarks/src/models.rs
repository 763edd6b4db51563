//! How fast models are fitted, beside the usual Python tools: a fresh process each time, data loaded, two threads.

use std::path::Path;

use crate::{
    arguments::Effort,
    evaluate::{Evaluated, Figures, evaluate, score},
    failure::Failure,
    interactions::Size,
    ours::Binaries,
    peers::Python,
    process,
    report::{Bound, Section},
    rounds::median,
    split::Split,
};

/// One of ours beside one of theirs.
struct Pair {
    model: &'static str,
    peer: &'static str,
    /// The peer's own numbers, so that both fit the same model.
    parameters: &'static [&'static str],
    /// Rounds, where a round takes a minute.
    most_rounds: u32,
    least: f64,
}

const PAIRS: [Pair; 3] = [
    Pair {
        model: "slim",
        peer: "scikit-learn's coordinate descent",
        parameters: &["slim.l1=2", "slim.l2=10"],
        most_rounds: 3,
        least: 8.0,
    },
    Pair {
        model: "als",
        peer: "implicit",
        parameters: &["als.factors=128", "als.regularization=20", "als.confidence=2", "als.iterations=15"],
        most_rounds: 100,
        least: 1.5,
    },
    Pair {
        model: "ease",
        peer: "numpy",
        parameters: &["ease.lambda=100", "ease.depth=15"],
        most_rounds: 100,
        least: 1.0,
    },
];
/// By how much NDCG@10 may be below the peer's and still be called equal: the standard error of either.
const MARGIN: f64 = 0.004;
const SMALL: Size = Size { readers: 100, books: 60, ratings: 1_500 };

/// One fit by a peer.
struct Fitted {
    seconds: f64,
    /// What its BLAS said of itself; empty: it has none that matters.
    blas: String,
}

/// Measures all pairs.
pub(crate) async fn measure(binaries: &Binaries, effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("models");
    let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let split = if effort.smoke {
        Split::generated(folder.path(), SMALL)?
    } else if let Some(split) = Split::goodbooks() {
        split
    } else {
        section.without_data.push(format!("models: {}", Split::ABSENT));
        return Ok(section);
    };
    let python = match Python::find() {
        Some(python) if python.has_models() => Some(python),
        _ => {
            let peers: Vec<_> = PAIRS.iter().map(|pair| pair.peer).collect();
            section.skipped.push(format!("{}: {}", peers.join(", "), Python::MODELS_ADVICE));
            None
        }
    };
    let mut rows = Vec::new();
    for pair in &PAIRS {
        compare(&split, binaries, python.as_ref(), (pair, effort), folder.path(), &mut section, &mut rows)
            .await?;
    }
    section.table(["", "fit s", "NDCG@10", "Recall@20", "rounds"], rows);
    Ok(section)
}

async fn compare(
    split: &Split,
    binaries: &Binaries,
    python: Option<&Python>,
    (pair, effort): (&Pair, &Effort),
    folder: &Path,
    section: &mut Section,
    rows: &mut Vec<[String; 5]>,
) -> Result<(), Failure> {
    let Pair { model, peer, parameters, .. } = *pair;
    let rounds = effort.rounds().min(pair.most_rounds);
    let (own, other) = (folder.join("own.csv"), folder.join("other.csv"));
    let mut arguments = vec!["--trials", "1"];
    arguments.extend(parameters.iter().flat_map(|parameter| ["--set", parameter]));
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for round in 0..rounds {
        // Whoever was last begins the next round.
        let mut fitted = None;
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                last = Some(evaluate(binaries, split, model, &arguments, &own).await?);
            } else if let Some(python) = python {
                fitted = Some(fit(python, model, split, &other).await?);
            }
        }
        let seconds = last.as_ref().map_or(f64::NAN, |it: &Evaluated| it.fit);
        ours.push(seconds);
        if let Some(fitted) = fitted {
            eprintln!("round {}: {model} {seconds:.3} s, {peer} {:.3} s", round + 1, fitted.seconds);
            ratios.push(fitted.seconds / seconds);
            theirs.push(fitted);
        }
    }
    let row = |name: String, seconds: f64, figures: Option<Figures>| {
        let [ndcg, recall, ..] = figures.map(|it| it.cells()).unwrap_or_default();
        [name, format!("{seconds:.3}"), ndcg, recall, rounds.to_string()]
    };
    let figures = last.map(|it| it.figures);
    rows.push(row(format!("{model}, Shelfwise"), median(ours), figures));
    if let Some(Fitted { blas, .. }) = theirs.first() {
        let name = if blas.is_empty() { peer.to_owned() } else { format!("{peer} ({blas})") };
        let scored = score(split, &other).await?;
        rows.push(row(format!("{model}, {name}"), median(theirs.iter().map(|it| it.seconds)), scored));
        section.target(format!("{model}, times {peer}"), median(ratios), Bound::AtLeast(pair.least), " ×");
        if let (Some(own), Some(other)) = (figures, scored) {
            let name = format!("{model}, NDCG@10 less {peer}'s");
            section.target(name, own.ndcg - other.ndcg, Bound::AtLeast(-MARGIN), "");
        }
    }
    Ok(())
}

/// Fits a model by the usual tool.
async fn fit(python: &Python, model: &str, split: &Split, ranking: &Path) -> Result<Fitted, Failure> {
    let said = process::output("models.py", python.model(model, &split.train, ranking)).await?;
    let seconds = said.lines().find_map(|line| line.strip_prefix("fit ")?.strip_suffix(" s")?.parse().ok());
    let Some(seconds) = seconds else {
        return Err(Failure::Said { what: "models.py".to_owned(), said });
    };
    // Only EASE lives off the BLAS.
    let blas = said.lines().find_map(|line| line.strip_prefix("blas ")).filter(|_| model == "ease");
    Ok(Fitted { seconds, blas: blas.unwrap_or_default().to_owned() })
}
