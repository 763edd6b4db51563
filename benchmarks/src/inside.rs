//! What an answer takes without a server around it, in a process of its own: `benchmarks inside`, hidden from the help.
//!
//! The clock runs from the decoded request to the answer's message: the reader's history, its folding in, the ranking, caps,
//! reasons and texts. It is the service's own code on a catalogue that was really imported, with a model that was really
//! trained, and histories as the server holds them.

use std::{
    env,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser as _;
use protobufs::recommendations::{
    ReasonKind, RecommendationRequest, recommendations_server::Recommendations,
};
use recommendations::{
    Config, artefact, grpc,
    knowledge::{Active, Keeper, Served},
    loading::Loader,
    models::{Model, Parameters},
    ratings::Ratings,
    store::{Registered, Standing, Store},
};
use storage::Objects;
use tonic::Request;

use crate::{
    failure::Failure,
    fit::Fit,
    interactions::Size,
    machine::{self, Group},
    process,
    random::Random,
    rounds::median,
};

/// What to serve, and how long to ask.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Inside {
    /// A data folder with the books 1 to `--books`
    data: PathBuf,
    #[command(flatten)]
    fit: Fit,
    /// Calls a round
    #[arg(long, default_value_t = 5_000)]
    calls: u32,
    /// Rounds; their medians are told
    #[arg(long, default_value_t = 5)]
    repeats: u32,
    /// Stores the model, and writes the histories as a file for `shelfwise import ratings`
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// What it takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    /// Microseconds.
    pub(crate) p50: f64,
    /// Microseconds.
    pub(crate) p99: f64,
    /// Training, in seconds.
    pub(crate) trained: f64,
    /// Resident before the first call, in megabytes.
    pub(crate) resident: f64,
    /// Of 100 books in answers, how many have a reason that names a book.
    pub(crate) named: f64,
    /// Entries of a history in the mean.
    pub(crate) history: f64,
}

/// Readers are asked for with no more of what they have read.
pub(crate) const LONGEST: usize = 200;
/// Books in an answer.
pub(crate) const COUNT: i32 = 10;
/// Before the clock runs, and while it does at most.
const WARM_UP: u32 = 500;
const ROUND_WITHIN: Duration = Duration::from_secs(10);

impl Inside {
    /// In a process of its own.
    pub(crate) async fn elsewhere(
        data: &Path,
        fit: Fit,
        (calls, repeats): (u32, u32),
        keep: Option<&Path>,
    ) -> Result<Took, Failure> {
        let own = env::current_exe().map_err(Failure::file("find this program"))?;
        let mut command = Command::new(own);
        let Fit { size: Size { readers, books, ratings }, model, factors, .. } = fit;
        command.arg("inside").arg(data);
        command.args(["--readers", &readers.to_string(), "--books", &books.to_string()]);
        command.args(["--ratings", &ratings.to_string(), "--model", model.name()]);
        command.args(["--factors", &factors.to_string()]);
        command.args(["--calls", &calls.to_string(), "--repeats", &repeats.to_string()]);
        if let Some(keep) = keep {
            command.arg("--keep").arg(keep);
        }
        let said = process::output("inside", command).await?;
        let numbers: Vec<f64> = said.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        match numbers[..] {
            [p50, p99, trained, resident, named, history] => {
                Ok(Took { p50, p99, trained, resident, named, history })
            }
            _ => Err(Failure::Said { what: "inside".to_owned(), said }),
        }
    }

