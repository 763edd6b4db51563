//! What a rating of 2.5 stars or less is worth: nothing, or something against its neighbours. Measured where stars are real.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use recommendations::evaluate::HeldOut;

use crate::{
    arguments::Effort, evaluate, failure::Failure, interactions::Size, ours::Binaries, report::Section,
    split::Split,
};

/// How much a negative counts against a positive's 1; 0 drops it.
const NEGATIVE: [f32; 5] = [0.0, 0.1, 0.25, 0.5, 1.0];
const SMOKE: [f32; 2] = [0.0, 1.0];
/// For smoke.
const SMALL: Size = Size { readers: 120, books: 80, ratings: 2_400 };
const HELD_OUT: HeldOut = HeldOut { key: 0x5354_4152, share: 0.2 };

/// Adds the table.
pub(super) async fn measure(
    binaries: &Binaries,
    effort: &Effort,
    folder: &Path,
    section: &mut Section,
) -> Result<(), Failure> {
    let folder = folder.join("stars");
    fs::create_dir(&folder).map_err(Failure::file("make a folder"))?;
    let split = match (effort.smoke, sample()) {
        (true, _) => Split::generated(&folder, SMALL)?,
        (false, Some(sample)) => split(&sample, &folder)?,
        (false, None) => {
            section.without_data.push("stars: needs goodbooks-10k-books in ../shared/data".to_owned());
            return Ok(());
        }
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

/// Real stars, where they lie beside the checkout.
fn sample() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    Some(shared.join("goodbooks-10k-books/ratings_sample.csv")).filter(|path| path.is_file())
}

/// Holds a fifth of the rows out: `user_id,book_id,rating`.
fn split(sample: &Path, folder: &Path) -> Result<Split, Failure> {
    let text = fs::read_to_string(sample).map_err(Failure::file(format!("read {}", sample.display())))?;
    let make = |name: &str| -> Result<(PathBuf, BufWriter<File>), Failure> {
        let path = folder.join(name);
        let mut file = File::create(&path).map(BufWriter::new).map_err(Failure::file("make a file"))?;
        writeln!(file, "user_id,item_id,rating").map_err(Failure::file("write ratings"))?;
        Ok((path, file))
    };
    let (train, mut learnt) = make("train.csv")?;
    let (test, mut hidden) = make("test.csv")?;
    for line in text.lines().skip(1) {
        let mut numbers = line.split(',').map_while(|field| field.parse::<i64>().ok());
        let (Some(reader), Some(book)) = (numbers.next(), numbers.next()) else {
            return Err(Failure::Said { what: sample.display().to_string(), said: line.to_owned() });
        };
        let file = if HELD_OUT.holds(reader, book) { &mut hidden } else { &mut learnt };
        writeln!(file, "{line}").map_err(Failure::file("write ratings"))?;
    }
    for file in [&mut learnt, &mut hidden] {
        file.flush().map_err(Failure::file("write a split"))?;
    }
    Ok(Split::of(train, test))
}
