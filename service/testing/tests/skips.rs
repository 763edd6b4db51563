//! What a test says and does that lacks something: this very program runs some that do, with and without the variable.

use std::{
    env,
    process::{Command, Output},
};

use testing::REQUIRE_TOOLS;

/// Set for the tests below that are run by the others; without it, they do nothing.
const WITHIN: &str = "TESTING_WITHIN";

fn within() -> bool {
    env::var_os(WITHIN).is_some()
}

#[test]
fn one_that_lacks_a_tool() {
    if within() && testing::have(&["sh", "no-such-tool", "nor-this-one"]) {
        panic!("it is not there");
    }
}

#[test]
fn one_that_lacks_data() {
    if within() {
        testing::skipped("needs ../shared/data/nothing");
    }
}

#[test]
fn one_that_lacks_nothing() {
    if within() {
        assert!(testing::have(&["sh", env::current_exe().unwrap().to_str().unwrap()]));
    }
}

/// Runs one of the above, as `cargo test` does: what it prints is captured, and not shown if it passes.
fn run(test: &str, require: Option<&str>) -> (Output, String) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--test-threads=2"]).env(WITHIN, "1").env_remove(REQUIRE_TOOLS);
    command.env_remove("RUST_TEST_NOCAPTURE").envs(require.map(|value| (REQUIRE_TOOLS, value)));
    let output = command.output().unwrap();
    let printed =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("running 1 test"), "{printed}");
    (output, printed)
}

/// The test passes, and says in a line of its own that it was skipped and what it lacks.
fn is_skipped(test: &str, require: Option<&str>, lacks: &str) {
    let (output, printed) = run(test, require);
    assert!(output.status.success(), "{printed}");
    let said = String::from_utf8_lossy(&output.stderr);
    let skipped = format!("skipped: {test}: needs {lacks}");
    assert!(said.lines().any(|line| line == skipped), "{printed}");
}

#[test]
fn a_missing_tool_skips_a_test_by_name() {
    for require in [None, Some(""), Some("0")] {
        is_skipped("one_that_lacks_a_tool", require, "no-such-tool");
    }
}

#[test]
fn a_missing_tool_fails_a_test_where_all_are_required() {
    let (output, printed) = run("one_that_lacks_a_tool", Some("1"));
    assert!(!output.status.success(), "{printed}");
    assert!(printed.contains("no-such-tool is needed and SHELFWISE_REQUIRE_TOOLS=1 is set"), "{printed}");
    assert!(!printed.contains("skipped: "), "{printed}");
}

#[test]
fn missing_data_skips_a_test_by_name_even_where_all_tools_are_required() {
    for require in [None, Some("1")] {
        is_skipped("one_that_lacks_data", require, "../shared/data/nothing");
    }
}

#[test]
fn nothing_is_said_where_nothing_is_missing() {
    for require in [None, Some("1")] {
        let (output, printed) = run("one_that_lacks_nothing", require);
        assert!(output.status.success() && !printed.contains("skipped: "), "{printed}");
    }
}
