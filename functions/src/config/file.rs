use std::{collections::BTreeMap, env, ffi::OsString, fs, path::Path, sync::LazyLock};

use clap::{CommandFactory as _, FromArgMatches as _};
use service::{Failure, config};

use super::{Config, Listener, gunicorn, models, rules::FileRules};
use crate::{
    document::{Table, Wrong},
    limits::Given,
    routes::{Route, Routes},
    statics::Pages,
};

/// The longest file.
const MOST_BYTES: u64 = 1 << 20;
const MOST_LISTENERS: usize = 64;

/// A setting that a file can make.
#[derive(Debug)]
pub(super) struct Key {
    /// As in the file, such as `admin_bind`.
    pub(super) id: String,
    /// As on the command line, such as `admin-bind`.
    flag: String,
    secret: bool,
}

/// All of them.
pub(super) static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let command = Config::command();
    let settings = command.get_arguments().filter(|setting| {
        // The file does not name itself, and what takes the place of variables is known before it is read.
        !matches!(setting.get_id().as_str(), "config" | "secrets" | "help" | "version")
    });
    let key = |setting: &clap::Arg| Key {
        id: setting.get_id().to_string(),
        flag: setting.get_long().expect("every setting is a flag").to_owned(),
        secret: setting.is_hide_env_values_set(),
    };
    settings.map(key).collect()
});

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) settings: Vec<Setting>,
    pub(super) rules: FileRules,
}

/// A setting that could be made by a flag as well.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) key: &'static str,
    flag: &'static str,
    value: String,
}

impl Setting {
    /// As it would stand on the command line.
    pub(super) fn argument(&self) -> OsString {
        format!("--{}={}", self.flag, self.value).into()
    }
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<File, Failure> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| Failure::io(format!("{name}: {error}"));
    if fs::metadata(path).map_err(unreadable)?.len() > MOST_BYTES {
        return Err(Failure::usage(format!("{name}: longer than {MOST_BYTES} bytes")));
    }
    let text = fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(text).map_err(|_| Failure::usage(format!("{name}: not UTF-8")))?;
    parse(&name, &text, &|variable| env::var(variable).ok()).map_err(Failure::usage)
}

pub(super) fn parse(
    name: &str,
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<File, Wrong> {
    let secret: Vec<&str> = KEYS.iter().filter(|key| key.secret).map(|key| key.id.as_str()).collect();
    let mut table = Table::parse_with(name, text, variable, &secret)?;
    gunicorn::refuse(&table)?;
    let mut settings = Vec::new();
    for key in KEYS.iter() {
        let Some(value) = table.take_item(&key.id, |item| item.flag())? else { continue };
        let setting = Setting { key: &key.id, flag: &key.flag, value };
        fits(&setting).map_err(|why| table.wrong(&key.id, why))?;
        settings.push(setting);
    }
    let limits = Given::read(&mut table)?;
    let routes = Routes::new(Routes::list(&mut table, Route::read)?);
    let models = models::read(&mut table)?;
    let listeners = table.tables("listeners")?;
    if listeners.len() > MOST_LISTENERS {
        return Err(table.wrong("listeners", format_args!("more than {MOST_LISTENERS}")));
    }
    let mut seen = BTreeMap::new();
    let listeners = listeners.into_iter().zip(1..).map(|(table, number)| {
        let listener = listener(table)?;
        Ok((listener, number))
    });
    let listeners = listeners.collect::<Result<Vec<_>, Wrong>>()?;
    for (listener, number) in &listeners {
        // Any number of them may ask for a free port.
        if listener.bind.port() != 0
            && let Some(first) = seen.insert(listener.bind, number)
        {
            let (first, address) = (*first, listener.bind);
            return Err(
                table.wrong("listeners", format_args!("{first}. and {number}. both listen on {address}"))
            );
        }
    }
    table.end()?;
    let listeners = listeners.into_iter().map(|(listener, _)| listener).collect();
    Ok(File { settings, rules: FileRules { limits, routes, listeners, models } })
}

/// Whether the command line would take it.
fn fits(setting: &Setting) -> Result<(), String> {
    let arguments = [OsString::from("functions"), setting.argument()];
    let matches = Config::command().try_get_matches_from(arguments);
    let read = matches.and_then(|matches| Config::from_arg_matches(&matches));
    read.map(|_| ()).map_err(|error| config::reason(&error))
}

fn listener(mut table: Table<'_>) -> Result<Listener, Wrong> {
    let bind = table.take_with("bind", super::values::address)?;
    let bind = bind.ok_or_else(|| table.wrong("bind", "missing: an address such as 127.0.0.1:9004"))?;
    let pages = table.take::<Pages>("static")?.unwrap_or_default();
    let empty_get = table.take("empty_get")?.unwrap_or_default();
    let cors = table.take_item("cors", |item| item.flag()?.parse().map_err(|why| item.wrong(why)))?;
    let routes = Routes::new(Routes::list(&mut table, Route::read_alone)?);
    if routes.is_empty() && pages == Pages::None {
        return Err(table.wrong("bind", "it serves nothing: give it [[listeners.routes]] or static"));
    }
    table.end()?;
    Ok(Listener { bind, routes, pages, empty_get, cors })
}
