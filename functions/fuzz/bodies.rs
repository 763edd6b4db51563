//! What the fuzz targets do with bytes that nobody vouches for. Ordinary tests run the same over a seeded mutator.

use std::{cmp::Reverse, sync::LazyLock};

use axum::body::Body;
use functions::{
    deploy::upload,
    document::Table,
    limits::Limits,
    manifest::Manifest,
    name::Name,
    routes::{Missed, Route, Routes},
    tasks::{PREFER, Preferences},
};
use host::{Engine, EngineSettings, Function, Grants, Kind};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_TYPE};

/// The routes of a file up to the first zero byte, then a request a line: method, path, and perhaps `name:value` pairs. Whatever
/// answers must be what a look at all routes one after the other finds.
pub(crate) fn routes(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (file, requests) = data.split_at(end);
    let Ok(file) = std::str::from_utf8(file) else { return };
    // Both ways to read have the same letters; what hides nothing is read by both.
    let read =
        |read: fn(&mut Table<'_>) -> Result<_, _>| Routes::list(&mut Table::parse("f.toml", file)?, read);
    let alone = read(Route::read_alone);
    if let Ok(beside) = read(Route::read) {
        assert_eq!(alone.as_ref(), Ok(&beside), "what may stand beside functions may stand alone");
        assert!(beside.iter().all(|(route, _)| route.path.as_str().parse::<Name>().is_err()));
    }
    let Ok(all) = alone else { return };
    for (route, _) in &all {
        assert_eq!(functions::routes::Path::alone(&route.path.to_string()).as_ref(), Ok(&route.path));
    }
    let table = Routes::new(all.clone());
    let Ok(requests) = std::str::from_utf8(requests) else { return };
    for line in requests.trim_start_matches('\0').lines().take(100) {
        let mut words = line.split(' ');
        let Some(Ok(method)) = words.next().map(str::parse::<Method>) else { continue };
        let path = words.next().unwrap_or_default();
        let mut headers = HeaderMap::new();
        for (name, value) in words.take(10).filter_map(|word| word.split_once(':')) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
        let found = table.resolve(&method, path, &headers);
        match (one_by_one(&all, &method, path, &headers), found) {
            (Some(expected), Ok(found)) => assert_eq!(expected, found, "{line}"),
            (None, Err(missed)) => {
                let with_path = all.iter().any(|(route, _)| route.path.holds(path));
                assert_eq!(missed == Missed::Path, !with_path, "{line}: {missed:?}");
            }
            (expected, found) => panic!("{line}: {expected:?} and {found:?}"),
        }
    }
}

fn one_by_one<'r>(
    all: &'r [(Route, Name)],
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Option<&'r Name> {
    let takes = |route: &Route| {
        let own = route.method.as_ref();
        let read = own == Some(&Method::GET) && method == Method::HEAD;
        let shown = |(name, value): &(HeaderName, HeaderValue)| {
            headers.get_all(name).iter().any(|shown| shown == value)
        };
        route.path.holds(path)
            && (own.is_none_or(|own| own == method) || read)
            && route.headers.iter().all(shown)
    };
    let holding = all.iter().enumerate().filter(|(_, (route, _))| takes(route));
    let best = holding.min_by_key(|(place, (route, _))| {
        let path = &route.path;
        (
            path.is_with_all_below(),
            Reverse(path.as_str().len()),
            Reverse(route.headers.len()),
            Reverse(route.method.is_some()),
            *place,
        )
    });
    best.map(|(_, (_, function))| function)
}

/// `Prefer` headers, one a line. What is understood is said in words that are understood the same, and of each kind the first
/// counts, whatever follows.
pub(crate) fn preferences(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').take(20);
    let headers = |first: &[&str]| {
        let first = first.iter().filter_map(|line| HeaderValue::from_str(line).ok());
        let all = first.chain(lines.clone().filter_map(|line| HeaderValue::from_bytes(line).ok()));
        all.map(|value| (PREFER, value)).collect::<HeaderMap>()
    };
    let read = Preferences::of(&headers(&[]));
    if read.task() {
        let said = HeaderMap::from_iter([(PREFER, read.deferred().into())]);
        assert_eq!(Preferences::of(&said), read);
    }
    let first = Preferences { respond_async: true, wait: Some(7) };
    assert_eq!(Preferences::of(&headers(&["respond-async, wait=7"])), first);
    assert_eq!(Preferences::of(&headers(&["foo=\"never closed", "wait=7", "Respond-Async; x"])), first);
}

/// A function's manifest. What is wrong is told with a line of it and in one line; what is right keeps within all bounds.
pub(crate) fn manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Manifest::parse("f", text) {
        Ok(manifest) => {
            let kinds = Kind::ALL.into_iter().filter(|kind| manifest.suits(*kind).is_ok()).count();
            assert!(kinds > 0, "a manifest that suits no kind");
            let limits = manifest.limits.over(&Limits::default());
            assert!(limits.guest.memory <= host::Limits::MOST_MEMORY && !limits.guest.time.is_zero());
            assert!(limits.calls > 0 && limits.guest.stdout <= 256 << 20);
            assert!(manifest.routes.iter().all(|route| route.path.as_str().parse::<Name>().is_err()));
            assert!(!manifest.grants.environment.contains_key("DATA"));
            assert!(manifest.grants.folders.iter().all(|folder| folder.host.is_absolute()));
        }
        Err(wrong) => {
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            assert!((1..=lines).contains(&wrong.line()), "{wrong}");
            assert!(!wrong.to_string().contains(['\n', '\r']), "{wrong:?}");
        }
    }
}

/// Room for what is compiled.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::new(&EngineSettings { guests: 1, cache: None }).expect("this machine runs WebAssembly")
});
/// The longest module that is sent here.
const LONGEST: usize = 64 << 10;

/// What is sent to deploy a function: a `Content-Type` up to the first line's end, then the body. A module that comes out of it
/// is compiled or refused in words.
pub(crate) fn deployed(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (kind, body) = data.split_at(end);
    let Ok(kind) = HeaderValue::from_bytes(kind) else { return };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
    let body = Body::from(body.get(1..).unwrap_or_default().to_vec());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let read = runtime.expect("a runtime").block_on(upload::read(&headers, body, LONGEST));
    let Ok(change) = read else { return };
    assert!(change.module.is_some() || change.manifest.is_some());
    let Some(module) = change.module else { return };
    assert!(module.len() <= LONGEST);
    let compiled = Function::compile(&ENGINE, "f", &module, host::Limits::default(), Grants::default());
    if let Err(unfit) = compiled {
        assert!(!unfit.to_string().is_empty());
    }
}