    /// In this process. Prints what [`Self::elsewhere`] reads.
    pub(crate) async fn here(self) -> Result<(), Failure> {
        let url = format!("sqlite://{}", self.data.join("shelfwise.db").display());
        let store = Store::connect(&url).await.map_err(Failure::work("open the store"))?;
        let loader = Loader::start(store.clone(), Some(self.data.clone())).await;
        let loader = loader.map_err(Failure::work("load the catalogue"))?;

        let fit = self.fit;
        let (model, trained, parameters) = {
            let (data, items) = fit.data()?;
            let (model, seconds) = fit.fit(&data, items.as_ref())?;
            (model, seconds, fit.parameters(&data))
        };
        let books: Vec<i32> = (1..).take(fit.size.books as usize).collect();
        if let Some(file) = &self.keep {
            keep(&store, &self.data, (fit, &parameters, trained), &books, &model).await?;
            write_histories(fit.size, file)?;
        }
        let served = Served { version: "measured".to_owned(), simulated: false, model, books };
        let active = Active::default();
        active.store(Some(Arc::new(served)));
        let base = fit.size.base(LONGEST)?;
        let history = base.len() as f64 / base.readers().max(1) as f64;
        let ratings = Ratings::new(base, 1);
        let known = Keeper::start(loader.current(), ratings.clone(), active).known();
        // What is set by default, whatever the environment says.
        let choice =
            Config::parse_from(["recommendations"]).choice(recommendations::rankers::Rankers::default());
        let service = grpc::recommender(known, ratings, choice);

        let mut asking =
            Asking { service, readers: fit.size.readers, random: Random::new(7), books: 0, named: 0 };
        for _ in 0..WARM_UP {
            asking.ask().await?;
        }
        let resident = machine::memory(Group(std::process::id())).resident as f64 / 1e6;
        let (mut p50, mut p99) = (Vec::new(), Vec::new());
        for _ in 0..self.repeats {
            let mut took = Vec::with_capacity(self.calls as usize);
            let end = Instant::now() + ROUND_WITHIN;
            while took.len() < self.calls as usize && Instant::now() < end {
                took.push(asking.ask().await?.as_nanos() as f64 / 1e3);
            }
            took.sort_unstable_by(f64::total_cmp);
            let at = |share: usize| took[(took.len() * share).div_ceil(100).max(1) - 1];
            p50.push(at(50));
            p99.push(at(99));
        }
        let named = 100.0 * asking.named as f64 / asking.books.max(1) as f64;
        println!("{} {} {trained} {resident} {named} {history}", median(p50), median(p99));
        Ok(())
    }
}

/// Asks for readers at random.
struct Asking<S> {
    service: S,
    readers: u32,
    random: Random,
    books: u64,
    named: u64,
}

impl<S: Recommendations> Asking<S> {
    /// One call; how long it took. The answer must be whole.
    async fn ask(&mut self) -> Result<Duration, Failure> {
        let reader = 1 + self.random.below(self.readers.into()) as i32;
        let request = RecommendationRequest {
            user_id: reader,
            all_categories: true,
            max_results: COUNT,
            ..Default::default()
        };
        let start = Instant::now();
        let answer = self.service.recommend(Request::new(request)).await;
        let took = start.elapsed();
        let answer = answer.map_err(Failure::work("recommend"))?.into_inner();
        if answer.recommendations.len() != COUNT as usize {
            let said = format!("{} books for reader {reader}", answer.recommendations.len());
            return Err(Failure::Said { what: "recommend".to_owned(), said });
        }
        self.books += answer.recommendations.len() as u64;
        let names = |kind| matches!(kind, ReasonKind::Liked | ReasonKind::Similar);
        let named = answer.recommendations.iter().filter(|book| names(book.reason_kind()));
        self.named += named.count() as u64;
        Ok(took)
    }
}

/// The histories that the server is asked with, as a file.
fn write_histories(size: Size, path: &Path) -> Result<(), Failure> {
    let doing = || Failure::file("write histories");
    let mut file = BufWriter::new(std::fs::File::create(path).map_err(doing())?);
    writeln!(file, "reader,book,interacted").map_err(doing())?;
    for (reader, books) in (1..).zip(size.histories()) {
        for book in books.iter().take(LONGEST) {
            writeln!(file, "{reader},{},true", book + 1).map_err(doing())?;
        }
    }
    file.flush().map_err(doing())
}

/// Makes the model the one that answers, as a training does.
async fn keep(
    store: &Store,
    data: &Path,
    (fit, parameters, seconds): (Fit, &Parameters, f64),
    books: &[i32],
    model: &Model,
) -> Result<(), Failure> {
    let doing = "store the model";
    let objects = Objects::open(None, Some(data)).map_err(Failure::work(doing))?;
    let version = format!("1-{}-measured", fit.model);
    let mut manifest = artefact::Manifest {
        format: artefact::FORMAT.to_owned(),
        schema: artefact::SCHEMA,
        version: version.clone(),
        kind: fit.model.name().to_owned(),
        created_at: 0,
        seconds,
        store: String::new(),
        data: artefact::Data { books: books.len() as u64, ..Default::default() },
        parameters: parameters.list().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        quality: None,
        compared_with: None,
        simulated: false,
        tensors: artefact::Tensors::default(),
    };
    let trained = artefact::Trained { books: books.to_vec(), model: model.clone() };
    let encoded = artefact::encode(&mut manifest, &trained).map_err(Failure::work(doing))?;
    artefact::write(&objects, &version, encoded).await.map_err(Failure::work(doing))?;
    let manifest = String::from_utf8_lossy(&manifest.to_json()).into_owned();
    let number = store.next_model().await.map_err(Failure::work(doing))?;
    let registered = Registered { version: version.clone(), number, manifest, standing: Standing::Accepted };
    store.register(&registered).await.map_err(Failure::work(doing))?;
    store.activate(&version).await.map(drop).map_err(Failure::work(doing))
}
