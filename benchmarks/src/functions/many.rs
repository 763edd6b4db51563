//! A host with many functions, no two of them the same: how long it takes to start, and what each takes of its memory.

use std::{fs, path::Path};

use crate::{
    arguments::Effort,
    failure::Failure,
    machine,
    ours::{Binaries, Server},
    report::Section,
    rounds::median,
};

use super::guests::built;

const COUNTS: [usize; 2] = [1, 1_000];
const FEW: [usize; 2] = [1, 20];

/// The same greeting under many names.
pub(super) async fn measure(
    binaries: &Binaries,
    effort: &Effort,
    section: &mut Section,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for count in if effort.smoke { FEW } else { COUNTS } {
        let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
        deploy(&folder.path().join("functions"), count)?;
        let seconds = |server: &Server| server.started_in.as_secs_f64();
        let first = seconds(&binaries.functions(folder.path()).await?);
        let (mut starts, mut resident, mut own) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..effort.rounds() {
            let server = binaries.functions(folder.path()).await?;
            starts.push(seconds(&server));
            let memory = machine::memory(server.process.group());
            resident.push(memory.resident as f64 / machine::MEGABYTE);
            own.push(memory.own as f64 / machine::MEGABYTE);
        }
        rows.push([
            count.to_string(),
            format!("{first:.2} s"),
            format!("{:.2} s", median(starts)),
            format!("{:.1} MB", median(resident)),
            format!("{:.1} MB", median(own)),
        ]);
    }
    let columns =
        ["functions", "ready, each compiled", "ready again", "resident (VmRSS)", "of it not files (RssAnon)"];
    section.table(columns, rows);
    Ok(())
}

/// Modules that do the same and are not the same: each has its number in a section of its own.
fn deploy(folder: &Path, count: usize) -> Result<(), Failure> {
    fs::create_dir(folder).map_err(Failure::file("make a folder"))?;
    let module = fs::read(built("hello")).map_err(Failure::file("read a module"))?;
    for number in 0..count {
        let name = if number == 0 { "hello".to_owned() } else { format!("hello-{number}") };
        // Length of the section; length of its name, its name; what is in it.
        let section = [&[0, 5, 2, b'n', b'o'], &u16::to_le_bytes(number as u16)[..]].concat();
        let own = [&module[..], &section].concat();
        fs::write(folder.join(name).with_extension("wasm"), own).map_err(Failure::file("write a module"))?;
    }
    Ok(())
}
