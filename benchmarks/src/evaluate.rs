//! `shelfwise evaluate`, and the script that scores its ranking independently.

use std::{path::Path, process::Command};

use recommendations::evaluate::Quality;

use crate::{failure::Failure, ours::Binaries, process, split::Split};

/// What one evaluation said.
#[derive(Clone, Debug)]
pub(crate) struct Evaluated {
    pub(crate) figures: Figures,
    /// Seconds that fitting took, without choosing parameters.
    pub(crate) fit: f64,
    /// What differs from the defaults for data of this size.
    pub(crate) parameters: String,
}

/// How good a ranking is, as in `recommendations::evaluate::Quality`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    pub(crate) ndcg: f64,
    pub(crate) recall: f64,
    pub(crate) map: f64,
    pub(crate) coverage: f64,
    pub(crate) novelty: f64,
    pub(crate) gini: f64,
}

impl Figures {
    /// The columns of a table.
    pub(crate) const COLUMNS: [&str; 6] =
        ["NDCG@10", "Recall@20", "MAP@10", "coverage@10", "novelty", "Gini"];

    /// The cells.
    pub(crate) fn cells(&self) -> [String; 6] {
        let Self { ndcg, recall, map, coverage, novelty, gini } = self;
        [
            format!("{ndcg:.4}"),
            format!("{recall:.4}"),
            format!("{map:.4}"),
            format!("{coverage:.3}"),
            format!("{novelty:.2}"),
            format!("{gini:.3}"),
        ]
    }

    /// From a line such as `ndcg@10 0.4415  recall@20 0.3200`; what is not in it is 0.
    fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |name: &str| {
            let place = words.iter().position(|word| *word == name);
            place.and_then(|place| words.get(place + 1)?.parse().ok()).unwrap_or(0.0)
        };
        Self {
            ndcg: after("ndcg@10"),
            recall: after("recall@20"),
            map: after("map@10"),
            coverage: after("coverage@10"),
            novelty: after("novelty"),
            gini: after("gini"),
        }
    }

    /// Whether the two agree in what both scorers tell, to the last digit that they do.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        self.cells()[..4] == other.cells()[..4]
    }
}

impl From<&Quality> for Figures {
    fn from(quality: &Quality) -> Self {
        let Quality { ndcg, recall, map, coverage, novelty, gini, .. } = *quality;
        Self { ndcg, recall, map, coverage, novelty, gini }
    }
}

/// Trains and scores a model; `arguments` are further ones, `ranking` is where its first 20 books for each reader go.
pub(crate) async fn evaluate(
    binaries: &Binaries,
    split: &Split,
    model: &str,
    arguments: &[&str],
    ranking: &Path,
) -> Result<Evaluated, Failure> {
    let mut command = binaries.shelfwise(&["evaluate", "--model", model, "--threads", "2"]);
    command.arg("--train").arg(&split.train).arg("--test").arg(&split.test);
    command.args(arguments).arg("--top-k").arg(ranking);
    let said = process::output("shelfwise evaluate", command).await?;
    Evaluated::parse(&said).ok_or_else(|| Failure::Said { what: "shelfwise evaluate".to_owned(), said })
}

/// What `score.py` says of a ranking; `None` where the script is not there.
pub(crate) async fn score(split: &Split, ranking: &Path) -> Result<Option<Figures>, Failure> {
    let Some(script) = &split.score else { return Ok(None) };
    let mut command = Command::new("python3");
    command.arg(script).arg(&split.train).arg(&split.test).arg(ranking);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let said = process::output("score.py", command).await?;
    Ok(Some(Figures::parse(&said)))
}

impl Evaluated {
    fn parse(said: &str) -> Option<Self> {
        let line = |start: &str| said.lines().find(|line| line.starts_with(start));
        let figures = Figures::parse(line("ndcg@10")?);
        let fit = line("read ")?.split(", ").find_map(|phase| phase.strip_prefix("fit "))?;
        let fit = fit.strip_suffix(" s")?.parse().ok()?;
        let parameters = line("parameters: ")?.trim_start_matches("parameters: ").to_owned();
        Some(Self { figures, fit, parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::{Evaluated, Figures};

    #[test]
    fn both_scorers_are_understood() {
        let said = "slim: 3 readers, 4 books, 5 interactions to learn from, 3 readers to ask\n\
            ndcg@10 0.4415  recall@20 0.3200  map@10 0.2895  coverage@10 0.454  novelty 5.20  gini 0.901\n\
            parameters: slim.l1=4\nread 0.100 s, choose 0.000 s, fit 1.250 s, rank 0.010 s, write 0.001 s\n";
        let evaluated = Evaluated::parse(said).expect("it is what evaluate says");
        assert_eq!((evaluated.fit, evaluated.parameters.as_str()), (1.25, "slim.l1=4"));
        assert_eq!((evaluated.figures.ndcg, evaluated.figures.gini), (0.4415, 0.901));
        let scored = "users 3  ndcg@10 0.4415  recall@20 0.3200  map@10 0.2895  coverage@10 0.454\n";
        let scored = Figures::parse(scored);
        assert!(evaluated.figures.agrees(&scored));
        assert!(!evaluated.figures.agrees(&Figures { ndcg: 0.4416, ..scored }));
        assert!(Evaluated::parse("error\n").is_none());
    }
}
