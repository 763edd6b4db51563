use std::{fs, net::SocketAddr, time::Duration};

use clap::CommandFactory as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{Config, check, file};
use crate::statics::Pages;

fn parse(text: &str) -> Result<file::File, String> {
    let variable = |name: &str| (name == "PORT_ENV").then(|| "9000".to_owned());
    file::parse("f.toml", text, &variable).map_err(|wrong| wrong.to_string())
}

/// The settings of a file alone, whatever this process's environment says.
fn read(text: &str, flags: &[&str]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.toml");
    fs::write(&path, text).unwrap();
    let arguments =
        ["functions", "--config", path.to_str().unwrap()].into_iter().chain(flags.iter().copied());
    let read = Config::read(arguments.map(Into::into).collect());
    read.map_err(|failure| failure.to_string().replace(path.to_str().unwrap(), "f.toml"))
}

#[test]
fn gunicorns_names_are_taken_with_its_defaults() {
    let config = read("", &[]).unwrap();
    assert_eq!(config.bind, SocketAddr::from(([127, 0, 0, 1], 8000)));
    assert_eq!((config.worker_connections, config.backlog), (1000, 2048));
    assert_eq!((config.keepalive, config.timeout), (Duration::from_secs(2), Duration::from_secs(30)));
    assert_eq!(config.graceful_timeout, Duration::from_secs(30));
    assert_eq!(
        (config.limit_request_line, config.limit_request_fields, config.limit_request_field_size),
        (4094, 100, 8190)
    );
    assert_eq!(
        (config.accesslog, config.errorlog.to_string(), config.loglevel),
        (None, "-".to_owned(), "info".to_owned())
    );
    assert_eq!(config.pidfile, None);

    let config = read(
        "bind = '0.0.0.0:${PORT_ENV_OF_NOBODY:-8080}'\nworkers = 2\nthreads = '${NOBODY_SAYS:-8}'\nworker_connections = 10\n\
         keepalive = 5\ntimeout = '90s'\ngraceful_timeout = 0\nlimit_request_line = 8190\nlimit_request_fields = 200\n\
         limit_request_field_size = 1000\naccesslog = '-'\nerrorlog = '/var/log/f.log'\nloglevel = 'warning'\n\
         pidfile = '/run/f.pid'\nmax_requests = 7",
        &[],
    )
    .unwrap();
    assert_eq!(config.bind.to_string(), "0.0.0.0:8080");
    assert_eq!(config.calls(), 16, "workers × threads");
    assert_eq!(config.listener().max_connections, 20, "workers × worker_connections");
    assert_eq!(config.listener().idle_time, Some(Duration::from_secs(5)));
    assert_eq!(config.listener().max_headers, 200);
    assert_eq!((config.timeout, config.graceful_timeout), (Duration::from_secs(90), Duration::ZERO));
    assert_eq!((config.max_requests, config.loglevel.as_str()), (7, "warn"));
    assert_eq!(config.errorlog.to_string(), "/var/log/f.log");
}

#[test]
fn a_flag_wins_over_the_file() {
    let config = read("bind = '127.0.0.1:1'\nthreads = 9", &["--bind", "127.0.0.1:2"]).unwrap();
    assert_eq!((config.bind.port(), config.threads), (2, 9));
    // The file is checked even where it does not count.
    let told = read("bind = 'nowhere'", &["--bind", "127.0.0.1:2"]).unwrap_err();
    assert!(told.starts_with("f.toml:1: bind = 'nowhere': expected an address"), "{told}");
}

#[test]
fn what_gunicorn_has_and_this_has_not_is_refused_with_the_reason() {
    for (text, why) in [
        ("daemon = true", "f.toml:1: daemon = true: not a setting here: the process stays in the foreground"),
        (
            "bind = '[::]:1'\nworker_class = 'gevent'",
            "f.toml:2: worker_class = 'gevent': not a setting here: there is one kind",
        ),
        ("certfile = 'x.pem'", "called tls_cert here"),
        ("user = 'nobody'", "systemd"),
        ("dirty_apps = ['a:b']", "respond-async"),
        ("config = 'other.toml'", "does not name itself"),
    ] {
        let told = parse(text).unwrap_err();
        assert!(told.contains(why), "{told}");
    }
    // What is taken is not refused, and nothing is listed twice.
    let mut seen = std::collections::BTreeSet::new();
    let ours: Vec<String> = Config::command().get_arguments().map(|arg| arg.get_id().to_string()).collect();
    for name in super::gunicorn::REFUSED.iter().flat_map(|(names, _)| *names) {
        assert!(seen.insert(name), "{name}");
        assert!(*name == "config" || !ours.contains(&(*name).to_owned()), "{name}");
    }
}

