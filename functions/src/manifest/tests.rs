use std::time::Duration;

use host::Kind;
use serde_json::json;

use super::{Manifest, Output};

const WHOLE: &str = r#"
kind = "wasi-command"
input = { name = "zztkm", age = 20 }
output = "cgi"
content-type = "text/plain"
output-schema = { type = "object", required = ["name"] }
accepts = ["image/*"]
description = "Says who it is"
idempotent = true
arguments = ["--fast"]

[limits]
time = "2s"
cpu = "500ms"
memory = "64MiB"
table-elements = 10_000
instances = 4
stdin = "1MB"
stdout = 4096
stderr = "16KiB"
host-calls = 1000
body = "2MiB"
calls = 4
queue = 16
queue-time = "300ms"

[grants]
environment = { PYTHONPATH = "/plugin", LANG = "C" }
folders = [{ host = "/srv/plugin", guest = "/plugin" }, { host = "/var/x", guest = "/x", write = true }]
clock = true
hosts = ["api.example:443", "Other.example", "[::1]:80"]
books = true
readers = true
state = true
nn = true

[tasks]
attempts = 3
backoff = "1s"
expires = "24h"
time = "10m"
webhook = "https://shop.example/done"

[[routes]]
path = "/api/hello"
method = "POST"
header = { api = "rs" }

[[routes]]
path = "/api/image"

[[schedule]]
cron = "0 3 * * *"
input = { full = true }
"#;

fn parse(text: &str) -> Result<Manifest, String> {
    Manifest::parse("f", text).map_err(|wrong| wrong.to_string())
}

#[test]
fn every_key_is_read() {
    let manifest = parse(WHOLE).unwrap();
    assert_eq!(manifest.kind, Some(Kind::Command));
    assert_eq!(json!(manifest.input), json!({"name": "zztkm", "age": 20}));
    assert_eq!(manifest.output, Output::Cgi);
    assert_eq!(manifest.content_type.unwrap().to_string(), "text/plain");
    assert!(manifest.output_schema.unwrap().check(&json!({})).is_err());
    assert!(manifest.accepts[0].has_images());
    assert!(manifest.idempotent && manifest.description == "Says who it is");

    let limits = manifest.limits.of_guest(&host::Limits::default());
    let expected = host::Limits {
        time: Duration::from_secs(2),
        cpu: Duration::from_millis(500),
        memory: 64 << 20,
        table_elements: 10_000,
        instances: 4,
        stdin: 1_000_000,
        stdout: 4_096,
        stderr: 16 << 10,
        host_calls: 1_000,
    };
    assert_eq!(limits, expected);
    assert_eq!(
        (manifest.limits.body, manifest.limits.calls, manifest.limits.queue),
        (Some(2 << 20), Some(4), Some(16))
    );
    assert_eq!(manifest.limits.queue_time, Some(Duration::from_millis(300)));

    let grants = manifest.grants;
    assert_eq!(grants.arguments, ["--fast"]);
    assert_eq!(grants.environment["PYTHONPATH"], "/plugin");
    let folders: Vec<_> = grants.folders.iter().map(|folder| (folder.guest.as_str(), folder.write)).collect();
    assert_eq!(folders, [("/plugin", false), ("/x", true)]);
    assert_eq!(grants.hosts, host::Allowed::new(&["api.example:443", "Other.example", "[::1]:80"]).unwrap());
    assert!(grants.clock && grants.books && grants.readers && grants.state && grants.nn);

    assert_eq!(manifest.tasks.attempts, Some(3));
    assert_eq!(manifest.tasks.expires, Some(Duration::from_secs(86_400)));
    assert_eq!(manifest.tasks.webhook.unwrap(), "https://shop.example/done");
    let routes: Vec<_> = manifest.routes.iter().map(ToString::to_string).collect();
    assert_eq!(routes, ["POST /api/hello api: rs", "any /api/image"]);
    assert_eq!(manifest.schedule[0].text, "0 3 * * *");
    assert_eq!(json!(manifest.schedule[0].input), json!({"full": true}));
}

