//! The guides to functions, command by command as they are written.

use std::process::Command;

use crate::process::{Suite, workspace};

/// What `run.sh` ends with where a tool is missing, whose name is then all that it prints.
const MISSING: i32 = 69;

#[test]
fn guides_do_what_they_say() {
    let script = workspace().join("functions/guests/guides/run.sh");
    let missing = Command::new(&script).arg("--missing").output().unwrap();
    if missing.status.code() == Some(MISSING) {
        testing::missing(String::from_utf8_lossy(&missing.stdout).trim());
        return;
    }
    let suite = Suite::start();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_shelfwise")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    // Compilers of five languages, and the host's, as it is built for tests: Python alone is 18 MB.
    let ended = Command::new("timeout")
        .arg("900")
        .arg(script)
        .env("PATH", format!("{}:{path}", program.display()))
        .env("FUNCTIONS_URL", format!("http://{}", suite.functions))
        .env("SHELFWISE_DATA", suite.data.path())
        .output()
        .unwrap();
    let printed =
        String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{printed}\n{}", suite.printed());
    let guides = std::fs::read_dir(workspace().join("functions/guests/guides")).unwrap();
    let guides =
        guides.filter(|guide| guide.as_ref().unwrap().path().extension().is_some_and(|end| end == "md"));
    assert_eq!(printed.matches(".md: ok").count(), guides.count(), "{printed}");
}
