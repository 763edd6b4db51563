//! The binary for containers: its help is the list of its settings.

const PROGRAM: &str = env!("CARGO_BIN_EXE_recommendations");

#[test]
fn help_shows_every_setting_with_its_variable_and_default() {
    let command = service::config::command::<recommendations::Config>(recommendations::PREFIX);
    testing::help_shows_every_setting(PROGRAM, &command);
}

#[test]
fn a_bad_setting_ends_it_with_one_line_and_code_64() {
    testing::bad_setting_is_one_line(PROGRAM, "RECOMMENDATIONS_BIND");
}