#[test]
fn a_slip_and_a_bad_value_name_file_line_key_and_value() {
    for (text, expected) in [
        ("keep_alive = 5", "f.toml:1: keep_alive: unknown; did you mean keepalive?"),
        ("\nwokers = 5", "f.toml:2: wokers: unknown; did you mean workers?"),
        (
            "limit_request_field_size = 0",
            "f.toml:1: limit_request_field_size = 0: 0 might mean none or no limit; expected 1 to 32768",
        ),
        (
            "timeout = 0",
            "f.toml:1: timeout = 0: 0 would be without limit, and there always is one; expected 3600 seconds at most",
        ),
        ("max_requests = 0", "f.toml:1: max_requests = 0: 0 might mean none or no limit"),
        ("workers = 'many'", "f.toml:1: workers = 'many': expected a whole number from 1 to 1000"),
        ("workers = true", "f.toml:1: workers = true: expected a whole number"),
        ("workers = [1, 2]", "f.toml:1: workers = [1, 2]: expected a whole number"),
        ("workers = { a = 1 }", "f.toml:1: workers: expected a text or a number"),
        ("bind = ['127.0.0.1:1', '127.0.0.1:2']", "[[listeners]]"),
        ("loglevel = 'waring'", "f.toml:1: loglevel = 'waring': expected debug, info"),
        ("log_format = 'xml'", "f.toml:1: log_format = 'xml': expected one of text, json"),
        ("threads = '${NOBODY}'", "f.toml:1: threads = '${NOBODY}': the variable NOBODY is not set"),
        ("bind = '127.0.0.1:${PORT_ENV}x'", "f.toml:1: bind = \"127.0.0.1:9000x\": expected an address"),
        ("cors = 'example.org'", "f.toml:1: cors = 'example.org': \"example.org\": expected an origin"),
        ("hosts = ['a b']", "f.toml:1: hosts = ['a b']: "),
        ("token = 'two words'", "f.toml:1: token: expected 1 to 1,024"),
        ("bind = \n", "f.toml:1: not TOML"),
        ("[limits]\nmemory = 'much'", "f.toml:2: limits.memory = 'much': expected a number of bytes"),
    ] {
        let told = parse(text).unwrap_err();
        assert!(told.contains(expected), "{text}: {told}");
        assert!(!told.contains("two words"), "{told}");
    }
    let told = read("workers = 1000\nthreads = 1000", &[]).unwrap_err();
    assert!(told.contains("no more than 10000 calls"), "{told}");
    let told = Config::read(vec!["functions".into(), "--config".into(), "/nowhere.toml".into()]).unwrap_err();
    assert!(told.to_string().starts_with("/nowhere.toml: "), "{told}");
}

const THREE_SERVERS: &str = r#"
bind = "127.0.0.1:0"
cors = ["https://shop.example"]

[limits]
time = "2s"

[[routes]]
path = "/api/hello"
method = "POST"
header = { api = "rs" }
function = "grayscale"

[[listeners]]
bind = "127.0.0.1:9004"
empty_get = true
cors = "*"
[[listeners.routes]]
path = "/api/image"
method = "POST"
function = "grayscale"

[[listeners]]
bind = "127.0.0.1:8080"
static = true
[[listeners.routes]]
path = "/grayscale"
function = "classify"
"#;

#[test]
fn routes_limits_and_listeners_are_the_files() {
    let config = read(THREE_SERVERS, &[]).unwrap();
    let rules = &config.rules;
    assert_eq!(rules.limits.guest.time, Duration::from_secs(2));
    assert_eq!(rules.limits.guest.memory, host::Limits::default().memory);
    assert_eq!(rules.cors.as_ref().unwrap().to_string(), "https://shop.example");
    let rs = HeaderMap::from_iter([(HeaderName::from_static("api"), HeaderValue::from_static("rs"))]);
    assert_eq!(rules.routes.resolve(&Method::POST, "/api/hello", &rs).unwrap().to_string(), "grayscale");
    let [image, page] = rules.listeners.as_slice() else { panic!("two listeners") };
    assert_eq!((image.bind.port(), image.empty_get, &image.pages), (9004, true, &Pages::None));
    assert_eq!((page.bind.port(), page.empty_get, &page.pages), (8080, false, &Pages::Own));
    assert!(page.cors.is_none() && image.cors.is_some());
    let none = HeaderMap::new();
    assert_eq!(page.routes.resolve(&Method::GET, "/grayscale", &none).unwrap().to_string(), "classify");
    for (text, why) in [
        ("[[listeners]]\nstatic = true", "f.toml:1: listeners[1].bind: missing"),
        ("[[listeners]]\nbind = '127.0.0.1:1'", "listeners[1].bind = '127.0.0.1:1': it serves nothing"),
        ("[[listeners]]\nbind = '127.0.0.1:1'\nstatic = '/nowhere'", "there is no such folder"),
        ("[[listeners]]\nbind = '127.0.0.1:1'\nstatic = 5", "expected true or a folder's path"),
        ("[[listeners]]\nbind = '127.0.0.1:1'\nstatic = true\nsttaic = 1", "did you mean static?"),
        ("[[routes]]\npath = '/api/x'", "f.toml:1: routes[1].function: missing"),
        ("[[routes]]\npath = '/api/x'\nfunction = 'tasks'", "f.toml:3: routes[1].function = 'tasks': "),
        ("[[routes]]\npath = '/tasks/x'\nfunction = 'a'", "an address of the service itself"),
        (
            "[[routes]]\npath = '/api/x'\nfunction = 'a'\n[[routes]]\npath = '/api/x'\nfunction = 'b'",
            "f.toml:5: routes[2].path = '/api/x': any /api/x is what the 1. of these routes is for, too",
        ),
        ("routes = 1", "expected tables, each under [[routes]]"),
    ] {
        let told = parse(text).unwrap_err();
        assert!(told.contains(why), "{text}: {told}");
    }
    let two = "[[listeners]]\nbind = '127.0.0.1:1'\nstatic = true\n".repeat(2);
    assert!(parse(&two).unwrap_err().contains("1. and 2. both listen on 127.0.0.1:1"));
    let two = "[[listeners]]\nbind = '127.0.0.1:0'\nstatic = true\n".repeat(2);
    assert_eq!(parse(&two).unwrap().rules.listeners.len(), 2);
}

