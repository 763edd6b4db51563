use host::Kind;
use serde_json::Value;

use crate::deployed::Deployed;

/// Fields of a query that are offered; an input of more is sent as JSON.
const MOST_FIELDS: usize = 12;

/// How a function can be tried.
pub(super) struct Forms<'a> {
    /// Whether it answers requests at all.
    pub(super) is_called: bool,
    /// Whether it has addresses of its own, below its name.
    pub(super) has_root: bool,
    /// `GET` with a query, if it makes sense: its default input, name by name.
    pub(super) query: Option<Vec<Field<'a>>>,
    /// What is there to be changed and sent as JSON.
    pub(super) json: Option<String>,
    /// What files are offered, as an `accept` attribute; `None` if it takes none.
    pub(super) files: Option<String>,
}

/// A value of the default input.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) value: String,
}

impl<'a> Forms<'a> {
    pub(super) fn new(deployed: &'a Deployed) -> Self {
        let (kind, manifest) = (deployed.function.kind(), &deployed.manifest);
        let json = "application/json".parse().expect("a type");
        let anything = manifest.accepts.is_empty();
        let takes_json = anything || manifest.accepts.iter().any(|range| range.has(&json));
        let takes_files =
            anything || manifest.accepts.iter().any(|range| range.to_string() != "application/json");
        let fields: Vec<_> =
            manifest.input.iter().filter_map(|(name, value)| Field::new(name, value)).collect();
        let few = fields.len() == manifest.input.len() && fields.len() <= MOST_FIELDS;
        let pretty = || serde_json::to_string_pretty(&manifest.input).unwrap_or_default();
        let is_called = kind != Kind::Ranker;
        Self {
            is_called,
            has_root: kind == Kind::Http,
            query: (is_called && takes_json && few && kind != Kind::Http).then_some(fields),
            json: (is_called && takes_json).then(pretty),
            files: (is_called && takes_files).then(|| {
                let ranges = manifest.accepts.iter().map(ToString::to_string);
                ranges.filter(|range| range != "*/*").collect::<Vec<_>>().join(",")
            }),
        }
    }
}

impl<'a> Field<'a> {
    /// `None` for what a query cannot say.
    fn new(name: &'a str, value: &Value) -> Option<Self> {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Self { name, value })
    }
}
