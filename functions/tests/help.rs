//! The program's help is the list of its settings, and so are its manual and a file's keys.

use std::{fs, process::Command};

use clap::CommandFactory as _;
use functions::{Config, PREFIX};

const PROGRAM: &str = env!("CARGO_BIN_EXE_functions");

#[test]
fn help_shows_every_setting_with_its_variable_and_default() {
    testing::help_shows_every_setting(PROGRAM, &service::config::command::<Config>(PREFIX));
}

#[test]
fn a_bad_setting_ends_it_with_one_line_and_code_64() {
    testing::bad_setting_is_one_line(PROGRAM, "FUNCTIONS_BIND");
}

#[test]
fn the_manual_has_every_setting_with_its_default() {
    let manual = include_str!("../CONFIGURATION.md");
    for setting in Config::command().get_arguments() {
        let id = setting.get_id().as_str();
        if matches!(id, "config" | "help" | "version") {
            continue;
        }
        let rows = manual.lines().filter(|line| line.starts_with("| `"));
        let mut row = rows
            .filter(|line| line.split(" | ").next().is_some_and(|keys| keys.contains(&format!("`{id}`"))));
        let row = row.next().unwrap_or_else(|| panic!("{id} is not in CONFIGURATION.md"));
        for default in setting.get_default_values() {
            assert!(row.contains(&*default.to_string_lossy()), "{id}: {default:?} in {row}");
        }
    }
}

#[test]
fn a_file_is_checked_and_what_is_wrong_with_it_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("functions.toml");
    let check = |text: &str, program: &mut Command| {
        fs::write(&path, text).unwrap();
        let output = program.env_remove("FUNCTIONS_CONFIG").env("PORT_ENV", "9001").output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(path.to_str().unwrap(), "FILE");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let by_name = || {
        let mut program = Command::new(PROGRAM);
        program.arg("check-config").arg(&path);
        program
    };
    let (code, out, err) =
        check("bind = '127.0.0.1:${PORT_ENV:-8080}'\nworkers = 2\nthreads = 3", &mut by_name());
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(
        out.starts_with("FILE: fine\n") && out.contains("127.0.0.1:9001") && out.contains("6 at a time"),
        "{out}"
    );
    let (code, out, _) = check("", Command::new(PROGRAM).arg("check-config").arg("--config").arg(&path));
    assert!(code == Some(0) && out.contains("127.0.0.1:8000"), "{out}");
    for (text, expected) in [
        ("\ntimeout = 0", "error: FILE:2: timeout = 0: 0 would be without limit"),
        ("daemon = true", "error: FILE:1: daemon = true: not a setting here: "),
        ("keep_alive = 1", "error: FILE:1: keep_alive: unknown; did you mean keepalive?"),
    ] {
        let (code, out, err) = check(text, &mut by_name());
        assert_eq!((code, out.as_str(), err.lines().count()), (Some(64), "", 1), "{err}");
        assert!(err.starts_with(expected), "{err}");
        // The service itself says the same.
        let (code, _, serving) = check(text, Command::new(PROGRAM).arg("--config").arg(&path));
        assert_eq!((code, serving), (Some(64), err));
    }
    let (code, _, err) = check("", Command::new(PROGRAM).arg("check-config"));
    assert!(code == Some(64) && err.contains("which file?"), "{err}");
    let (code, _, err) = check("", Command::new(PROGRAM).args(["check-config", "/nowhere.toml"]));
    assert!(code == Some(74) && err.starts_with("error: /nowhere.toml: "), "{err}");
}

#[test]
fn the_example_file_is_fine() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/functions.toml");
    let output = Command::new(PROGRAM).args(["check-config", example]).output().unwrap();
    let says = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "127.0.0.1:9004, callable by pages of all origins, any other GET answers nothing",
        "127.0.0.1:9003, callable by pages of all origins, any other GET answers nothing",
        "127.0.0.1:8080\n",
        "POST /api/image → grayscale",
        "POST /api/image → classify",
        "POST /api/hello api: rs → grayscale",
        "POST /api/hello api: go → classify",
    ] {
        assert!(says.contains(line), "{line} in\n{says}");
    }
}
