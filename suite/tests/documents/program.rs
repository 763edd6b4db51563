//! What a program says of itself.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// The help of `shelfwise` and of each of its commands, asked for once.
#[derive(Default)]
pub(crate) struct Program(RefCell<BTreeMap<Vec<String>, Help>>);

/// One of them.
#[derive(Clone)]
pub(crate) struct Help {
    /// Flags, and whether a value follows.
    flags: BTreeMap<String, bool>,
    commands: BTreeSet<String>,
    /// How many words it takes that are no flags.
    words: usize,
}

impl Program {
    /// What `shelfwise` prints.
    pub(crate) fn printed(arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shelfwise"));
        let output = command.env_clear().args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn help(&self, path: &[String]) -> Help {
        let mut known = self.0.borrow_mut();
        let asked = || {
            let arguments: Vec<_> = path.iter().map(String::as_str).chain(["--help"]).collect();
            Help::read(&Self::printed(&arguments))
        };
        known.entry(path.to_vec()).or_insert_with(asked).clone()
    }

    /// Whether it would take these arguments; files need not be there.
    pub(crate) fn takes(&self, arguments: &[String]) -> Result<(), String> {
        let (mut path, mut words) = (Vec::new(), 0);
        let mut help = self.help(&path);
        let mut rest = arguments.iter().take_while(|argument| !matches!(argument.as_str(), "…" | "..."));
        while let Some(argument) = rest.next() {
            if argument.starts_with("--") {
                let name = argument.split('=').next().unwrap_or(argument);
                let value = help.flags.get(name).ok_or_else(|| format!("{name} is no flag of {path:?}"))?;
                if *value && !argument.contains('=') {
                    rest.next();
                }
            } else if help.commands.contains(argument) {
                path.push(argument.clone());
                help = self.help(&path);
            } else if help.commands.is_empty() {
                words += 1;
            } else {
                return Err(format!("{argument} is no command of {path:?}"));
            }
        }
        if words > help.words { Err(format!("{path:?} takes {} words", help.words)) } else { Ok(()) }
    }

    /// The flags of it and of all of its commands.
    pub(crate) fn flags(&self) -> BTreeSet<String> {
        let (mut flags, mut paths) = (BTreeSet::new(), vec![Vec::new()]);
        while let Some(path) = paths.pop() {
            let help = self.help(&path);
            flags.extend(help.flags.into_keys());
            let below = help.commands.into_iter().filter(|command| command != "help");
            paths.extend(below.map(|command| [&path[..], &[command]].concat()));
        }
        flags
    }
}

impl Help {
    fn read(text: &str) -> Self {
        let flags = text.lines().filter_map(|line| {
            let line = line.trim_start();
            // `-h, --help` or `--data <DIR>`, and then maybe what it is for.
            let line = line
                .strip_prefix("-")
                .filter(|rest| !rest.starts_with('-'))
                .map_or(line, |rest| rest.split_once(", ").map_or(line, |(_, long)| long));
            let mut words = line.split_whitespace();
            let name = words.next().filter(|name| name.starts_with("--"))?;
            Some((
                name.trim_end_matches("...").to_owned(),
                words.next().is_some_and(|next| next.starts_with(['<', '['])),
            ))
        });
        let listed =
            text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        let usage =
            text.lines().find_map(|line| line.strip_prefix("Usage: ")).expect("a help has a line of usage");
        let words = usage.split_whitespace().filter(|word| word.starts_with(['<', '[']));
        Self {
            flags: flags.collect(),
            commands: listed.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect(),
            words: words.filter(|word| !["[OPTIONS]", "[COMMAND]", "<COMMAND>"].contains(word)).count(),
        }
    }
}
