//! Which words of a command have to be known, by the tool that it calls.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::{calls::Contracts, program::Program, read, workspace};

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// In a block, to be typed as it is.
    Whole,
    /// In a sentence, where most of what looks like it is none, and the rest may be cut.
    InASentence,
}

/// What starts a variable that is ours, or is ours to hand on.
const OURS: [&str; 9] = [
    "SHELFWISE_",
    "RECOMMENDATIONS_",
    "MARKETPLACE_",
    "FUNCTIONS_",
    "DATABASE_",
    "OBJECTS_",
    "POSTGRES_",
    "DAPR_",
    "OTEL_",
];
/// Where variables are read beside the settings: by the tests, by Compose, and by what talks to Dapr.
const READERS: [&str; 7] = [
    "service/testing/src/lib.rs",
    "protobufs/tests/contracts.rs",
    "suite/tests/deploy/bed.rs",
    "deploy/compose.yaml",
    "deploy/compose.postgres.yaml",
    "service/src/secrets.rs",
    "service/src/telemetry/export.rs",
];
/// What commands make, and nothing of which is in the repository.
const MADE: [&str; 3] = ["deploy/authority", "deploy/certs", "target"];
/// From where paths are said.
const ROOTS: [&str; 3] = ["", "deploy/", "deploy/kubernetes/"];
/// The sidecar's ports, which are Dapr's to choose.
const DAPR: [&str; 2] = ["3500", "50001"];

/// Knows what there is.
pub(crate) struct Checker {
    program: Program,
    flags: BTreeSet<String>,
    /// Every setting, as `shelfwise settings` shows it.
    settings: String,
    contracts: Contracts,
    /// What `shelfwise certs` makes.
    certificates: BTreeSet<String>,
}

type Checked = Result<(), String>;

fn known(is: bool, why: impl FnOnce() -> String) -> Checked {
    if is { Ok(()) } else { Err(why()) }
}

