//! What a rating of 2.5 stars or less is worth: nothing, or something against its neighbours. Measured where stars are real.

use std::{fs, path::Path};

use super::SMALL;
use crate::{arguments::Effort, evaluate, failure::Failure, ours::Binaries, report::Section, split::Split};

/// How much a negative counts against a positive's 1; 0 drops it.
const NEGATIVE: [f32; 5] = [0.0, 0.1, 0.25, 0.5, 1.0];
const SMOKE: [f32; 2] = [0.0, 1.0];

/// Adds the table.
pub(super) async fn measure(
    binaries: &Binaries,
    effort: &Effort,
    folder: &Path,
    section: &mut Section,
) -> Result<(), Failure> {
    let folder = folder.join("stars");
    fs::create_dir(&folder).map_err(Failure::file("make a folder"))?;
    let split = if effort.smoke { Some(Split::generated(&folder, SMALL)?) } else { Split::stars(&folder)? };
    let Some(split) = split else {
        section.without_data.push("stars: needs goodbooks-10k-books in ../shared/data".to_owned());
        return Ok(());
    };
    let mut rows = Vec::new();
    for negative in if effort.smoke { &SMOKE[..] } else { &NEGATIVE[..] } {
        let set = format!("says.negative={negative}");
        // What differs from row to row is this one number.
        let arguments = ["--trials", "1", "--set", set.as_str()];
        let ranking = folder.join("ranking.csv");
        let figures = evaluate::evaluate(binaries, &split, "blend", &arguments, &ranking).await?.figures;
        eprintln!("a negative counts {negative}: NDCG@10 {:.4}", figures.ndcg);
        let [ndcg, recall, map, coverage, novelty, gini] = figures.cells();
        rows.push([negative.to_string(), ndcg, recall, map, coverage, novelty, gini]);
    }
    let [a, b, c, d, e, f] = evaluate::Figures::COLUMNS;
    section.table(["a negative counts", a, b, c, d, e, f], rows);
    Ok(())
}
