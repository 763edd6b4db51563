//! What an answer takes: inside the server by size of the catalogue, and over gRPC beside what tonic can do at all.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use protobufs::readers::{RateRequest, readers_service_client::ReadersServiceClient};
use recommendations::models::Kind;

use crate::{
    arguments::Effort,
    books,
    client::{self, Trainer, connect, refused},
    failure::Failure,
    fit::Fit,
    inside::{COUNT, Inside, Took},
    interactions::Size,
    load::{self, Questions, Recommend, Target},
    ours::{Binaries, Server},
    peers,
    plot::{Axis, Plot, Series},
    process, quality,
    report::{Bound, Section},
    rounds::{Contender, alternate, median},
    split::Split,
};

const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
const SMOKE: [u32; 1] = [150];
const FACTORS: usize = 64;
const CALLS: (u32, u32) = (5_000, 5);
/// How many answers are looked at to find one of the usual size.
const SAMPLE: usize = 101;
/// Clients with one connection each, and what each has in flight.
const LOAD: (usize, usize) = (4, 8);
/// Different questions of the load generator.
const QUESTIONS: i32 = 20_000;

const ITEM_ITEM: Bound = Bound::AtMost(40.0);
const ALS: Bound = Bound::AtMost(500.0);
const LATE: Bound = Bound::AtMost(20.0);
const OF_BARE_TONIC: Bound = Bound::AtLeast(0.5);

/// On goodbooks-3k, beside gorse.
const RATE: Bound = Bound::AtLeast(16_000.0);
const ONE_AT_A_TIME: Bound = Bound::AtMost(0.4);
const ALL_LISTS: Bound = Bound::AtMost(1.9);

/// Measures all of it.
pub(crate) async fn measure(binaries: &Binaries, effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("serving");
    inside(binaries, effort, &mut section).await?;
    real(binaries, effort, &mut section).await?;
    Ok(section)
}

async fn inside(binaries: &Binaries, effort: &Effort, section: &mut Section) -> Result<(), Failure> {
    let sizes = if effort.smoke { &SMOKE[..] } else { &SIZES[..] };
    let calls = if effort.smoke { (100, 1) } else { CALLS };
    let mut rows = Vec::new();
    let names = ["blend, the default", "als, 64 factors"];
    let mut series = names.map(|name| [50, 99].map(|it| (format!("{name}: p{it}"), Vec::new())));
    for (place, &books) in sizes.iter().enumerate() {
        let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
        let data = import(binaries, books, folder.path()).await?;
        let readers = if effort.smoke { 300 } else { 100_000 };
        let size = Size { readers, books, ratings: u64::from(readers) * if effort.smoke { 20 } else { 100 } };
        for (which, model) in [Kind::Blend, Kind::Als].into_iter().enumerate() {
            let factors = if model == Kind::Als { FACTORS } else { 0 };
            let fit = Fit { size, model, factors, iterations: 0 };
            // A real server answers with the first model, too.
            let histories = folder.path().join("ratings.csv");
            let keep = (place == 0 && which == 0).then_some(histories.as_path());
            let took = Inside::elsewhere(&data, fit, calls, keep).await?;
            eprintln!("{books} books, {model}: p50 {:.1} µs, p99 {:.1} µs", took.p50, took.p99);
            rows.push(row(books, names[which], &took));
            for (series, value) in series[which].iter_mut().zip([took.p50, took.p99]) {
                series.1.push((f64::from(books), value, String::new()));
            }
            if place == 0 {
                let (wanted, what) = if which == 0 { (ITEM_ITEM, "default model") } else { (ALS, "als") };
                section.target(format!("{what}, p50 inside at {books} books"), took.p50, wanted, " µs");
            }
            if place + 1 == sizes.len() {
                let what = format!("{model}, p99 inside at {books} books");
                section.target(what, took.p99 / 1e3, LATE, " ms");
            }
            if keep.is_some() {
                over_grpc(binaries, effort, (size, &data, &histories), section).await?;
            }
        }
    }
    section.table(
        [
            "books, model",
            "p50 µs",
            "p99 µs",
            "history, mean",
            "with a named reason",
            "training s",
            "resident MB",
        ],
        rows,
    );
    let series = series.into_iter().flatten();
    section.plots.push((
        "serving",
        Plot {
            title: "An answer inside the server, by size of the catalogue",
            x: Axis { name: "books", logarithmic: true },
            y: Axis { name: "µs", logarithmic: true },
            series: series.map(|(name, points)| Series { name, points, joined: true }).collect(),
        },
    ));
    Ok(())
}

fn row(books: u32, name: &str, took: &Took) -> [String; 7] {
    let Took { p50, p99, trained, resident, named, history } = took;
    [
        format!("{books}, {name}"),
        format!("{p50:.1}"),
        format!("{p99:.1}"),
        format!("{history:.0}"),
        format!("{named:.0} %"),
        format!("{trained:.1}"),
        format!("{resident:.0}"),
    ]
}

/// Generated books in a data folder.
async fn import(binaries: &Binaries, count: u32, folder: &Path) -> Result<PathBuf, Failure> {
    let (file, data) = (folder.join("books.jsonl"), folder.join("data"));
    books::write(count, &file)?;
    eprintln!("{count} books: importing");
    binaries.import(&file, &data, folder)?.finish(|_| {}).await?;
    fs::remove_file(&file).map_err(Failure::file("remove the generated books"))?;
    Ok(data)
}

