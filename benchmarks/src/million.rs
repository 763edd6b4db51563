//! How import, memory, start and latency grow with the catalogue.

use std::{fs, time::Duration};

use crate::{
    arguments::Effort,
    books,
    failure::Failure,
    load::{self, Recommend, Target},
    machine,
    ours::Binaries,
    report::Section,
    rounds::median,
};

const COUNTS: [u32; 4] = [1000, 10_000, 100_000, 1_000_000];
const SMOKE: [u32; 2] = [1000, 10_000];
/// Started so often, with a round of calls each.
const STARTS: u32 = 5;

/// Measures every size.
pub(crate) async fn measure(binaries: &Binaries, effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("million");
    let mut rows = Vec::new();
    for &count in if effort.smoke { &SMOKE[..] } else { &COUNTS[..] } {
        rows.push(size(binaries, effort, count).await?);
    }
    section.table(
        [
            "books",
            "file MB",
            "import s",
            "import peak MB",
            "data folder MB",
            "server start ms",
            "idle MB",
            "of it not files MB",
            "p50 µs",
            "p99 µs",
            "CPU µs/call",
        ],
        rows,
    );
    Ok(section)
}

async fn size(binaries: &Binaries, effort: &Effort, count: u32) -> Result<[String; 11], Failure> {
    let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let (file, data) = (folder.path().join("books.jsonl"), folder.path().join("data"));
    books::write(count, &file)?;
    let bytes = fs::metadata(&file).map_err(Failure::file("look at the generated books"))?.len();

    eprintln!("{count} books: importing");
    let mut peak = 0;
    let import = binaries.import(&file, &data, folder.path())?;
    let import = import.finish(|group| peak = peak.max(machine::memory(group).peak)).await?;
    fs::remove_file(&file).map_err(Failure::file("remove the generated books"))?;

    let (mut starts, mut resident, mut own) = (Vec::new(), Vec::new(), Vec::new());
    let (mut p50, mut p99, mut cost) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..if effort.smoke { 1 } else { STARTS } {
        let server = binaries.recommendations(&data, false).await?;
        starts.push(server.started_in.as_secs_f64() * 1000.0);
        // One call at a time: how long a call takes, not how long it queues.
        let plan = effort.plan(1, 1);
        let target = Target::Recommend(Recommend::mysteries(server.address));
        let round = load::run(&target, plan, &[server.process.group()]).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let memory = machine::memory(server.process.group());
        resident.push(memory.resident as f64 / machine::MEGABYTE);
        own.push(memory.own as f64 / machine::MEGABYTE);
        p50.push(round.p50);
        p99.push(round.p99);
        cost.push(round.cost);
    }
    let number = |value: f64| if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    Ok([
        count.to_string(),
        number(bytes as f64 / machine::MEGABYTE),
        number(import.as_secs_f64()),
        number(peak as f64 / machine::MEGABYTE),
        number(folder_size(&data)? as f64 / machine::MEGABYTE),
        number(median(starts)),
        number(median(resident)),
        number(median(own)),
        number(median(p50)),
        number(median(p99)),
        number(median(cost)),
    ])
}

/// Bytes of all files below.
fn folder_size(folder: &std::path::Path) -> Result<u64, Failure> {
    let cannot = || Failure::file(format!("look into {}", folder.display()));
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(cannot())? {
        let entry = entry.map_err(cannot())?;
        let about = entry.metadata().map_err(cannot())?;
        bytes += if about.is_dir() { folder_size(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}
