//! The whole suite in one process, as `cargo run --release` starts it.

use std::{
    fs,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::{
    arguments::Effort,
    client,
    failure::Failure,
    load, machine,
    ours::{self, Binaries, NAMES},
    report::{Bound, Section},
    rounds::median,
};

/// Memory is read after that long without a call.
const IDLE: Duration = Duration::from_secs(10);
/// The first start trains models on what simulated readers say, before it has nothing to do.
const FIRST_IDLE: Duration = Duration::from_secs(30);
/// Calls before it: pages and Recommend, one of each at a time.
const CALLS: usize = 50;

const RESIDENT: Bound = Bound::Under(60.0);
const START: Bound = Bound::Under(300.0);
const PERSONAL: Bound = Bound::Under(5000.0);

/// Measures start, memory and binaries.
pub(crate) async fn measure(binaries: &Binaries, effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("suite");
    let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let data = folder.path().join("data");
    let first = binaries.suite(&data, folder.path()).await?;
    let (first_start, up) = (milliseconds(first.started_in), Instant::now());
    client::personal(first.grpc).await?;
    let personal = first_start + milliseconds(up.elapsed());
    sleep(if effort.smoke { Duration::from_millis(500) } else { FIRST_IDLE }).await;
    let first_resident = machine::memory(first.process.group()).resident as f64 / machine::MEGABYTE;
    drop(first);

    let (mut starts, mut resident, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds() {
        let suite = binaries.suite(&data, folder.path()).await?;
        starts.push(milliseconds(suite.started_in));
        for _ in 0..CALLS {
            load::get(ours::home(suite.pages)).await?;
            load::ask(suite.grpc).await?;
        }
        sleep(if effort.smoke { Duration::from_millis(500) } else { IDLE }).await;
        let memory = machine::memory(suite.process.group());
        let megabytes = memory.resident as f64 / machine::MEGABYTE;
        eprintln!(
            "round {}: ready in {:.0} ms, {megabytes:.1} MB",
            round + 1,
            milliseconds(suite.started_in)
        );
        resident.push(megabytes);
        own.push(memory.own as f64 / machine::MEGABYTE);
    }

    let mut sizes = Vec::new();
    let mut stripped = 0;
    for name in NAMES {
        let path = binaries.path(name);
        let size = fs::metadata(&path).map_err(Failure::file(format!("look at {name}")))?.len();
        let symbols = machine::stripped(&path).map_err(Failure::file(format!("read {name}")))?;
        stripped += usize::from(symbols == Some(true));
        let symbols = match symbols {
            Some(true) => "stripped",
            Some(false) => "not stripped",
            None => "not ELF",
        };
        sizes.push([
            name.to_owned(),
            format!("{:.1} MB", size as f64 / machine::MEGABYTE),
            symbols.to_owned(),
        ]);
    }

    let slowest = starts.iter().copied().fold(0.0, f64::max);
    let largest = resident.iter().copied().fold(0.0, f64::max);
    let (start, resident) = (median(starts), median(resident));
    section.table(
        ["", "median", "worst"],
        [
            [
                "from exec to ready and a page".to_owned(),
                format!("{start:.0} ms"),
                format!("{slowest:.0} ms"),
            ],
            ["the same on an empty folder, once".to_owned(), format!("{first_start:.0} ms"), String::new()],
            [
                "from exec to a personal list, on an empty folder, once".to_owned(),
                format!("{personal:.0} ms"),
                String::new(),
            ],
            [
                "resident (VmRSS) when idle".to_owned(),
                format!("{resident:.1} MB"),
                format!("{largest:.1} MB"),
            ],
            ["of it not files (RssAnon)".to_owned(), format!("{:.1} MB", median(own)), String::new()],
            [
                "resident after a first start and its training, once".to_owned(),
                format!("{first_resident:.1} MB"),
                String::new(),
            ],
        ],
    );
    section.table(["binary", "size", "symbols"], sizes);
    section.target("suite, resident when idle", resident, RESIDENT, " MB");
    section.target("suite, resident after its first training", first_resident, RESIDENT, " MB");
    section.target("suite, ready from a populated folder", start, START, " ms");
    let all = NAMES.len() as f64;
    section.target("suite, a first start's first personal list", personal, PERSONAL, " ms");
    section.target("binaries that are stripped", stripped as f64, Bound::AtLeast(all), "");
    Ok(section)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
