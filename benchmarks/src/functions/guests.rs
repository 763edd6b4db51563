//! What a call of a guest takes without a server around it, each in an instance of its own, in a process of its own.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use host::{Candidate, Engine, EngineSettings, Function, Grants, Limits, Question, Ranker, Reason};

use super::{pictures, runner::call};
use crate::{
    arguments::Effort,
    failure::Failure,
    process,
    report::{Bound, Section},
    rounds::median,
};

const FRESH_INSTANCE: Bound = Bound::AtMost(50.0);
const PYTHON: Bound = Bound::AtMost(5_000.0);
const RANKER: Bound = Bound::AtMost(150.0);
const LATE: Bound = Bound::AtMost(1_000.0);

/// How many candidates a ranker is given.
const CANDIDATES: i32 = 100;
/// Calls of one guest in a round, at most, and how long a round takes at most.
const CALLS: usize = 5_000;
const ROUND_WITHIN: Duration = Duration::from_secs(2);
const WARM_UP: usize = 200;

/// The guests that are called: name, what they are, input.
const GUESTS: [(&str, &str, &str); 4] = [
    ("count", "WASI command, C", ""),
    ("hello", "WASI command, Rust", r#"{"name":"Ada"}"#),
    ("misbehave-component", "component, Rust", r#"{"do":"arguments"}"#),
    ("words-python", "component, Python", "It can't bite it's own tail."),
];

/// One round in a process of its own.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Guests {
    #[arg(long, default_value_t = CALLS)]
    calls: usize,
}

/// A module of those that lie built in the repository, or that `functions/guests/build.sh` has put beside them, or where CI builds
/// all anew.
pub(super) fn built(name: &str) -> PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/guests");
    let [lying, anew] =
        ["built", "target/built"].map(|folder| guests.join(folder).join(name).with_extension("wasm"));
    if !lying.is_file() && anew.is_file() { anew } else { lying }
}

pub(super) async fn measure(effort: &Effort, section: &mut Section) -> Result<(), Failure> {
    let calls = if effort.smoke { 20 } else { CALLS };
    let mut rounds: Vec<Vec<(String, f64, f64)>> = Vec::new();
    for _ in 0..effort.rounds() {
        let own = std::env::current_exe().map_err(Failure::file("find this program"))?;
        let mut command = Command::new(own);
        command.args(["guests", "--calls", &calls.to_string()]);
        let said = process::output("guests", command).await?;
        rounds.push(said.lines().filter_map(read).collect());
    }
    let Some(first) = rounds.first() else { return Ok(()) };
    let mut rows = Vec::new();
    for (place, (name, ..)) in first.iter().enumerate() {
        let of = |pick: fn(&(String, f64, f64)) -> f64| {
            median(rounds.iter().filter_map(|round| round.get(place)).map(pick))
        };
        let (p50, p99) = (of(|row| row.1), of(|row| row.2));
        rows.push([name.clone(), format!("{p50:.0}"), format!("{p99:.0}")]);
        match name.as_str() {
            "WASI command, C" => section.target("a fresh instance, p50", p50, FRESH_INSTANCE, " µs"),
            "component, Python" => section.target("a fresh Python instance, p50", p50, PYTHON, " µs"),
            "ranker, Rust, 100 candidates" => {
                section.target("the Rust ranker at 100 candidates, p50", p50, RANKER, " µs");
            }
            "beyond a ranker's 5 ms" => {
                section.target("how far beyond its 5 ms a ranker runs, p50", p50, LATE, " µs");
            }
            _ => {}
        }
        if let Some((.., natives)) = pictures::PICTURES.iter().find(|(_, guests, _)| guests == name) {
            let times = median(rounds.iter().filter_map(|round| {
                let (guest, native) = (round.get(place)?, round.get(place + 1)?);
                (native.0 == *natives).then_some(guest.1 / native.1)
            }));
            section.target(format!("{name}, times native, p50"), times, pictures::OF_NATIVE, " ×");
        }
    }
    if !built("words-python").is_file() {
        section
            .skipped
            .push("a Python guest: run functions/guests/build.sh words-python ranker-python".to_owned());
    }
    section.table(["guest, a fresh instance a call", "p50 µs", "p99 µs"], rows);
    Ok(())
}

