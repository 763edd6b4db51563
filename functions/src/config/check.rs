use std::{fmt::Write as _, path::PathBuf};

use service::Failure;

use super::Config;
use crate::{routes::Routes, statics::Pages};

/// The word on the command line.
pub(super) const COMMAND: &str = "check-config";

/// Reads a file as the service would, with the variables of this process, and says what its settings come to. Without a file, the
/// one that `FUNCTIONS_CONFIG` names.
///
/// # Errors
///
/// One line that says what is wrong, and where.
pub fn check(file: Option<PathBuf>) -> Result<String, Failure> {
    let mut arguments = vec!["functions".into()];
    if let Some(file) = file {
        arguments.extend(["--config".into(), file.into_os_string()]);
    }
    summary(&Config::read(arguments)?)
}

pub(super) fn summary(config: &Config) -> Result<String, Failure> {
    let Some(file) = &config.config else {
        return Err(Failure::usage(format!("{COMMAND}: which file? Name it, or set FUNCTIONS_CONFIG")));
    };
    let mut text = format!("{}: fine\n", file.display());
    line(
        &mut text,
        "calls",
        &format!(
            "{} at a time ({} workers × {} threads), {} more may wait",
            config.calls(),
            config.workers(),
            config.threads,
            config.backlog
        ),
    );
    line(&mut text, "listens", &format!("{}, functions by their names", config.bind));
    routes(&mut text, &config.rules.routes);
    for listener in &config.rules.listeners {
        let cors =
            listener.cors.as_ref().map(|cors| format!(", callable by pages of {cors}")).unwrap_or_default();
        let empty = if listener.empty_get { ", any other GET answers nothing" } else { "" };
        line(&mut text, "listens", &format!("{}{cors}{empty}", listener.bind));
        routes(&mut text, &listener.routes);
        match &listener.pages {
            Pages::None => {}
            Pages::Own => line(&mut text, "", "/static/ → the page that comes with the service"),
            Pages::Folder(folder) => line(&mut text, "", &format!("/static/ → {}", folder.display())),
        }
    }
    for model in &config.rules.models {
        line(
            &mut text,
            "model",
            &format!("{}: {}, {} pixels", model.name, model.file.display(), model.input),
        );
    }
    line(&mut text, "admin", &config.admin_bind.to_string());
    Ok(text)
}

fn routes(text: &mut String, routes: &Routes) {
    let mut lines: Vec<_> = routes.iter().map(|(route, function)| format!("{route} → {function}")).collect();
    lines.sort();
    for route in lines {
        line(text, "", &route);
    }
}

fn line(text: &mut String, what: &str, says: &str) {
    let _ = writeln!(text, "  {what:<9}{says}");
}
