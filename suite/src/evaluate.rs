use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use recommendations::{
    evaluate::{self, Budget, FileError, HeldOut, Ranking, Table, Trial},
    models::{self, Items, Kind, Parameters, Progress, Run, TrainError},
};
use service::Failure;

use crate::files;

/// Trains on one file, and scores how soon the model names what another holds.
#[derive(Args, Debug)]
pub(crate) struct Evaluate {
    /// What the model may see: CSV with the columns `user_id`, `item_id` and perhaps `rating` and `time` (seconds or a date)
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// What it has to find, in the same form
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// Facts about books: CSV with `item_id` and any of `authors`, `series`, `title`, `genres`, `language`
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    #[arg(long, value_name = "NAME", default_value_t, help = format!("What to train, one of {}", Kind::names()))]
    model: Kind,
    /// Where to write the first books for each reader, as `user_id,rank,item_id`
    #[arg(long, value_name = "FILE")]
    top_k: Option<PathBuf>,
    /// How many books a reader that file holds
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    rows: u16,
    /// Sets a parameter instead of choosing it on held-out ratings of the training file, as NAME=NUMBER; may be repeated
    #[arg(long, value_name = "NAME=NUMBER", value_parser = setting)]
    set: Vec<(String, f64)>,
    /// How many models may be fitted to choose parameters; 1 takes the defaults
    #[arg(long, value_name = "NUMBER", default_value_t = Budget::default().trials, value_parser = positive)]
    trials: usize,
    /// Threads that train [default: one a core]
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    threads: Option<usize>,
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "give a number from 1 on".to_owned())
}

fn setting(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("give it as NAME=NUMBER")?;
    let value = value.parse().map_err(|_| format!("{value} is not a number"))?;
    Ok((name.to_owned(), value))
}

/// The trial inside the training data that parameters are chosen by.
const INNER: HeldOut = HeldOut { key: 0x5348_454c, share: 0.1 };

impl Evaluate {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let read: Vec<&Path> = [Some(&self.train), Some(&self.test), self.items.as_ref()]
            .into_iter()
            .flatten()
            .map(|it| &**it)
            .collect();
        self.top_k.as_deref().map(|path| files::keep("--top-k", path, &read)).transpose()?;
        let mut phases = Phases::default();
        let mut table = Table::default();
        let (train, days) = rows(&self.train, &mut table)?;
        let (test, _) = rows(&self.test, &mut table)?;
        let books = table.books.names().len();
        let items = self.items.as_deref().map(|path| -> Result<Items, Failure> {
            let facts = evaluate::read_items(open(path)?, &table.books);
            Ok(Items::new(facts.map_err(|error| unreadable(path, &error))?))
        });
        let items = items.transpose()?;
        let mut trial = Trial::new(table.readers.names().len(), books, &train, &test).map_err(failure)?;
        let ages = ages(&train, &days);
        if !ages.is_empty() {
            trial = trial.with_ages(ages.iter().copied());
        }
        let asked = trial.asked().count();
        if asked == 0 {
            return Err(Failure::usage(format!(
                "{}: there is nothing to find: no reader of the training file likes a book here that is new to them",
                self.test.display()
            )));
        }
        say!(
            "{}: {} readers, {} books, {} interactions to learn from, {} readers to ask",
            self.model,
            trial.data.readers(),
            books,
            trial.data.len(),
            asked
        );
        phases.end("read");

