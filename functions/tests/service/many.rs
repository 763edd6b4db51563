//! A thousand functions: how long a start takes, and how much memory.

use std::{fs, time::Instant};

use crate::{server::Server, wasm::says};

const FUNCTIONS: usize = 1_000;

/// In MiB; none where the machine does not say.
fn memory(server: &Server) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? >> 10)
}

#[test]
fn a_thousand_functions_start_fast_and_small() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("functions");
    fs::create_dir(&folder).unwrap();
    for number in 0..FUNCTIONS {
        fs::write(folder.join(format!("f{number}.wasm")), says(&format!("I am {number}"))).unwrap();
    }
    let begun = Instant::now();
    let first = Server::start(data.path(), &[]);
    let (compiled, ids) = (begun.elapsed(), [0, 1, 499, 999]);
    for number in ids {
        assert_eq!(first.get(&format!("/f{number}")).body, format!("I am {number}"));
    }
    drop(first);
    let begun = Instant::now();
    let again = Server::start(data.path(), &[]);
    let loaded = begun.elapsed();
    for number in ids {
        assert_eq!(again.get(&format!("/f{number}")).body, format!("I am {number}"));
    }
    let memory = memory(&again);
    println!("{FUNCTIONS} functions: {compiled:?} to compile, {loaded:?} from the cache, {memory:?} MiB");
    // This build is not an optimised one, and other tests run beside it.
    assert!(loaded.as_secs() < 60, "{loaded:?}");
    assert!(memory.is_none_or(|mebibytes| mebibytes < 600), "{memory:?} MiB");
}
