use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{Missed, Route, Routes};
use crate::document::{Table, Wrong};

/// `METHOD PATH [NAME: VALUE]… = FUNCTION`, one a line.
fn routes(text: &str) -> Routes {
    let all = text.lines().map(|line| {
        let (route, function) = line.split_once(" = ").unwrap();
        let mut words = route.split(' ');
        let method = words.next().filter(|method| *method != "any").map(|method| method.parse().unwrap());
        let path = super::Path::alone(words.next().unwrap()).unwrap();
        let headers = words.map(|header| {
            let (name, value) = header.split_once(':').unwrap();
            (HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap())
        });
        (Route { path, method, headers: headers.collect() }, function.parse().unwrap())
    });
    Routes::new(all)
}

fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
    all.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

#[test]
fn one_address_leads_to_several_functions_by_a_header() {
    let routes = routes(
        "POST /api/hello api:rs = grayscale\nPOST /api/hello api:go = classify\nPOST /api/image = thumb",
    );
    let resolve =
        |method, path, all: &[_]| routes.resolve(&method, path, &headers(all)).map(|name| name.to_string());
    let post = Method::POST;
    assert_eq!(resolve(post.clone(), "/api/hello", &[("api", "rs")]).as_deref(), Ok("grayscale"));
    assert_eq!(resolve(post.clone(), "/api/hello", &[("api", "go")]).as_deref(), Ok("classify"));
    assert_eq!(resolve(post.clone(), "/api/image", &[("api", "go")]).as_deref(), Ok("thumb"));
    let api = HeaderName::from_static("api");
    assert_eq!(
        resolve(post.clone(), "/api/hello", &[("api", "js")]),
        Err(Missed::Headers(vec![api.clone()]))
    );
    assert_eq!(resolve(post.clone(), "/api/hello", &[]), Err(Missed::Headers(vec![api])));
    assert_eq!(resolve(Method::GET, "/api/hello", &[("api", "rs")]), Err(Missed::Method(vec![Method::POST])));
    for path in ["/", "/api", "/api/hello/", "/api/hello/x", "/API/hello", "", "*", "/api//hello"] {
        assert_eq!(resolve(post.clone(), path, &[("api", "rs")]), Err(Missed::Path), "{path}");
    }
}

#[test]
fn the_route_that_says_most_of_a_request_answers() {
    let routes = routes(
        "any /* = all\nGET /* = read\nany /a/* = under\nany /a/b/* = deeper\nany /a/b/c = exact\n\
         POST /a/b/c = posted\nany /a/b/c x:1 = one\nany /a/b/c x:1 y:2 = both\nany /a/b/c = second",
    );
    for (method, path, all, expected) in [
        (Method::POST, "/", &[][..], "all"),
        (Method::GET, "/", &[], "read"),
        (Method::HEAD, "/zzz/z", &[], "read"),
        (Method::PUT, "/a", &[], "under"),
        (Method::GET, "/a/", &[], "under"),
        (Method::GET, "/ab", &[], "read"),
        (Method::GET, "/a/b", &[], "deeper"),
        (Method::GET, "/a/b/c/d/e", &[], "deeper"),
        (Method::GET, "/a/b/c", &[], "exact"),
        (Method::POST, "/a/b/c", &[], "posted"),
        (Method::POST, "/a/b/c", &[("x", "1")], "one"),
        (Method::GET, "/a/b/c", &[("x", "1"), ("y", "2")], "both"),
        (Method::GET, "/a/b/c", &[("x", "1"), ("y", "3")], "one"),
        (Method::GET, "/a/b/c", &[("x", "2"), ("x", "1")], "one"),
    ] {
        let found = routes.resolve(&method, path, &headers(all)).map(|name| name.to_string());
        assert_eq!(found.as_deref(), Ok(expected), "{method} {path} {all:?}");
    }
}

#[test]
fn a_route_whose_header_is_missing_leaves_the_request_to_the_paths_around_it() {
    let routes = routes("any /a/* = under\nany /a/b x:1 = one");
    let found = routes.resolve(&Method::GET, "/a/b", &HeaderMap::new()).map(|name| name.to_string());
    assert_eq!(found.as_deref(), Ok("under"));
}

#[test]
fn a_path_of_slashes_costs_no_more_than_the_routes_are_deep() {
    let routes = routes("any /a/* = under");
    let path = "/".repeat(4_000);
    assert_eq!(routes.resolve(&Method::GET, &path, &HeaderMap::new()), Err(Missed::Path));
    assert_eq!(Routes::default().resolve(&Method::GET, &path, &HeaderMap::new()), Err(Missed::Path));
}

#[test]
fn a_route_is_read_from_a_table() {
    let read = |text: &'static str| -> Result<Route, Wrong> {
        let mut table = Table::parse("f.toml", text)?;
        let route = Route::read(&mut table)?;
        table.end()?;
        Ok(route)
    };
    let route = read("path = '/api/hello'\nmethod = 'POST'\nheader = { API = 'rs' }").unwrap();
    assert_eq!(route.to_string(), "POST /api/hello api: rs");
    assert_eq!(
        read("path = '/api/*'").unwrap_err().to_string(),
        "f.toml:1: path = '/api/*': /api is an address of the service itself"
    );
    for (text, why) in [
        ("method = 'POST'", "f.toml:1: path: missing"),
        ("path = '/api/x'\nmethod = 'post'", "f.toml:2: method = 'post': expected GET, POST"),
        ("path = '/api/x'\n\nheader = { 'a b' = 'c' }", "f.toml:3: header.a b = 'c': no header"),
        ("path = '/api/x'\nheader = { a = \"\\n\" }", "no header can say this"),
        ("path = '/api/x'\nheader = 'api'", "expected a table"),
        ("path = '/api/x'\nmehtod = 'GET'", "did you mean method?"),
    ] {
        let told = read(text).unwrap_err().to_string();
        assert!(told.contains(why), "{told}");
    }
}
