//! What training costs: time and memory by model and by size, each in a process of its own.

use recommendations::models::Kind;

use crate::{
    arguments::Effort,
    failure::Failure,
    fit::{Fit, Fitted},
    interactions::Size,
    plot::{Axis, Plot, Series},
    report::{Bound, Section},
};

const SIZE: Size = Size { readers: 100_000, books: 10_000, ratings: 10_000_000 };
const SMALL: Size = Size { readers: 500, books: 200, ratings: 5_000 };
/// More books than every pair is counted of: SLIM and the blend work on neighbourhoods.
const LARGE: Size = Size { books: 50_000, ..SIZE };
/// EASE refuses so many.
const OF_LARGE: [Kind; 4] = [Kind::Slim, Kind::Blend, Kind::Als, Kind::KnnBm25];
/// The same shape at less.
const PARTS: [u32; 3] = [16, 4, 1];
/// Those whose time is drawn over the size.
const DRAWN: [Kind; 4] = [Kind::Blend, Kind::Ease, Kind::Als, Kind::KnnBm25];

/// So many readers have to fit.
const MILLION: Size = Size { readers: 1_000_000, books: 100_000, ratings: 50_000_000 };
const FACTORS: usize = 64;
/// Memory is the same from the first on.
const ITERATIONS: usize = 5;
const EIGHT_GIB: Bound = Bound::AtMost(8.0);
const GIBIBYTE: f64 = 1.073_741_824e9 / 1e6;

/// Measures every model at the whole size, and some at parts of it.
pub(crate) async fn measure(effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("scale");
    let (whole, large) = if effort.smoke { (SMALL, SMALL) } else { (SIZE, LARGE) };
    let fitted = fit_all(&mut section, whole, &Kind::ALL).await?;
    let neighbourhoods = fit_all(&mut section, large, &OF_LARGE).await?;
    let all = fitted.iter().chain(&neighbourhoods);
    let worst = all.map(|it| it.peak / it.formula).fold(0.0, f64::max);
    // Beside what the formula counts, a process has its program, stacks and what the allocator keeps.
    section.target("peak memory, times the formula, at worst", worst, Bound::AtMost(1.25), "");

    let mut series = Vec::new();
    for kind in DRAWN {
        let mut points = Vec::new();
        for part in if effort.smoke { &PARTS[2..] } else { &PARTS[..] } {
            let Size { readers, books, ratings } = whole;
            // Books shrink by the root, so that each has fewer readers, too.
            let fewer = (f64::from(books) / f64::from(*part).sqrt()) as u32;
            let size = Size { readers: readers / part, books: fewer, ratings: ratings / u64::from(*part) };
            let seconds = match (part, Kind::ALL.into_iter().position(|it| it == kind)) {
                (1, Some(place)) => fitted[place].seconds,
                _ => fit(size, kind).elsewhere().await?.seconds,
            };
            points.push((size.ratings as f64, seconds, String::new()));
        }
        series.push(Series { name: kind.name().to_owned(), points, joined: true });
    }
    let plot = Plot {
        title: "Training time by the number of interactions",
        x: Axis { name: "interactions", logarithmic: true },
        y: Axis { name: "seconds, two threads", logarithmic: true },
        series,
    };
    section.plots.push(("training-time", plot));
    Ok(section)
}

/// Measures ALS on a million readers.
pub(crate) async fn million(effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("scale-million");
    let size = if effort.smoke { SMALL } else { MILLION };
    let fit = Fit { factors: FACTORS, iterations: ITERATIONS, ..fit(size, Kind::Als) };
    let fitted = fit.elsewhere().await?;
    section.table(
        ["als, 64 factors", ""],
        [
            ["readers".to_owned(), size.readers.to_string()],
            ["books".to_owned(), size.books.to_string()],
            ["interactions".to_owned(), format!("{:.0}", fitted.ratings)],
            ["s an iteration, two threads".to_owned(), format!("{:.1}", fitted.seconds / ITERATIONS as f64)],
            ["peak MB".to_owned(), format!("{:.0}", fitted.peak)],
            ["by the formula MB".to_owned(), format!("{:.0}", fitted.formula)],
        ],
    );
    section.target("als on a million readers, peak", fitted.peak / GIBIBYTE, EIGHT_GIB, " GiB");
    Ok(section)
}

/// Fits these models, and shows their time and memory.
async fn fit_all(section: &mut Section, size: Size, kinds: &[Kind]) -> Result<Vec<Fitted>, Failure> {
    let (mut fitted, mut rows) = (Vec::new(), Vec::new());
    for &kind in kinds {
        let it = fit(size, kind).elsewhere().await?;
        eprintln!("{kind}, {} books: {:.1} s, {:.0} MB", size.books, it.seconds, it.peak);
        rows.push([
            kind.name().to_owned(),
            format!("{:.2}", it.seconds),
            format!("{:.0}", it.peak),
            format!("{:.0}", it.formula),
            format!("{:.2}", it.peak / it.formula),
        ]);
        fitted.push(it);
    }
    let ratings = fitted.first().map_or(0.0, |it| it.ratings);
    let model = format!("{} readers × {} books × {ratings:.0} interactions", size.readers, size.books);
    section.table([model.as_str(), "training s", "peak MB", "by the formula MB", "peak / formula"], rows);
    Ok(fitted)
}

fn fit(size: Size, model: Kind) -> Fit {
    Fit { size, model, factors: 0, iterations: 0 }
}
