use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use host::{Allowed, Folder, Grants};

use super::{MOST, few};
use crate::document::{Table, Wrong};

/// What is granted of all that is granted or not: its key, and in words. What has values is not among it, but for hosts.
pub(crate) fn granted(grants: &Grants) -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = [
        ("clock", "the clock", grants.clock),
        ("books", "books", grants.books),
        ("readers", "readers’ histories", grants.readers),
        ("state", "state of its own", grants.state),
        ("nn", "models", grants.nn),
        ("hosts", "other hosts", !grants.hosts.is_empty()),
    ];
    all.into_iter().filter(|(_, _, granted)| *granted).map(|(key, words, _)| (key, words))
}

/// The table `grants`, and the key `arguments`. Whether the service permits them is asked when a module is fitted to them.
pub(super) fn read(table: &mut Table<'_>) -> Result<Grants, Wrong> {
    let arguments: Vec<String> = table.take("arguments")?.unwrap_or_default();
    let arguments = few(table, "arguments", arguments)?;
    if arguments.iter().any(|argument| argument.contains('\0')) {
        return Err(table.wrong("arguments", ZERO));
    }
    let Some(mut table) = table.table("grants")? else {
        return Ok(Grants { arguments, ..Grants::default() });
    };
    let mut flag = |key| Ok::<bool, Wrong>(table.take(key)?.unwrap_or_default());
    let (clock, books, readers) = (flag("clock")?, flag("books")?, flag("readers")?);
    let (state, nn) = (flag("state")?, flag("nn")?);
    let environment: BTreeMap<String, String> = table.take("environment")?.unwrap_or_default();
    for (name, text) in &environment {
        variable(name, text).map_err(|why| table.wrong("environment", format_args!("{name:?}: {why}")))?;
    }
    if environment.len() > MOST {
        return Err(table.wrong("environment", format_args!("at most {MOST} are taken")));
    }
    let hosts: Vec<String> = table.take("hosts")?.unwrap_or_default();
    let hosts = few(&table, "hosts", hosts)?;
    let no_host =
        |_| table.wrong("hosts", "expected hosts, addresses and networks, such as api.example:8443");
    let hosts = Allowed::new(&hosts).map_err(no_host)?;
    let folders = folders(&mut table)?;
    table.end()?;
    Ok(Grants { environment, arguments, folders, clock, hosts, books, readers, state, nn })
}

const ZERO: &str = "no text may hold a zero byte";

fn variable(name: &str, text: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("a variable needs a name"),
        "DATA" => Err("this variable is the input, and the key input gives it a default"),
        _ if name.contains('=') => Err("the name of a variable holds no ="),
        _ if name.contains('\0') || text.contains('\0') => Err(ZERO),
        _ => Ok(()),
    }
}

fn folders(table: &mut Table<'_>) -> Result<Vec<Folder>, Wrong> {
    let tables = table.tables("folders")?;
    let mut guests = BTreeSet::new();
    let mut folders = Vec::new();
    for mut each in few(table, "folders", tables)? {
        let host = each.take_with("host", |text| absolute(text).map(PathBuf::from))?;
        let guest = each.take_with("guest", |text| absolute(text).map(str::to_owned))?;
        let write = each.take("write")?.unwrap_or_default();
        let host = host.ok_or_else(|| each.wrong("host", "which folder of this machine is missing"))?;
        let guest = guest.ok_or_else(|| each.wrong("guest", "what the function calls it is missing"))?;
        if !guests.insert(guest.clone()) {
            return Err(each.wrong("guest", "another folder is called so"));
        }
        each.end()?;
        folders.push(Folder { host, guest, write });
    }
    Ok(folders)
}

fn absolute(text: &str) -> Result<&str, &'static str> {
    let plain = !text.contains('\0') && text.split('/').all(|part| part != "." && part != "..");
    match Path::new(text).is_absolute() && plain {
        true => Ok(text),
        false => Err("expected a path from the root without . and .., such as /usr"),
    }
}
