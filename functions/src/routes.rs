//! Which function a request is for, beside those that are named by their own address.

mod path;

use std::{collections::HashMap, fmt};

use http::{HeaderMap, HeaderName, HeaderValue, Method};

pub use path::{Path, PathError};

use crate::{
    document::{Item, Table, Wrong},
    name::Name,
};

/// Routes of one listener.
const MOST_ROUTES: usize = 1_000;
/// Headers that one route may ask for.
const MOST_HEADERS: usize = 16;

/// Where a function answers beside its own address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which path.
    pub path: Path,
    /// Which method; any if unset. GET stands for HEAD, too.
    pub method: Option<Method>,
    /// Which headers a request must have, with exactly these values.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Routes of one listener with their functions. Of several that hold a request, the one with the longest path answers, then
/// the one that asks for more headers, then the one that names its method, then the one that was written first.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    exact: HashMap<String, Vec<Entry>>,
    below: HashMap<String, Vec<Entry>>,
    /// Slashes in the longest path of `below`: no request is compared with more.
    deepest: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    route: Route,
    function: Name,
}

/// Why no route holds a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// None has its path.
    Path,
    /// Some have its path, for these methods.
    Method(Vec<Method>),
    /// Some have its path and its method, with other values of these headers.
    Headers(Vec<HeaderName>),
}

impl Route {
    /// Takes the keys of a route, `path`, `method` and `header`, on an address where functions answer by their names: it hides
    /// none of them.
    ///
    /// # Errors
    ///
    /// The first value that is none.
    pub fn read(table: &mut Table<'_>) -> Result<Self, Wrong> {
        Self::read_with(table, Path::beside_names)
    }

    /// As [`read`](Self::read), on an address that has nothing but its routes.
    ///
    /// # Errors
    ///
    /// The first value that is none.
    pub fn read_alone(table: &mut Table<'_>) -> Result<Self, Wrong> {
        Self::read_with(table, Path::alone)
    }

    fn read_with(table: &mut Table<'_>, parse: fn(&str) -> Result<Path, PathError>) -> Result<Self, Wrong> {
        let path = table.take_with("path", parse)?;
        let path = path.ok_or_else(|| table.wrong("path", "missing: a path such as /api/image"))?;
        let method = table.take_with("method", method)?;
        let mut headers = table.take_item("header", headers)?.unwrap_or_default();
        headers.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        Ok(Self { path, method, headers })
    }

    /// How much it asks of a request with its path.
    fn rank(&self) -> (usize, bool) {
        (self.headers.len(), self.method.is_some())
    }

    fn takes_method(&self, method: &Method) -> bool {
        match &self.method {
            None => true,
            Some(own) => own == method || (own == Method::GET && method == Method::HEAD),
        }
    }

    fn takes_headers(&self, headers: &HeaderMap) -> bool {
        self.headers.iter().all(|(name, value)| headers.get_all(name).iter().any(|shown| shown == value))
    }
}

impl Routes {
    /// Routes in the order in which they were written.
    pub fn new(routes: impl IntoIterator<Item = (Route, Name)>) -> Self {
        let mut all = Self::default();
        for (route, function) in routes {
            let path = route.path.as_str().to_owned();
            let same = if route.path.is_with_all_below() {
                all.deepest = all.deepest.max(slashes(&path));
                all.below.entry(path).or_default()
            } else {
                all.exact.entry(path).or_default()
            };
            same.push(Entry { route, function });
        }
        // Stable, so that those of one rank stay in their order.
        let ranked =
            |entries: &mut Vec<Entry>| entries.sort_by_key(|entry| std::cmp::Reverse(entry.route.rank()));
        all.exact.values_mut().chain(all.below.values_mut()).for_each(ranked);
        all
    }

    /// Takes a file's `[[routes]]`, each read by `read` and with a function.
    ///
    /// # Errors
    ///
    /// The first value that is none, the first unknown key, or the second of two routes that are the same.
    pub fn list(
        file: &mut Table<'_>,
        read: fn(&mut Table<'_>) -> Result<Route, Wrong>,
    ) -> Result<Vec<(Route, Name)>, Wrong> {
        let mut all: Vec<(Route, Name)> = Vec::new();
        for mut table in file.tables("routes")? {
            let route = read(&mut table)?;
            let function = table.take_with("function", str::parse)?;
            let function =
                function.ok_or_else(|| table.wrong("function", "missing: the function that answers"))?;
            if let Some(same) = all.iter().position(|(other, _)| *other == route) {
                let why = format!("{route} is what the {}. of these routes is for, too", same + 1);
                return Err(table.wrong("path", why));
            }
            if all.len() == MOST_ROUTES {
                return Err(table.wrong("path", format_args!("more than {MOST_ROUTES} routes")));
            }
            table.end()?;
            all.push((route, function));
        }
        Ok(all)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    /// All routes with their functions, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Route, &Name)> {
        let entries = self.exact.values().chain(self.below.values()).flatten();
        entries.map(|entry| (&entry.route, &entry.function))
    }

    /// The function that a request is for.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn resolve(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<&Name, Missed> {
        let mut missed = Vec::new();
        for entries in self.holding(path) {
            for entry in entries {
                if entry.route.takes_method(method) && entry.route.takes_headers(headers) {
                    return Ok(&entry.function);
                }
                missed.push(&entry.route);
            }
        }
        Err(why(&missed, method))
    }

    /// The routes of a path: its own, then those of the paths around it, the longest first.
    fn holding<'r>(&'r self, path: &str) -> impl Iterator<Item = &'r Vec<Entry>> {
        let around = std::iter::successors(Some(path), |inner| Some(&inner[..inner.rfind('/')?]));
        let around = around.filter(|inner| slashes(inner) <= self.deepest);
        let below = around.filter_map(|inner| self.below.get(inner));
        self.exact.get(path).into_iter().chain(below)
    }
}

impl Missed {
    /// Of two reasons the one that says more.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::Path { other } else { self }
    }
}

/// Counts to what `deepest` is compared with.
fn slashes(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'/').count()
}

fn why(missed: &[&Route], method: &Method) -> Missed {
    if missed.is_empty() {
        return Missed::Path;
    }
    let mut headers = Vec::new();
    let mut methods = Vec::new();
    for route in missed {
        match &route.method {
            _ if route.takes_method(method) => {
                headers.extend(route.headers.iter().map(|(name, _)| name.clone()));
            }
            Some(method) if !methods.contains(method) => methods.push(method.clone()),
            _ => {}
        }
    }
    if headers.is_empty() {
        return Missed::Method(methods);
    }
    headers.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    headers.dedup();
    Missed::Headers(headers)
}

fn method(text: &str) -> Result<Method, &'static str> {
    let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    known.into_iter().find(|method| method.as_str() == text).ok_or("expected GET, POST, PUT, PATCH or DELETE")
}

fn headers(item: &Item<'_, '_>) -> Result<Vec<(HeaderName, HeaderValue)>, Wrong> {
    let mut headers = Vec::new();
    for (name, item) in item.entries()? {
        if headers.len() == MOST_HEADERS {
            return Err(item.wrong(format_args!("more than {MOST_HEADERS} headers")));
        }
        let name = HeaderName::try_from(name).map_err(|_| item.wrong("no header can be called so"))?;
        let value = HeaderValue::from_str(item.text()?).map_err(|_| item.wrong("no header can say this"))?;
        headers.push((name, value));
    }
    Ok(headers)
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.as_ref().map_or("any", Method::as_str);
        write!(formatter, "{method} {}", self.path)?;
        for (name, value) in &self.headers {
            write!(formatter, " {name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