/// The default server on the same data, with the log line of every call, beside tonic with a constant of the same size.
async fn over_grpc(
    binaries: &Binaries,
    effort: &Effort,
    (size, data, histories): (Size, &Path, &Path),
    section: &mut Section,
) -> Result<(), Failure> {
    eprintln!("importing histories");
    let mut command = binaries.shelfwise(&["import", "ratings"]);
    command.arg(histories).arg("--data").arg(data);
    eprint!("{}", process::output("shelfwise import", command).await?);
    // Training has a measurement of its own.
    let server = binaries.recommendations_with(data, &[("RECOMMENDATIONS_TRAIN", "false")]).await?;
    client::settled(server.address).await?;
    let mut random = crate::random::Random::new(11);
    let readers = (0..QUESTIONS).map(|_| 1 + random.below(size.readers.into()) as i32);
    let questions = Questions::lists(readers, COUNT);
    let asked = |server: &Server, exactly| Recommend {
        address: server.address,
        questions: questions.clone(),
        exactly,
    };
    let mut answers = load::sample(&asked(&server, None), SAMPLE).await?;
    answers.sort_by_key(|answer| answer.len());
    let usual = &answers[SAMPLE / 2];
    let logs = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let file = logs.path().join("answer");
    fs::write(&file, usual).map_err(Failure::file("write an answer"))?;
    let bare = peers::constant_answer_of(&file, logs.path(), asked(&server, None).questions).await?;
    let contender = |name, server: &Server, exactly| Contender {
        name,
        target: Target::Recommend(asked(server, exactly)),
        watched: vec![server.process.group()],
    };
    let contenders =
        [contender("Shelfwise", &server, None), contender("bare tonic", &bare, Some(usual.len()))];
    let results = alternate(&contenders, LOAD.0, LOAD.1, effort).await?;
    section.comparison(&results);
    section.notes.push(format!(
        "The two over gRPC: {} books, 10 of them an answer with reasons, {} readers drawn at random.",
        size.books, size.readers
    ));
    let ratio = results[0].ratio(&results[1], |round| round.rate);
    section.target("lists of ten over gRPC, of bare tonic", ratio, OF_BARE_TONIC, "");
    Ok(())
}

/// On real readers.
async fn real(binaries: &Binaries, effort: &Effort, section: &mut Section) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let split = match effort.smoke {
        true => Split::generated(folder.path(), quality::SMALL)?,
        false => match Split::goodbooks() {
            Some(split) => split,
            None => {
                section.without_data.push(format!("serving beside gorse: {}", Split::ABSENT));
                return Ok(());
            }
        },
    };
    let (table, trial) = split.trial()?;
    let server = quality::start(binaries, effort, &split, (&table, &trial), folder.path()).await?;
    let readers: Vec<i32> =
        table.readers.names().iter().filter_map(|&name| i32::try_from(name).ok()).collect();
    let lists = Recommend {
        address: server.address,
        questions: Questions::lists(readers.iter().copied(), COUNT),
        exactly: None,
    };
    let target = Target::Recommend(lists.clone());
    let watched = [server.process.group()];
    let (mut rates, mut p50s, mut passes) = (Vec::new(), Vec::new(), Vec::new());
    let mut library = ReadersServiceClient::new(connect(server.address).await?);
    for round in 0..effort.rounds() {
        rates.push(load::run(&target, effort.plan(LOAD.0, LOAD.1), &watched).await?.rate);
        p50s.push(load::run(&target, effort.plan(1, 1), &watched).await?.p50 / 1e3);
        // Another one each time, so that something changes.
        let stars = 0.5 + f32::from((round % 10) as u8) / 2.0;
        let book_id =
            trial.candidates.iter().position(|it| *it).map_or(1, |place| table.books.names()[place]);
        let request = RateRequest {
            reader_id: readers[round as usize % readers.len()],
            book_id: i32::try_from(book_id).unwrap_or(1),
            stars,
            ..RateRequest::default()
        };
        let start = std::time::Instant::now();
        library.rate(request).await.map_err(refused(server.address, "rate"))?;
        load::pass(&lists, LOAD.0, LOAD.1).await?;
        passes.push(start.elapsed().as_secs_f64());
    }
    // With a new model in between, as a shop that trains at night has it.
    let mut trainer = Trainer::connect(server.address).await?;
    let start = std::time::Instant::now();
    let job = trainer.begin().await?;
    trainer.end(job).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    load::pass(&lists, LOAD.0, LOAD.1).await?;
    let trained = start.elapsed().as_secs_f64();

    let (rate, p50, pass) = (median(rates), median(p50s), median(passes));
    let gorse = |text: &str| text.to_owned();
    section.table(
        ["goodbooks-3k, lists of ten", "Shelfwise", "gorse, published"],
        [
            ["answers/s".to_owned(), format!("{rate:.0}"), gorse("1630 (REST)")],
            ["one at a time, p50 ms".to_owned(), format!("{p50:.3}"), gorse("1.2 (REST)")],
            [
                format!("lists of all {} readers after a rating, s", readers.len()),
                format!("{pass:.2}"),
                gorse("19; over 900 with all of its stages"),
            ],
            [
                "the same after a training, with its choice of parameters, s".to_owned(),
                format!("{trained:.1}"),
                String::new(),
            ],
        ],
    );
    section.target("goodbooks-3k, answers/s", rate, RATE, "");
    section.target("goodbooks-3k, p50 one at a time", p50, ONE_AT_A_TIME, " ms");
    section.target("goodbooks-3k, all readers' lists after a change", pass, ALL_LISTS, " s");
    Ok(())
}
