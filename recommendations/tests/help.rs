//! The binary for containers: its help is the list of its settings.

use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_recommendations");

#[test]
fn help_shows_every_setting_with_its_variable_and_default() {
    let command = service::config::command::<recommendations::Config>(recommendations::PREFIX);
    testing::help_shows_every_setting(PROGRAM, &command);
}

#[test]
fn a_bad_database_url_is_the_only_thing_it_says() {
    let output = Command::new(PROGRAM)
        .env("RECOMMENDATIONS_BIND", "127.0.0.1:0")
        .env("RECOMMENDATIONS_ADMIN_BIND", "127.0.0.1:0")
        .env("DATABASE_URL", "mysql://shop@127.0.0.1/shop")
        .env_remove("SHELFWISE_DATA")
        .env_remove("OBJECTS_URL")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: DATABASE_URL") && said.lines().count() == 1, "{said}");
}

#[test]
fn a_bad_setting_ends_it_with_one_line_and_code_64() {
    testing::bad_setting_is_one_line(PROGRAM, "RECOMMENDATIONS_BIND");
}
