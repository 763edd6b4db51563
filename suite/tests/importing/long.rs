//! Files that are long.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufWriter, Write as _},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Shop,
    process::{run, shelfwise},
};

/// Every so many rows, one is wrong.
const WRONG: usize = 5_000;

/// A file with so many rows of a kilobyte, and the lines of those that are wrong.
fn long(shop: &Shop, name: &str, rows: usize) -> (String, Vec<usize>) {
    let path = shop.path(name);
    let mut file = BufWriter::new(File::create(&path).unwrap());
    file.write_all(b"reader,book,stars,note\n").unwrap();
    let note = "x".repeat(1_000);
    let mut wrong = Vec::new();
    for row in 0..rows {
        let stars = if row % WRONG == WRONG - 1 { "six" } else { "4.5" };
        if stars == "six" {
            // The header is the first.
            wrong.push(row + 2);
        }
        writeln!(file, "{},{},{stars},{note}", row / 700 + 1, row % 700 + 1).unwrap();
    }
    file.flush().unwrap();
    (path, wrong)
}

/// Imports a file: how much memory that took at most, in bytes, and what was said of its rows.
fn import(shop: &Shop, file: &str) -> (u64, String) {
    let said = shop.path("said");
    let errors = shop.path("errors.csv");
    let mut child = shelfwise()
        .args(["import", "ratings", file, "--errors", &errors, "--data", &shop.path("data")])
        .stdout(File::create(shop.path("printed")).unwrap())
        .stderr(File::create(&said).unwrap())
        .spawn()
        .unwrap();
    let (mut peak, start) = (0, Instant::now());
    let status = loop {
        let about = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = about.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes =
            line.and_then(|line| line.trim().strip_suffix(" kB")).map(|number| number.parse::<u64>());
        peak = kilobytes.map_or(peak, |kilobytes| peak.max(1_024 * kilobytes.unwrap()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    };
    let said = fs::read_to_string(said).unwrap();
    assert!(status.success(), "{said}");
    (peak, said)
}

#[test]
fn a_long_file_takes_little_more_memory_than_a_short_one() {
    if !testing::have(&["/proc/self/status"]) {
        return;
    }
    let shop = Shop::new();
    let (short, _) = long(&shop, "short.csv", 10);
    let (before, said) = import(&shop, &short);
    assert!(before > 5_000_000 && said.is_empty(), "{before} {said}");
    let (file, wrong) = long(&shop, "long.csv", 70_000);
    let length = fs::metadata(&file).unwrap().len();
    let (peak, said) = import(&shop, &file);
    assert!(
        length > 70_000_000 && peak.saturating_sub(before) < length / 3,
        "{before}, then {peak}, for {length}"
    );
    // Every row that is wrong is named by its line, on standard error and in the file to mend.
    let expected: Vec<String> =
        wrong.iter().map(|line| format!("{line}\tstars is \"six\", not 0.5 to 5 in halves")).collect();
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    let errors = crate::read(shop.path("errors.csv"));
    assert_eq!(errors.lines().count(), 1 + wrong.len());
    for (line, row) in wrong.iter().zip(errors.lines().skip(1)) {
        assert!(row.contains(&format!(",\"line {line}: ")), "{line}");
    }
    let printed = crate::read(shop.path("printed"));
    assert!(printed.ends_with(": 69986 stored, 0 not in the catalogue, 14 wrong\n"), "{printed}");
}

#[test]
fn an_import_shows_how_far_it_is_on_a_terminal() {
    if !testing::have(&["script"]) {
        return;
    }
    let shop = Shop::new();
    let (file, _) = long(&shop, "long.csv", 4_000);
    let data = shop.path("data");
    let program = env!("CARGO_BIN_EXE_shelfwise");
    let command = format!("'{program}' import ratings '{file}' --data '{data}'");
    let mut script = Command::new("script");
    let shown =
        run(script.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm").env_remove("DATABASE_URL"));
    assert_eq!(shown.code, Some(0), "{}", shown.out);
    let percents: BTreeSet<u32> = shown
        .out
        .split(" %")
        .filter_map(|before| before.rsplit(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok())
        .collect();
    assert!(percents.len() > 2 && percents.iter().any(|percent| (1..100).contains(percent)), "{}", shown.out);
    assert!(shown.out.contains(" rows"), "{}", shown.out);
    // What is not a terminal is not filled with it.
    let quiet = shop.import(&["ratings", &file]);
    assert_eq!(quiet.err, "");
    assert!(quiet.out.ends_with(": 4000 stored, 0 not in the catalogue, 0 wrong\n"), "{}", quiet.out);
}