fn read(line: &str) -> Option<(String, f64, f64)> {
    let mut parts = line.split('\t');
    Some((parts.next()?.to_owned(), parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl Guests {
    /// In this process. Prints what [`measure`] reads.
    pub(crate) async fn here(self) -> Result<(), Failure> {
        let cache = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
        let settings = EngineSettings { guests: 16, cache: Some(cache.path().to_owned()) };
        let engine = Engine::new(&settings).map_err(Failure::work("start the runtime"))?;
        for (name, what, input) in GUESTS {
            let Ok(wasm) = std::fs::read(built(name)) else { continue };
            let function = Function::compile(&engine, name, &wasm, Limits::default(), Grants::default());
            let function = function.map_err(Failure::work("compile a guest"))?;
            let data = input.starts_with('{').then(|| input.to_owned());
            let ask = async || {
                let ended = function.call(call(data.clone(), Bytes::from_static(input.as_bytes()))).await;
                ended.result.map(drop).map_err(Failure::work("call a guest"))
            };
            said(what, self.times(ask).await?);
        }
        pictures::here(&engine, self.calls).await?;
        self.rankers(&engine).await
    }

    async fn rankers(self, engine: &Engine) -> Result<(), Failure> {
        let candidate = |book: i32| Candidate {
            book,
            score: 1.0 / book as f32,
            categories: vec![book % 7, 7 + book % 5],
            reason: Reason::Liked,
            because: Some(1 + book % 20),
        };
        let candidates: Vec<_> = (1..=CANDIDATES).map(candidate).collect();
        for (name, what) in
            [("ranker", "ranker, Rust, 100 candidates"), ("ranker-python", "ranker, Python, 100 candidates")]
        {
            let Ok(wasm) = std::fs::read(built(name)) else { continue };
            let generous =
                Limits { time: Duration::from_secs(1), cpu: Duration::from_secs(1), ..Limits::of_ranker() };
            let ranker =
                Ranker::load(engine, name, &wasm, generous).map_err(Failure::work("load a ranker"))?;
            let ask = async || {
                let ranked = ranker.rank(Question { reader: 7, count: 10 }, &candidates).await.0;
                ranked.map(drop).map_err(Failure::work("rank"))
            };
            said(what, self.times(ask).await?);
        }
        let wasm = std::fs::read(built("misbehave-ranker")).map_err(Failure::file("read a guest"))?;
        let limits = Limits::of_ranker();
        let endless =
            Ranker::load(engine, "endless", &wasm, limits).map_err(Failure::work("load a ranker"))?;
        let mut beyond = Vec::new();
        for _ in 0..self.calls.min(200) {
            let start = Instant::now();
            let ended = endless.rank(Question { reader: 1, count: 10 }, &candidates).await.0;
            let took = start.elapsed();
            if ended.is_ok() {
                return Err(Failure::Said {
                    what: "an endless ranker".to_owned(),
                    said: "an order".to_owned(),
                });
            }
            beyond.push(took.saturating_sub(limits.time).as_nanos() as f64 / 1e3);
        }
        said("beyond a ranker's 5 ms", beyond);
        Ok(())
    }

    /// Microseconds of each call.
    async fn times(self, mut ask: impl AsyncFnMut() -> Result<(), Failure>) -> Result<Vec<f64>, Failure> {
        for _ in 0..WARM_UP.min(self.calls) {
            ask().await?;
        }
        let (mut took, end) = (Vec::new(), Instant::now() + ROUND_WITHIN);
        while took.len() < self.calls && (took.is_empty() || Instant::now() < end) {
            let start = Instant::now();
            ask().await?;
            took.push(start.elapsed().as_nanos() as f64 / 1e3);
        }
        Ok(took)
    }
}

pub(super) fn said(what: &str, mut took: Vec<f64>) {
    took.sort_unstable_by(f64::total_cmp);
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100).max(1) - 1];
    println!("{what}\t{}\t{}", at(50), at(99));
}
