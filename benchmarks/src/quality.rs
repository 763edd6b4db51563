//! How good rankings are: each model alone, and what is served, with what variety costs.

mod served;
mod stars;

use std::path::Path;

pub(crate) use self::served::start;
use crate::{
    arguments::Effort,
    evaluate::{self, Figures},
    failure::Failure,
    interactions::Size,
    ours::Binaries,
    plot::{Axis, Plot, Series},
    report::{Bound, Section},
    split::Split,
};

/// A model's row, with what it may know beside who read what.
struct Row {
    name: &'static str,
    model: &'static str,
    items: bool,
    least: Option<f64>,
}

const ROWS: [Row; 10] = [
    Row { name: "slim", model: "slim", items: false, least: Some(0.440) },
    Row { name: "slim, with items", model: "slim", items: true, least: None },
    Row { name: "ease", model: "ease", items: false, least: Some(0.410) },
    Row { name: "als", model: "als", items: false, least: Some(0.360) },
    Row { name: "knn-bm25", model: "knn-bm25", items: false, least: Some(0.340) },
    Row { name: "knn-cosine", model: "knn-cosine", items: false, least: None },
    Row { name: "popular", model: "popular", items: false, least: None },
    Row { name: "content, with items", model: "content", items: true, least: None },
    Row { name: "blend, without items", model: "blend", items: false, least: None },
    Row { name: SERVED, model: "blend", items: true, least: Some(0.450) },
];

/// What the suite serves by default.
const SERVED: &str = "blend, with items: served";
const COVERAGE: f64 = 0.40;
/// For smoke: more than a list of 20, and enough readers to choose by.
pub(crate) const SMALL: Size = Size { readers: 120, books: 80, ratings: 2_400 };

/// Measures all rows.
pub(crate) async fn measure(binaries: &Binaries, effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("quality");
    let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let split = match effort.smoke {
        true => Split::generated(folder.path(), SMALL)?,
        false => match Split::goodbooks() {
            Some(split) => split,
            None => {
                section.without_data.push(format!("quality: {}", Split::ABSENT));
                return Ok(section);
            }
        },
    };
    if split.score.is_none() {
        section.without_data.push("score.py: needs ../shared/data".to_owned());
    }
    let models = models(binaries, effort, &split, folder.path(), &mut section).await?;
    let knob = served::measure(binaries, effort, &split, folder.path(), &mut section).await?;
    stars::measure(binaries, effort, folder.path(), &mut section).await?;
    section.plots = vec![("quality", by_model(&models)), ("diversity", by_diversity(&knob))];
    Ok(section)
}

async fn models(
    binaries: &Binaries,
    effort: &Effort,
    split: &Split,
    folder: &Path,
    section: &mut Section,
) -> Result<Vec<(&'static str, Figures)>, Failure> {
    let items = split.items.display().to_string();
    let (mut rows, mut models, mut chosen) = (Vec::new(), Vec::new(), Vec::new());
    let mut agree = 0;
    for Row { name, model, items: with, least } in ROWS {
        let mut arguments = Vec::new();
        if with {
            arguments.extend(["--items", items.as_str()]);
        }
        if effort.smoke {
            arguments.extend(["--trials", "1"]);
        }
        let ranking = folder.join("ranking.csv");
        let evaluated = evaluate::evaluate(binaries, split, model, &arguments, &ranking).await?;
        let scored = evaluate::score(split, &ranking).await?;
        let figures = evaluated.figures;
        eprintln!("{name}: NDCG@10 {:.4}, fitted in {:.2} s", figures.ndcg, evaluated.fit);
        let same = scored.map(|scored| scored.agrees(&figures));
        agree += usize::from(same == Some(true));
        let same = same.map_or("–", |same| if same { "the same" } else { "DIFFERS" });
        let [ndcg, recall, map, coverage, novelty, gini] = figures.cells();
        let fit = format!("{:.2}", evaluated.fit);
        rows.push([name.to_owned(), ndcg, recall, map, coverage, novelty, gini, fit, same.to_owned()]);
        if evaluated.parameters != "defaults" {
            chosen.push(format!("{name}: {}", evaluated.parameters));
        }
        if let Some(least) = least {
            section.target(format!("{name}, NDCG@10"), figures.ndcg, Bound::AtLeast(least), "");
        }
        if name == SERVED {
            section.target(format!("{name}, coverage@10"), figures.coverage, Bound::AtLeast(COVERAGE), "");
        }
        models.push((name, figures));
    }
    let [a, b, c, d, e, f] = Figures::COLUMNS;
    section.table(["model", a, b, c, d, e, f, "fit s", "score.py"], rows);
    if !chosen.is_empty() {
        section.notes.push(format!(
            "Chosen on held-out parts of the training file, where it differs from the defaults: {}.",
            chosen.join("; ")
        ));
    }
    if split.score.is_some() {
        let all = ROWS.len() as f64;
        section.target("rankings that score.py scores the same", agree as f64, Bound::AtLeast(all), "");
    }
    Ok(models)
}

fn by_model(models: &[(&'static str, Figures)]) -> Plot {
    let points = models.iter().map(|(name, it)| (it.coverage, it.ndcg, (*name).to_owned())).collect();
    Plot {
        title: "How good, and how much of the catalogue",
        x: Axis { name: "coverage@10", logarithmic: false },
        y: Axis { name: "NDCG@10", logarithmic: false },
        series: vec![Series { name: String::new(), points, joined: false }],
    }
}

fn by_diversity(knob: &[(f32, Figures)]) -> Plot {
    let points = knob.iter().map(|(at, it)| (it.coverage, it.ndcg, at.to_string())).collect();
    Plot {
        title: "The diversity knob, from 0 to 1",
        x: Axis { name: "coverage@10", logarithmic: false },
        y: Axis { name: "NDCG@10", logarithmic: false },
        series: vec![Series { name: String::new(), points, joined: true }],
    }
}