impl Checker {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Program::printed(&["certs", folder.path().to_str().unwrap()]);
        let made = made.lines().map(|file| file.rsplit('/').next().unwrap().to_owned());
        let program = Program::default();
        Self {
            flags: program.flags(),
            program,
            settings: Program::printed(&["settings"]),
            contracts: Contracts::new(),
            certificates: made.collect(),
        }
    }

    /// What of a command there is not.
    pub(crate) fn check(&self, command: &[String], typed: Typed) -> Checked {
        let [first, rest @ ..] = command else { return Ok(()) };
        if let Some((name, value)) = first.split_once('=').filter(|(name, _)| is_variable(name)) {
            self.variable(name)?;
            self.address(value)?;
            return self.check(rest, typed);
        }
        match first.as_str() {
            "sudo" | "export" => self.check(rest, typed),
            _ if typed == Typed::InASentence && rest.is_empty() => self.word(first),
            "cargo" => self.cargo(rest),
            "shelfwise" => self.program.takes(rest),
            "docker" | "docker-compose" => self.docker(rest),
            "kubectl" => self.kubectl(rest),
            "grpcurl" => self.grpcurl(rest),
            "curl" => rest.iter().try_for_each(|word| self.address(word)),
            "cd" => self.path(&rest[0]),
            // Of others' tools, the files that they are given.
            "chown" | "kustomize" | "openssl" | "kind" | "minikube" | "systemctl" | "jq" => {
                rest.iter().try_for_each(|word| self.path(word))
            }
            script if script.contains('/') && (typed == Typed::Whole || is_ours(script)) => {
                self.script(script, rest)
            }
            _ if typed == Typed::InASentence => Ok(()),
            other => Err(format!("{other}: nobody here knows that tool")),
        }
    }

    /// One that stands alone in a sentence.
    fn word(&self, word: &str) -> Checked {
        if word.starts_with("--") {
            // Of every program.
            return known(self.flags.contains(word), || format!("no {word}"));
        }
        if is_variable(word) {
            return self.variable(word);
        }
        if word.starts_with("shelfwise.") && word.contains('/') {
            return self.contracts.take(word, None);
        }
        if is_ours(word) {
            return known(ROOTS.iter().any(|root| self.path(&format!("{root}{word}")).is_ok()), || {
                format!("no {word}")
            });
        }
        self.address(word)
    }

    fn variable(&self, name: &str) -> Checked {
        let whole = |text: &str| mentions(text, name);
        let ours = OURS.iter().any(|start| name.starts_with(start)) && name.len() > 5;
        let is = !ours || whole(&self.settings) || READERS.iter().any(|file| whole(&read(file)));
        known(is, || format!("nobody reads {name}"))
    }

    /// Addresses on this machine have a port that somebody listens on.
    fn address(&self, word: &str) -> Checked {
        let Some((_, rest)) = word.split_once("://127.0.0.1:").or_else(|| word.split_once("://localhost:"))
        else {
            return Ok(());
        };
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        self.port(&port)?;
        let path = rest[port.len()..].split('?').next().unwrap_or_default().trim_start_matches('/');
        if port != "8000" || path.is_empty() || path == "functions" {
            return Ok(());
        }
        let samples = read("functions/src/modules/samples.rs");
        known(samples.contains(&format!("\"{path}\"")), || format!("no sample function {path}"))
    }

    fn port(&self, port: &str) -> Checked {
        let listens = self.settings.contains(&format!("[default: 127.0.0.1:{port}]"));
        known(listens || DAPR.contains(&port), || format!("nobody listens on {port}"))
    }

    fn path(&self, word: &str) -> Checked {
        let elsewhere = ["/", "~", "-", "$", "@"].iter().any(|start| word.starts_with(start))
            || ["://", "=", ":", "…"].iter().any(|part| word.contains(part));
        let made = MADE
            .iter()
            .any(|made| word == *made || word.strip_prefix(made).is_some_and(|rest| rest.starts_with('/')));
        let is = elsewhere || made || !word.contains('/') || workspace().join(word).exists();
        known(is, || format!("no {word}"))
    }

    fn script(&self, script: &str, arguments: &[String]) -> Checked {
        self.path(script)?;
        if MADE.iter().any(|made| script.starts_with(made)) {
            return Ok(());
        }
        let place = workspace().join(script);
        let may_run =
            fs::metadata(&place).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
        known(may_run, || format!("{script} cannot be run"))?;
        let Some(act) = arguments.first() else { return Ok(()) };
        known(read(script).contains(&format!("\n{act}) ")), || format!("{script} does not know {act}"))
    }

    fn cargo(&self, words: &[String]) -> Checked {
        let middle = words.iter().position(|word| word == "--").unwrap_or(words.len());
        let (own, arguments) = (&words[..middle], words.get(middle + 1..).unwrap_or_default());
        let after = |flags: &[&str]| {
            let at = own.iter().position(|word| flags.contains(&word.as_str()))?;
            own.get(at + 1).map(String::as_str)
        };
        let package = after(&["-p", "--package"]);
        if let Some(package) = package {
            known(folder(package).is_some(), || format!("no package {package}"))?;
        }
        if let Some(test) = after(&["--test"]) {
            let tests = folder(package.unwrap_or("suite")).expect("looked for above").join("tests");
            let there =
                tests.join(format!("{test}.rs")).exists() || tests.join(test).join("main.rs").exists();
            known(there, || format!("no test {test}"))?;
        }
        match (own.first().map(String::as_str), package) {
            (Some("run"), None | Some("suite")) => self.program.takes(arguments),
            (Some("run"), Some(service @ ("recommendations" | "marketplace" | "functions"))) => {
                let command = match service {
                    "recommendations" => {
                        service::config::command::<recommendations::Config>(recommendations::PREFIX)
                    }
                    "marketplace" => service::config::command::<marketplace::Config>(marketplace::PREFIX),
                    _ => service::config::command::<functions::Config>(functions::PREFIX),
                };
                let mut flags = arguments.iter().filter_map(|word| word.strip_prefix("--"));
                let is = |flag: &str| {
                    command.get_arguments().any(|arg| arg.get_long() == Some(flag)) || flag == "help"
                };
                flags.try_for_each(|flag| known(is(flag), || format!("{service} has no --{flag}")))
            }
            (Some("run"), Some("benchmarks")) => Ok(()),
            (Some("build" | "test" | "fmt" | "clippy"), _) => Ok(()),
            (act, _) => Err(format!("cargo {act:?}")),
        }
    }

    fn docker(&self, words: &[String]) -> Checked {
        let dockerfile = read("deploy/Dockerfile");
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-f" => {
                    let file = words.next().ok_or("-f what?")?;
                    known(workspace().join(file).is_file(), || format!("no {file}"))?;
                }
                "--build-arg" => {
                    let (name, value) =
                        words.next().and_then(|given| given.split_once('=')).ok_or("--build-arg what?")?;
                    known(dockerfile.contains(&format!("\nARG {name}\n")), || {
                        format!("the Dockerfile takes no {name}")
                    })?;
                    let is = name != "SERVICE" || dockerfile.contains(&format!(" AS {value}\n"));
                    known(is, || format!("the Dockerfile makes no {value}"))?;
                }
                "-p" => {
                    let port = words.next().and_then(|ports| ports.rsplit(':').next()).ok_or("-p what?")?;
                    self.port(port)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn kubectl(&self, words: &[String]) -> Checked {
        let after = |flag: &str| {
            let at = words.iter().position(|word| word == flag)?;
            words.get(at + 1).map(String::as_str)
        };
        for flag in ["-f", "-k"] {
            if let Some(path) = after(flag).filter(|path| *path != "-") {
                let file = if flag == "-k" { format!("{path}/kustomization.yaml") } else { path.to_owned() };
                known(workspace().join(&file).is_file(), || format!("no {file}"))?;
            }
        }
        let Some(namespace) = after("-n") else { return Ok(()) };
        let manifests = manifests(namespace).ok_or_else(|| format!("no namespace {namespace}"))?;
        let names = |name: &str| known(mentions(&manifests, name), || format!("no {name} in {namespace}"));
        if let Some(secret) = after("generic") {
            names(secret)?;
        }
        for word in words {
            let given = |flag: &str| word.strip_prefix(flag).and_then(|given| given.split_once('='));
            if let Some((key, _)) = given("--from-literal=") {
                // A whole Secret may be handed on, too.
                names(key).or_else(|missing| {
                    let handed_on = key.starts_with("AWS_") || manifests.contains("secretRef:");
                    if handed_on { self.variable(key) } else { Err(missing) }
                })?;
            }
            if let Some((key, file)) = given("--from-file=") {
                names(key)?;
                known(self.certificates.contains(file), || format!("`shelfwise certs` makes no {file}"))?;
            }
            if let Some((_, name)) = word.split_once("service/").or_else(|| word.split_once("cronjob/")) {
                names(name)?;
            }
        }
        Ok(())
    }

    fn grpcurl(&self, words: &[String]) -> Checked {
        let (mut messages, mut rest) = (None, Vec::new());
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "-d" => messages = Some(words.next().ok_or("-d what?")?),
                "-H" | "-cacert" | "-cert" | "-key" | "-authority" => _ = words.next(),
                "-plaintext" | "-emit-defaults" => {}
                flag if flag.starts_with('-') => return Err(format!("{flag}: nobody here knows that flag")),
                word => rest.push(word),
            }
        }
        // From standard input, or put together by the shell: not to be known here.
        let messages = messages.filter(|messages| *messages != "@" && !messages.contains('$'));
        match rest[..] {
            [address, ref asked @ ..] => {
                self.port(address.rsplit(':').next().unwrap_or_default())?;
                match *asked {
                    ["list"] => Ok(()),
                    ["describe" | "list", service] => {
                        known(self.contracts.has(service), || format!("no service {service}"))
                    }
                    [method] => self.contracts.take(method, messages),
                    _ => Err("what is asked?".to_owned()),
                }
            }
            [] => Err("who is asked?".to_owned()),
        }
    }
}