        let mut parameters = Parameters::of(&trial.data);
        for (name, value) in &self.set {
            parameters.set(name, *value).map_err(|error| Failure::usage(format!("--set: {error}")))?;
        }
        let progress = Progress::new();
        let run = Run::new(self.threads.unwrap_or_default(), progress.clone()).map_err(failure)?;
        let shown = Shown::new(progress);
        if self.trials > 1 {
            let (readers, books) = (table.readers.names(), table.books.names());
            let mut inner = Trial::hold_out(readers, books, &train, INNER).map_err(failure)?;
            if !ages.is_empty() {
                inner = inner.with_ages(ages.iter().copied());
            }
            let fixed: Vec<&str> = self.set.iter().map(|(name, _)| name.as_str()).collect();
            let budget = Budget { trials: self.trials, fixed: &fixed, ..Budget::default() };
            let tell = |name: &str, value: f64, ndcg: f64| {
                shown.0.suspend(|| eprintln!("held out: {name} {value}: ndcg@10 {ndcg:.4}"));
            };
            parameters = evaluate::choose(self.model, &inner, items.as_ref(), parameters, budget, &run, tell)
                .map_err(failure)?;
        }
        phases.end("choose");
        let model =
            models::train(self.model, &trial.data, items.as_ref(), &parameters, &run).map_err(failure)?;
        phases.end("fit");
        let ranking =
            evaluate::rank(&model, &trial, usize::from(self.rows).max(20), &run).map_err(failure)?;
        phases.end("rank");
        drop(shown);
        let quality = ranking.quality(&trial);
        say!(
            "ndcg@10 {:.4}  recall@20 {:.4}  map@10 {:.4}  coverage@10 {:.3}  novelty {:.2}  gini {:.3}",
            quality.ndcg,
            quality.recall,
            quality.map,
            quality.coverage,
            quality.novelty,
            quality.gini
        );
        let changed: Vec<String> = parameters
            .list()
            .into_iter()
            .zip(Parameters::of(&trial.data).list())
            .filter(|(now, before)| now != before)
            .map(|((name, value), _)| format!("{name}={value}"))
            .collect();
        say!("parameters: {}", if changed.is_empty() { "defaults".to_owned() } else { changed.join(" ") });
        if let Some(path) = &self.top_k {
            write(path, &ranking, &table, self.rows)
                .map_err(|error| Failure::io(format!("{}: {error}", path.display())))?;
            phases.end("write");
        }
        say!("{}", phases.line());
        Ok(())
    }
}

/// Wall-clock time by phase.
struct Phases {
    began: Instant,
    ended: Vec<(&'static str, Duration)>,
}

impl Default for Phases {
    fn default() -> Self {
        Self { began: Instant::now(), ended: Vec::new() }
    }
}

impl Phases {
    fn end(&mut self, name: &'static str) {
        self.ended.push((name, self.began.elapsed()));
        self.began = Instant::now();
    }

    fn line(&self) -> String {
        let parts: Vec<String> =
            self.ended.iter().map(|(name, time)| format!("{name} {:.3} s", time.as_secs_f64())).collect();
        parts.join(", ")
    }
}

/// A progress bar on a terminal, fed by a thread of its own.
struct Shown(ProgressBar);

impl Shown {
    fn new(progress: Progress) -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}").expect("a valid template");
        let bar = ProgressBar::new(1_000).with_style(style);
        let shown = bar.clone();
        thread::spawn(move || {
            while !shown.is_finished() {
                shown.set_position((progress.fraction() * 1_000.0) as u64);
                shown.set_message(progress.stage());
                thread::sleep(Duration::from_millis(100));
            }
        });
        Self(bar)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::io(format!("{}: {error}", path.display())))
}

/// Interactions, and the day of each where the file tells.
type Rows = (Vec<models::Interaction>, Vec<Option<f32>>);

fn rows(path: &Path, table: &mut Table) -> Result<Rows, Failure> {
    let rows = evaluate::read_timed_rows(open(path)?, table).map_err(|error| unreadable(path, &error))?;
    if rows.0.is_empty() {
        return Err(Failure::usage(format!("{}: it holds no interactions", path.display())));
    }
    Ok(rows)
}

/// Reader, book and age in days, counted from the last day that the file tells. Empty where it tells none.
fn ages(rows: &[models::Interaction], days: &[Option<f32>]) -> Vec<(u32, u32, f32)> {
    let last = days.iter().flatten().copied().fold(f32::NEG_INFINITY, f32::max);
    let told = rows.iter().zip(days).filter_map(|(it, day)| Some((it.reader, it.book, last - (*day)?)));
    told.collect()
}

fn unreadable(path: &Path, error: &FileError) -> Failure {
    let text = format!("{}: {}", path.display(), service::chain(error));
    match error {
        FileError::Read(_) => Failure::io(text),
        FileError::Column(_) | FileError::Number { .. } | FileError::Time { .. } => Failure::usage(text),
    }
}

fn failure(error: TrainError) -> Failure {
    match error {
        TrainError::Empty | TrainError::NoItems | TrainError::Parameters(_) | TrainError::TooLarge { .. } => {
            Failure::usage(error)
        }
        _ => Failure::caused(&error),
    }
}

fn write(path: &Path, ranking: &Ranking, table: &Table, rows: u16) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "user_id,rank,item_id")?;
    for (reader, books) in &ranking.rows {
        let reader = table.readers.names()[*reader as usize];
        for (book, rank) in books.iter().take(usize::from(rows)).zip(1..) {
            writeln!(file, "{reader},{rank},{}", table.books.names()[*book as usize])?;
        }
    }
    file.flush()
}
