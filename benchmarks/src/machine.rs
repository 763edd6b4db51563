//! What Linux says about processes and about this machine. Everything is read from /proc.

use std::{fs, io, path::Path, process::Command, thread, time::Duration};

use crate::failure::Failure;

/// A process and all of its descendants that stayed in its process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group(pub(crate) u32);

/// In bytes.
pub(crate) const MEGABYTE: f64 = 1e6;

/// Length of the ticks in /proc/PID/stat: Linux shows 100 a second to programs on every architecture that Rust's
/// standard library has a tier 1 or 2 port for.
const TICK: Duration = Duration::from_millis(10);

/// Memory of a process group in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// In memory now (VmRSS), file pages included.
    pub(crate) resident: u64,
    /// The part of it that is not a file's (RssAnon).
    pub(crate) own: u64,
    /// The most that was ever in memory (VmHWM).
    pub(crate) peak: u64,
}

/// Processor time, user and system, that the groups have spent so far.
pub(crate) fn processor_time(groups: &[Group]) -> Result<Duration, Failure> {
    let mut total = Duration::ZERO;
    if groups.is_empty() {
        return Ok(total);
    }
    for entry in fs::read_dir("/proc").map_err(Failure::file("list the processes"))? {
        let entry = entry.map_err(Failure::file("list the processes"))?;
        // Processes come and go, and not every name is a number.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some(stat) = Stat::parse(&stat) else { continue };
        if groups.iter().any(|group| group.0 == stat.group) {
            total += TICK * u32::try_from(stat.ticks).unwrap_or(u32::MAX);
        }
    }
    Ok(total)
}

/// Processor time that this process has spent so far.
pub(crate) fn own_processor_time() -> Result<Duration, Failure> {
    let stat = fs::read_to_string("/proc/self/stat").map_err(Failure::file("read /proc/self/stat"))?;
    let ticks = Stat::parse(&stat).map_or(0, |stat| stat.ticks);
    Ok(TICK * u32::try_from(ticks).unwrap_or(u32::MAX))
}

/// Memory of the group's leader. Zero once it has ended.
pub(crate) fn memory(group: Group) -> Memory {
    let status = fs::read_to_string(format!("/proc/{}/status", group.0)).unwrap_or_default();
    let bytes = |name: &str| 1024 * number_after(&status, name);
    Memory { resident: bytes("VmRSS:"), own: bytes("RssAnon:"), peak: bytes("VmHWM:") }
}

/// How many processes wanted a core in the last minute, on average.
pub(crate) fn load() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// The day and the machine in one line.
pub(crate) fn description() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = text_after(&processor, "model name").trim_start_matches([' ', '\t', ':']).to_owned();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = number_after(&memory, "MemTotal:") as f64 / 1024.0 / 1024.0;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{}: {cores} cores ({processor}), {memory:.0} GiB, Linux {}, {}",
        said(Command::new("date").args(["-u", "+%F"])),
        kernel.trim(),
        said(Command::new("rustc").arg("--version")),
    )
}

/// Whether an ELF file has been stripped of its symbols. `None` if it is not a 64-bit little-endian ELF file.
pub(crate) fn stripped(path: &Path) -> io::Result<Option<bool>> {
    let file = fs::read(path)?;
    Ok(has_symbols(&file).map(|symbols| !symbols))
}

/// Looks for a section of type SHT_SYMTAB.
fn has_symbols(file: &[u8]) -> Option<bool> {
    const SYMTAB: u64 = 2;
    let number = |at: usize, size: usize| -> Option<u64> {
        let bytes = file.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    };
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = usize::try_from(number(0x28, 8)?).ok()?;
    let (size, count) = (number(0x3a, 2)? as usize, number(0x3c, 2)? as usize);
    for index in 0..count {
        if number(table.checked_add(index * size)?.checked_add(4)?, 4)? == SYMTAB {
            return Some(true);
        }
    }
    Some(false)
}

/// The fields of /proc/PID/stat that matter here.
struct Stat {
    group: u32,
    ticks: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        // In proc(5)'s count from 1: 5 is the group, 14 and 15 are user and system time, 16 and 17 those of children
        // that have ended.
        let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
        Some(Self { group: u32::try_from(number(2)?).ok()?, ticks })
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

fn text_after<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

fn number_after(text: &str, name: &str) -> u64 {
    text_after(text, name).split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let stat =
            Stat::parse("7 (a) b (c) S 1 42 42 0 -1 4194304 1 0 0 0 10 5 2 1 20 0 1").expect("a stat line");
        assert_eq!((stat.group, stat.ticks), (42, 18));
    }

    #[test]
    fn symbols_are_found_by_the_section_table() {
        let mut file = vec![0; 0x40 + 2 * 0x40];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[0x28] = 0x40; // where the table starts
        file[0x3a] = 0x40; // bytes of an entry
        file[0x3c] = 2; // entries
        assert_eq!(has_symbols(&file), Some(false));
        file[0x40 + 0x40 + 4] = 2;
        assert_eq!(has_symbols(&file), Some(true));
        file.truncate(0x90);
        assert_eq!(has_symbols(&file[..0x82]), None, "cut off");
        assert_eq!(has_symbols(b"#!/bin/sh"), None);
    }

    #[test]
    fn this_process_has_memory_and_has_spent_time() {
        let own = memory(Group(std::process::id()));
        assert!(own.resident > 0 && own.own <= own.resident && own.peak >= own.own);
        assert!(own_processor_time().is_ok());
    }
}
