use std::process::Command;

/// The program's help is the list of its settings: each with its variable and its default.
///
/// # Panics
///
/// If one is missing.
pub fn help_shows_every_setting(program: &str, command: &clap::Command) {
    let output = Command::new(program).arg("--help").output().expect("the program runs");
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).expect("text");
    for setting in command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
    {
        let flag = format!("--{}", setting.get_long().expect("every setting is a flag"));
        let variable = setting.get_env().unwrap_or_else(|| panic!("{flag} has no variable"));
        let variable = format!("[env: {}", variable.to_string_lossy());
        let text = help.split(&format!("{flag} ")).nth(1).unwrap_or_else(|| panic!("{flag} in\n{help}"));
        let text = text.split("\n      --").next().expect("the first of one or more");
        assert!(text.contains(&variable), "{variable} in\n{text}");
        // Files and the like say it in words.
        assert!(text.contains("[default: "), "{flag} in\n{text}");
        for default in setting.get_default_values() {
            assert!(text.contains(&format!("[default: {}]", default.to_string_lossy())), "{flag} in\n{text}");
        }
    }
}

/// A setting that cannot be read ends the program with one line, which names `variable` and the value, and code 64.
///
/// # Panics
///
/// If it does not.
pub fn bad_setting_is_one_line(program: &str, variable: &str) {
    let output = Command::new(program).env(variable, "nowhere").output().expect("the program runs");
    assert_eq!(output.status.code(), Some(64));
    let line = String::from_utf8(output.stderr).expect("text");
    assert!(line.lines().count() == 1 && line.contains(&format!("{variable}: \"nowhere\"")), "{line}");
}