#[test]
fn a_new_reading_keeps_the_listeners_that_there_are() {
    let old = read(THREE_SERVERS, &[]).unwrap().rules;
    let text = THREE_SERVERS.replace("127.0.0.1:9004", "127.0.0.1:9005").replace("\"classify\"", "\"other\"");
    let (new, differing) = read(&text, &[]).unwrap().rules.for_listeners_of(&old);
    let ports =
        |rules: &super::Rules| rules.listeners.iter().map(|each| each.bind.port()).collect::<Vec<_>>();
    assert_eq!(ports(&new), [9004, 8080]);
    assert_eq!(differing.iter().map(SocketAddr::port).collect::<Vec<_>>(), [9004, 9005]);
    let found = new.listeners[1].routes.resolve(&Method::GET, "/grayscale", &HeaderMap::new());
    assert_eq!(found.unwrap().to_string(), "other");
}

#[test]
fn a_check_says_what_a_file_comes_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.toml");
    fs::write(
        &path,
        THREE_SERVERS
            .replace("time = \"2s\"", "time = \"2s\"\n[[routes]]\npath = \"/api/x\"\nfunction = \"x\""),
    )
    .unwrap();
    let text = check(Some(path.clone())).unwrap();
    assert!(text.starts_with(&format!("{}: fine\n", path.display())), "{text}");
    for line in [
        "POST /api/hello api: rs → grayscale",
        "any /api/x → x",
        "127.0.0.1:9004, callable by pages of all origins, any other GET answers nothing",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn models_are_named_in_the_file_and_one_by_flags() {
    let models = |text: &str, flags: &[&str]| read(text, flags).map(|config| config.rules.models);
    let text = "[models.bird-songs]\nfile = 'birds.onnx'\nlabels = 'birds.txt'\ninput = '96x64'\ntime = '500ms'\n\
                [models.classify]\nfile = 'a.onnx'";
    let [birds, classify] = <[_; 2]>::try_from(models(text, &[]).unwrap()).unwrap();
    assert_eq!((birds.name.as_str(), birds.file.to_str()), ("bird-songs", Some("birds.onnx")));
    assert_eq!(birds.labels.as_deref().and_then(std::path::Path::to_str), Some("birds.txt"));
    assert_eq!((birds.input.to_string().as_str(), birds.longest), ("96x64", Duration::from_millis(500)));
    assert_eq!((classify.name.as_str(), classify.labels), ("classify", None));
    assert_eq!((classify.input.to_string().as_str(), classify.longest), ("224x224", Duration::from_secs(2)));

    // A flag wins over the file.
    let both = models(text, &["--model", "b.onnx", "--model-input", "128x128"]).unwrap();
    let files: Vec<_> =
        both.iter().map(|model| (model.name.as_str(), model.file.to_str().unwrap())).collect();
    assert_eq!(files, [("bird-songs", "birds.onnx"), ("classify", "b.onnx")]);
    assert_eq!(both[1].input.to_string(), "128x128");
    assert_eq!(models("model = 'b.onnx'", &[]).unwrap()[0].name, "classify");

    for (text, says) in [
        ("[models.a]", "f.toml:1: models.a.file: missing"),
        ("[models.a]\nfile = 'a.onnx'\nimput = '1x1'", "did you mean input?"),
        ("[models.a]\nfile = 'a.onnx'\ninput = '224'", "WIDTHxHEIGHT"),
        ("[models.a]\nfile = 'a.onnx'\ntime = '0s'", "f.toml:3: models.a.time"),
        ("[models]\na = 'a.onnx'", "expected a table"),
        ("models = 'a.onnx'", "expected a table"),
    ] {
        let fault = models(text, &[]).unwrap_err();
        assert!(fault.contains(says), "{fault}");
    }
}