/// Whether it begins as a path of the repository does.
fn is_ours(word: &str) -> bool {
    let first = word.split('/').next().unwrap_or_default();
    !first.is_empty()
        && word.contains('/')
        && ROOTS.iter().any(|root| workspace().join(root).join(first).is_dir())
}

/// Whether the name stands in the text, and not as a part of a longer one.
fn mentions(text: &str, name: &str) -> bool {
    let part =
        |letter: Option<char>| letter.is_some_and(|it| it.is_ascii_alphanumeric() || it == '_' || it == '-');
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        !part(before.chars().next_back()) && !part(after.chars().next())
    })
}

/// Whether it is written as variables are.
fn is_variable(word: &str) -> bool {
    word.contains('_')
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Where a member of the workspace is.
fn folder(package: &str) -> Option<std::path::PathBuf> {
    let manifest = read("Cargo.toml");
    let (_, members) = manifest.split_once("\nmembers = [")?;
    let mut members = members.split(']').next()?.split(',').map(|member| member.trim().trim_matches('"'));
    let member = members.find(|member| Path::new(member).file_name().is_some_and(|name| name == package))?;
    Some(workspace().join(member))
}

/// Everything that is applied to a namespace, one file after the other.
fn manifests(namespace: &str) -> Option<String> {
    let overlays = workspace().join("deploy/kubernetes/overlays");
    let texts = |folder: &Path| -> String {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| fs::read_to_string(file).unwrap_or_default()).collect()
    };
    fs::read_dir(overlays).unwrap().map(|overlay| overlay.unwrap().path()).find_map(|overlay| {
        let own = texts(&overlay);
        own.contains(&format!("\nnamespace: {namespace}\n"))
            .then(|| own + &texts(&workspace().join("deploy/kubernetes/base")))
    })
}
