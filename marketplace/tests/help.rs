//! The binary for containers: its help is the list of its settings.

use std::process::Command;

#[test]
fn help_shows_every_setting_with_its_variable_and_default() {
    let output = Command::new(env!("CARGO_BIN_EXE_marketplace")).arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    let command = service::config::command::<marketplace::Config>(marketplace::PREFIX);
    for setting in command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
    {
        let flag = format!("--{}", setting.get_long().unwrap());
        let variable = format!("[env: {}", setting.get_env().unwrap().to_string_lossy());
        let text = help.split(&format!("{flag} ")).nth(1).unwrap_or_else(|| panic!("{flag} in\n{help}"));
        let text = text.split("\n      --").next().unwrap();
        assert!(text.contains(&variable), "{variable} in\n{text}");
        // Files and the like have none, or say it in words.
        for default in setting.get_default_values() {
            assert!(text.contains(&format!("[default: {}]", default.to_string_lossy())), "{flag} in\n{text}");
        }
    }
}

#[test]
fn a_bad_setting_ends_it_with_one_line_and_code_64() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_marketplace"));
    let output = command.env("MARKETPLACE_BIND", "nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.lines().count() == 1 && line.contains("MARKETPLACE_BIND: \"nowhere\""), "{line}");
}