#[test]
fn nothing_is_granted_or_limited_by_an_empty_manifest() {
    let manifest = parse("").unwrap();
    assert_eq!(manifest.grants, host::Grants::default());
    assert_eq!(manifest.limits.of_guest(&host::Limits::default()), host::Limits::default());
    assert_eq!(manifest.kind, None);
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_key() {
    for (text, expected) in [
        (
            "kind = 'wasi'",
            "f.toml:1: kind = 'wasi': expected one of wasi-command, algorithm, wasi-http, se2, ranker",
        ),
        ("kynd = 'ranker'", "f.toml:1: kynd: unknown; did you mean kind?"),
        ("\noutput_schema = 1", "f.toml:2: output_schema: unknown; did you mean output-schema?"),
        ("[limits]\ntimes = '2s'", "f.toml:2: limits.times: unknown; did you mean time?"),
        (
            "[limits]\nmemory = '64 megabytes'",
            "f.toml:2: limits.memory = '64 megabytes': expected a number of bytes",
        ),
        ("[limits]\nmemory = '8GiB'", "f.toml:2: limits.memory = '8GiB': "),
        ("[limits]\ntime = 2", "f.toml:2: limits.time = 2: expected a number and a unit"),
        ("[limits]\ntime = '0s'", "f.toml:2: limits.time = '0s': "),
        ("[limits]\ncalls = 0", "f.toml:2: limits.calls = 0: "),
        ("output = 'json'", "f.toml:1: output = 'json': expected plain or cgi"),
        ("content-type = 'text'", "f.toml:1: content-type = 'text': expected a type"),
        ("accepts = ['images']", "f.toml:1: accepts = 'images': \"images\" is no type"),
        ("output-schema = { type = 'objekt' }", "f.toml:1: output-schema: no JSON Schema: "),
        ("input = 3", "f.toml:1: input = 3: expected a table"),
        ("idempotent = 1", "f.toml:1: idempotent = 1: expected true or false"),
        ("arguments = 'a b'", "f.toml:1: arguments: expected an array"),
        ("arguments = [\"a\\u0000\"]", "f.toml:1: arguments: no text may hold a zero byte"),
        ("[grants]\nclocks = true", "f.toml:2: grants.clocks: unknown; did you mean clock?"),
        (
            "[grants]\nenvironment = { DATA = 'x' }",
            "f.toml:2: grants.environment: \"DATA\": this variable is the input",
        ),
        (
            "[grants]\nenvironment = { 'a=b' = 'x' }",
            "f.toml:2: grants.environment: \"a=b\": the name of a variable",
        ),
        ("[grants]\nenvironment = { A = 1 }", "f.toml:2: grants.environment.A: expected a text"),
        (
            "[grants]\nfolders = [{ host = 'x', guest = '/x' }]",
            "f.toml:2: grants.folders[1].host: expected a path",
        ),
        (
            "[grants]\nfolders = [{ host = '/a/../b', guest = '/x' }]",
            "f.toml:2: grants.folders[1].host: expected a path",
        ),
        (
            "[grants]\nfolders = [{ host = '/x' }]",
            "f.toml:2: grants.folders[1].guest: what the function calls it",
        ),
        (
            "[grants]\nfolders = [{ host = '/a', guest = '/x' }, { host = '/b', guest = '/x' }]",
            "f.toml:2: grants.folders[2].guest: another folder is called so",
        ),
        ("[grants]\nhosts = ['https://a.example']", "f.toml:2: grants.hosts: expected hosts"),
        ("[grants]\nhosts = ['me@a.example']", "f.toml:2: grants.hosts: expected hosts"),
        ("[tasks]\nattempts = 2", "f.toml:1: tasks: more than one attempt needs idempotent = true"),
        ("[tasks]\nattempts = 0", "f.toml:2: tasks.attempts = 0: expected a whole number from 1 to 100"),
        ("[tasks]\nbackoff = '0s'", "f.toml:2: tasks.backoff = '0s': expected 10ms to 86400s"),
        ("[tasks]\nwebhook = '/done'", "f.toml:2: tasks.webhook: expected an address"),
        ("[tasks]\nwebhook = 'ftp://a/'", "f.toml:2: tasks.webhook: expected an address"),
        ("[[routes]]\nmethod = 'POST'", "f.toml:1: routes[1]"),
        ("[[routes]]\npath = '/functions/x'", "f.toml:2: routes[1].path = '/functions/x': "),
        ("[[routes]]\npath = '/other'", "f.toml:2: routes[1].path = '/other': "),
        (
            "[[routes]]\npath = '/a/b'\n[[routes]]\npath = '/a/b'",
            "f.toml:4: routes[2].path = '/a/b': the 2. route is the 1.",
        ),
        ("[[schedule]]\ncron = 'daily'", "f.toml:2: schedule[1].cron = 'daily': no cron expression"),
        ("[[schedule]]\ninput = {}", "f.toml:1: schedule[1].cron: missing"),
        ("kind = 'ranker'\n[[routes]]\npath = '/a/b'", "f.toml:2: routes"),
        ("kind = 'wasi-http'\noutput = 'cgi'", "f.toml:2: output = 'cgi': a wasi-http component says itself"),
        ("kind = ", "f.toml:1: "),
    ] {
        let told = parse(text).err().unwrap_or_else(|| panic!("{text} is none that is refused"));
        assert!(told.starts_with(expected) && !told.contains('\n'), "{text}\n{expected}\n{told}");
    }
    assert!(parse("[tasks]\nwebhook = 'https://me:pw@a.example/'").is_err());
}

#[test]
fn a_manifest_suits_the_kinds_that_it_makes_sense_for() {
    let cgi = parse("output = 'cgi'").unwrap();
    assert!(cgi.suits(Kind::Command).is_ok() && cgi.suits(Kind::Plugin).is_ok());
    assert_eq!(cgi.suits(Kind::Http).unwrap_err().0, "output");
    assert_eq!(cgi.suits(Kind::Ranker).unwrap_err().0, "output");
    let command = parse("kind = 'wasi-command'").unwrap();
    let (key, what) = command.suits(Kind::Algorithm).unwrap_err();
    assert_eq!((key, what.as_str()), ("kind", "the manifest says wasi-command, the module is algorithm"));
    for kind in Kind::ALL {
        assert!(Manifest::default().suits(kind).is_ok());
    }
}

#[test]
fn an_input_is_no_longer_than_what_a_variable_holds() {
    assert!(parse(&format!("input = {{ x = '{}' }}", "y".repeat(65_000))).is_ok());
    assert!(parse(&format!("input = {{ x = '{}' }}", "y".repeat(66_000))).is_err());
}
