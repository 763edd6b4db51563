//! One training in a process of its own, so that its peak of memory is its own: `benchmarks fit`, hidden from the help.
//!
//! It does what a job does, with the histories in memory as a process holds them that has read its store, for a job reads them
//! there: gathers rows, holds some out, fits a model and measures it, and fits the one that is to answer.

use std::{env, process::Command, time::Instant};

use recommendations::{
    catalogue::{Book, Builder, Catalogue, Series, Version},
    models::{self, Facts, Interactions, Items, Kind, Model, Parameters, Progress, Run, gram},
    ratings::Ratings,
    training,
};

use crate::{
    failure::Failure,
    interactions::Size,
    machine::{self, Group},
    process,
};

/// What to fit to how much.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Fit {
    #[command(flatten)]
    pub(crate) size: Size,
    /// What to fit
    #[arg(long, default_value_t)]
    pub(crate) model: Kind,
    /// ALS: numbers a reader and a book; 0 for the default
    #[arg(long, default_value_t = 0)]
    pub(crate) factors: usize,
    /// ALS: how often readers and books are solved in turn; 0 for the default
    #[arg(long, default_value_t = 0)]
    pub(crate) iterations: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fitted {
    /// Interactions there were.
    pub(crate) ratings: f64,
    /// From rows in memory to the model that is to answer.
    pub(crate) seconds: f64,
    /// The most that was in memory (VmHWM), in megabytes.
    pub(crate) peak: f64,
    /// What the formula of `recommendations/src/models.rs` comes to, in megabytes.
    pub(crate) formula: f64,
}

/// What the peers get, too.
pub(crate) const THREADS: usize = 2;

impl Fit {
    /// In this process. Prints what [`Self::elsewhere`] reads.
    pub(crate) fn here(self) -> Result<(), Failure> {
        let doing = || format!("train {}", self.model);
        let catalogue = catalogue(self.size.books)?;
        let ratings = Ratings::new(self.size.base(usize::MAX)?, 1);
        let (readers, count) = (ratings.readers(), ratings.len());
        let recipe = (self.model, self.changed(Parameters::for_size(count, self.size.books as usize)));
        let run = Run::new(THREADS, Progress::new()).map_err(Failure::work("start threads"))?;
        let done = training::rehearse(&catalogue, &ratings.snapshot(), &recipe, &run);
        let (model, rows, took) = done.map_err(Failure::work(doing()))?;
        // Before the model is taken apart, which copies it.
        let peak = machine::memory(Group(std::process::id())).peak as f64 / machine::MEGABYTE;
        let kept = model.parts().weights.map_or(0, |weights| weights.len());
        let formula = self.formula((readers, rows), &recipe.1, kept) / machine::MEGABYTE;
        println!("{rows} {} {peak} {formula}", took.as_secs_f64());
        Ok(())
    }

    /// In a process of its own.
    pub(crate) async fn elsewhere(self) -> Result<Fitted, Failure> {
        let own = env::current_exe().map_err(Failure::file("find this program"))?;
        let mut command = Command::new(own);
        let Self { size: Size { readers, books, ratings }, model, factors, iterations } = self;
        command.arg("fit").args(["--readers", &readers.to_string(), "--books", &books.to_string()]);
        command.args(["--ratings", &ratings.to_string(), "--model", model.name()]);
        command.args(["--factors", &factors.to_string(), "--iterations", &iterations.to_string()]);
        let said = process::output("fit", command).await?;
        let numbers: Vec<f64> = said.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        match numbers[..] {
            [ratings, seconds, peak, formula] => Ok(Fitted { ratings, seconds, peak, formula }),
            _ => Err(Failure::Said { what: "fit".to_owned(), said }),
        }
    }

    /// What the model is fitted to: facts about books only where it cannot do without them, or is served with them.
    pub(crate) fn data(self) -> Result<(Interactions, Option<Items>), Failure> {
        let data = self.size.interactions().map_err(Failure::work("generate interactions"))?;
        let with = matches!(self.model, Kind::Content | Kind::Blend);
        Ok((data, with.then(|| Items::new((0..self.size.books).map(facts)))))
    }

    /// The model, and how many seconds it took.
    pub(crate) fn fit(self, data: &Interactions, items: Option<&Items>) -> Result<(Model, f64), Failure> {
        let run = Run::new(THREADS, Progress::new()).map_err(Failure::work("start threads"))?;
        let start = Instant::now();
        let parameters = self.parameters(data);
        let model = models::train(self.model, data, items, &parameters, &run);
        let model = model.map_err(Failure::work(format!("fit {}", self.model)))?;
        Ok((model, start.elapsed().as_secs_f64()))
    }

    pub(crate) fn parameters(self, data: &Interactions) -> Parameters {
        self.changed(Parameters::of(data))
    }

    fn changed(self, mut parameters: Parameters) -> Parameters {
        if self.factors > 0 {
            parameters.als.factors = self.factors;
        }
        if self.iterations > 0 {
            parameters.als.iterations = self.iterations;
        }
        parameters
    }

    /// The table in `recommendations/src/models.rs`, in bytes. `kept` are the weights or neighbours of the model.
    fn formula(self, (readers, rows): (usize, usize), parameters: &Parameters, kept: usize) -> f64 {
        let (r, b, n) = (readers as f64, f64::from(self.size.books), rows as f64);
        let (k, t) = (parameters.als.factors as f64, THREADS as f64);
        let pairs = gram::memory(self.size.books as usize) as f64;
        let kept = 16.0 * kept as f64;
        let model = match self.model {
            Kind::Slim | Kind::Ease | Kind::Blend => pairs + kept,
            Kind::Als => 4.0 * k * (r + b) + (k + 4.0) * b + (4.0 * k * k + 384.0 * k) * t,
            Kind::KnnBm25 | Kind::KnnCosine | Kind::Content => kept + 8.0 * b * t,
            Kind::Popular => 0.0,
        };
        let job = 30.0 * n + 20.0 * r + 1_000.0 * b;
        job + 50.0 * r + (38.0 * n).max(24.0 * n + model)
    }
}

/// What a job's process holds of books.
fn catalogue(books: u32) -> Result<Catalogue, Failure> {
    let mut catalogue = Builder::new(Version::default(), Vec::new());
    for (id, facts) in (1..).zip((0..books).map(facts)) {
        let Facts { authors, series, subjects, language } = facts;
        let series = series.map(|name| Series { name, number: None });
        let title = format!("Book {id}");
        let book = Book { id, title, authors, series, subjects, language, ..Book::default() };
        catalogue.push(&book).map_err(Failure::work("hold a catalogue"))?;
    }
    catalogue.finish().map_err(Failure::work("hold a catalogue"))
}

/// As many authors as half of the books, series of five, and five subjects of 500.
fn facts(book: u32) -> Facts {
    let subject = |nth: u32| format!("subject {}", book.wrapping_mul(nth * 2 + 7) % 500);
    Facts {
        authors: vec![format!("author {}", book / 2)],
        series: (book % 10 < 5).then(|| format!("series {}", book / 10)),
        subjects: (0..5).map(subject).collect(),
        language: "en".to_owned(),
    }
}
