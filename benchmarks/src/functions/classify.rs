//! What a picture shows: `classify` with its model behind `wasi:nn`, beside onnxruntime and Pillow in Python, each on one thread
//! and from the picture's file to the sentence.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use host::{
    Engine, EngineSettings, Function, Grants, Limits,
    nn::{InputSize, ModelSettings, Models},
};

use super::{guests::built, runner::call};
use crate::{
    arguments::Effort,
    failure::Failure,
    peers::Python,
    process,
    report::{Bound, Section},
    rounds::median,
};

const TIMES_ONNXRUNTIME: Bound = Bound::AtMost(3.0);
/// Of each picture in a round.
const CALLS: usize = 40;
const PICTURES: [&str; 4] = ["cat.bmp", "grace_hopper.bmp", "parrot.jpg", "hot_dog.jpg"];

/// One round in a process of its own.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Classify {
    /// Where the model, its labels and the pictures lie
    folder: PathBuf,
    /// Calls a picture
    #[arg(long, default_value_t = CALLS)]
    calls: usize,
}

/// The medians of a round in milliseconds, all in all and of the model alone.
#[derive(Clone, Copy)]
struct Round {
    all: f64,
    model: f64,
}

pub(super) async fn measure(effort: &Effort, section: &mut Section) -> Result<(), Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/models");
    if !folder.is_dir() {
        section.without_data.push("classify: needs ../shared/data/models".to_owned());
        return Ok(());
    }
    let python = Python::find().filter(Python::has_onnxruntime);
    if python.is_none() {
        section.skipped.push(format!("onnxruntime: {}", Python::MODELS_ADVICE));
    }
    let calls = if effort.smoke { 1 } else { CALLS }.to_string();
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds() {
        let mut last = [None; 2];
        for turn in 0..2 {
            // Whoever was last begins the next round.
            let place = ((round + turn) % 2) as usize;
            let command = match (place, &python) {
                (0, _) => {
                    let mut own =
                        Command::new(std::env::current_exe().map_err(Failure::file("find this program"))?);
                    own.arg("classify").arg(&folder).args(["--calls", &calls]);
                    own
                }
                (_, Some(python)) => python.classify(&folder, &calls),
                (_, None) => continue,
            };
            last[place] = Some(Round::read(&process::output("classify", command).await?)?);
        }
        let [own, other] = last;
        if let (Some(own), Some(other)) = (own, other) {
            eprintln!("round {}: classify {:.1} ms, onnxruntime {:.1} ms", round + 1, own.all, other.all);
            ratios.push(own.all / other.all);
        }
        ours.extend(own);
        theirs.extend(other);
    }
    let row = |name: &str, rounds: &[Round]| {
        let of = |pick: fn(&Round) -> f64| format!("{:.1}", median(rounds.iter().map(pick)));
        [name.to_owned(), of(|round| round.all), of(|round| round.model)]
    };
    let mut rows = vec![row("classify, a fresh instance a call", &ours)];
    if !theirs.is_empty() {
        rows.push(row("Pillow and onnxruntime", &theirs));
        section.target("classify, times onnxruntime", median(ratios), TIMES_ONNXRUNTIME, " ×");
    }
    section
        .table(["four pictures, one thread, p50", "from file to sentence, ms", "of it the model, ms"], rows);
    Ok(())
}

impl Round {
    fn read(said: &str) -> Result<Self, Failure> {
        let numbers: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        match numbers[..] {
            [all, model] => Ok(Self { all, model }),
            _ => Err(Failure::Said { what: "classify".to_owned(), said: said.to_owned() }),
        }
    }
}

impl Classify {
    /// In this process. Prints what [`measure`] reads.
    pub(crate) async fn here(self) -> Result<(), Failure> {
        let engine = Engine::new(&EngineSettings { guests: 1, cache: None });
        let engine = engine.map_err(Failure::work("start the runtime"))?;
        let models = Models::new(vec![ModelSettings {
            name: "classify".to_owned(),
            file: self.folder.join("mobilenet_v2_1.0_224.onnx"),
            labels: Some(self.folder.join("imagenet_labels.txt")),
            input: InputSize::default(),
            longest: Duration::from_secs(20),
        }]);
        engine.lend(models.map_err(Failure::work("read the model's files"))?);
        let wasm = fs::read(built("classify")).map_err(Failure::file("read classify.wasm"))?;
        let grants = Grants { nn: true, ..Grants::default() };
        let function = Function::compile(&engine, "classify", &wasm, Limits::default(), grants);
        let function = function.map_err(Failure::work("compile classify"))?;
        let mut pictures = Vec::new();
        for picture in PICTURES {
            pictures.push(bytes::Bytes::from(
                fs::read(self.folder.join(picture)).map_err(Failure::file("read a picture"))?,
            ));
        }
        let (mut all, mut model) = (Vec::new(), Vec::new());
        // The first time of each does not count.
        for number in 0..=self.calls {
            for picture in &pictures {
                let start = Instant::now();
                let ended = function.call(call(None, picture.clone())).await;
                let took = start.elapsed();
                ended.result.map_err(Failure::work("call classify"))?;
                if number > 0 {
                    all.push(milliseconds(took));
                    model.push(milliseconds(ended.usage.models));
                }
            }
        }
        println!("{} {}", median(all), median(model));
        Ok(())
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
