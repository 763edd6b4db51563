//! What stands beside a module, in `{function}.toml`: what it is, what it may use and see, and where else it answers.
//!
//! Every key has a default, so that a module needs no manifest; a key that is not known here is an error, since it was meant
//! to do something.

mod grants;
mod media;
mod schedule;
mod schema;
mod tasks;

use host::{Grants, Kind};
use serde_json::{Map, Value as Json};

pub(crate) use grants::granted;
pub use media::{MediaRange, MediaType};
pub use schedule::Schedule;
pub use schema::Schema;
pub use tasks::Tasks;

use crate::{
    document::{Table, Wrong},
    limits::Given,
    routes::Route,
};

/// The longest manifest, in bytes.
pub const MOST_BYTES: usize = 64 << 10;
/// The longest default input, in bytes of JSON: as much as a variable may hold.
const MOST_INPUT: usize = 64 << 10;
/// The longest description, in bytes.
const MOST_DESCRIPTION: usize = 4 << 10;
/// Most of anything that is a list.
const MOST: usize = 100;
/// Keys whose values are for whoever wrote the manifest: why it is refused is told to anybody who asks which functions there are.
const SECRET: [&str; 3] = ["arguments", "grants", "webhook"];

/// A function's own settings. The default is that of a function without a file.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// What the module must be; whatever it is if unset.
    pub kind: Option<Kind>,
    /// The input of a call, which the request overrides key by key.
    pub input: Map<String, Json>,
    /// How the answer is to be read.
    pub output: Output,
    /// The answer's type, instead of what its bytes look like.
    pub content_type: Option<MediaType>,
    /// What the answer must hold to.
    pub output_schema: Option<Schema>,
    /// What bodies may be; anything if empty.
    pub accepts: Vec<MediaRange>,
    /// What it does, for people.
    pub description: String,
    /// Whether a task that may have run can be tried again.
    pub idempotent: bool,
    /// What a call may take. Unset: the service's settings.
    pub limits: Given,
    /// What a call may see, its arguments among it.
    pub grants: Grants,
    /// How it runs in the background.
    pub tasks: Tasks,
    /// Where it answers beside its own address.
    pub routes: Vec<Route>,
    /// When it runs by itself.
    pub schedule: Vec<Schedule>,
}

/// How an answer is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// All of it is the body.
    #[default]
    Plain,
    /// Header lines, an empty line, the body: a document response of RFC 3875.
    Cgi,
}

impl Manifest {
    /// Reads the manifest of the function `name`.
    ///
    /// # Errors
    ///
    /// With the first thing that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, Wrong> {
        let mut table = Table::parse_hiding(&format!("{name}.toml"), text, &SECRET)?;
        let kind = table.take_with("kind", str::parse)?;
        let input = table.take::<Json>("input")?.unwrap_or_else(|| Json::Object(Map::new()));
        let Json::Object(input) = input else {
            return Err(table.wrong("input", "expected a table, such as { name = \"value\" }"));
        };
        if Json::Object(input.clone()).to_string().len() > MOST_INPUT {
            return Err(table.wrong("input", format_args!("more than {MOST_INPUT} bytes as JSON")));
        }
        let output = table.take_with("output", output)?.unwrap_or_default();
        let content_type = table.take_with("content-type", str::parse)?;
        let output_schema = match table.take::<Json>("output-schema")? {
            Some(schema) => Some(Schema::new(schema).map_err(|why| table.wrong("output-schema", why))?),
            None => None,
        };
        let accepts = table.take("accepts")?.unwrap_or_default();
        let accepts = few(&table, "accepts", accepts)?;
        let description: String = table.take("description")?.unwrap_or_default();
        if description.len() > MOST_DESCRIPTION {
            return Err(table.wrong("description", format_args!("more than {MOST_DESCRIPTION} bytes")));
        }
        let manifest = Self {
            kind,
            input,
            output,
            content_type,
            output_schema,
            accepts,
            description,
            idempotent: table.take("idempotent")?.unwrap_or_default(),
            limits: Given::read(&mut table)?,
            grants: grants::read(&mut table)?,
            tasks: Tasks::read(&mut table)?,
            routes: routes(&mut table)?,
            schedule: schedule::read(&mut table)?,
        };
        manifest.check(&table)?;
        table.end()?;
        Ok(manifest)
    }

    /// What only makes sense, or none, together with something else.
    fn check(&self, table: &Table<'_>) -> Result<(), Wrong> {
        if self.tasks.attempts.is_some_and(|attempts| attempts > 1) && !self.idempotent {
            return Err(table.wrong("tasks", "more than one attempt needs idempotent = true"));
        }
        match self.kind.map(|kind| self.suits(kind)) {
            Some(Err((key, why))) => Err(table.wrong(key, why)),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Whether all of it makes sense for a module of this kind; if not, the key and the reason.
    ///
    /// # Errors
    ///
    /// As said.
    pub fn suits(&self, kind: Kind) -> Result<(), (&'static str, String)> {
        if let Some(expected) = self.kind.filter(|expected| *expected != kind) {
            return Err(("kind", format!("the manifest says {expected}, the module is {kind}")));
        }
        let own = [
            ("output", self.output != Output::Plain),
            ("content-type", self.content_type.is_some()),
            ("output-schema", self.output_schema.is_some()),
        ];
        let called = [
            ("input", !self.input.is_empty()),
            ("accepts", !self.accepts.is_empty()),
            ("routes", !self.routes.is_empty()),
            ("schedule", !self.schedule.is_empty()),
        ];
        let set = |keys: &[(&'static str, bool)]| keys.iter().find(|(_, set)| *set).map(|(key, _)| *key);
        match kind {
            Kind::Command | Kind::Algorithm | Kind::Plugin => Ok(()),
            Kind::Http => match set(&own[..2]) {
                Some(key) => Err((key, "a wasi-http component says itself what its answer is".to_owned())),
                None => Ok(()),
            },
            Kind::Ranker => match set(&own).or(set(&called)) {
                Some(key) => Err((key, "a ranker re-orders recommendations, and is not called".to_owned())),
                None => Ok(()),
            },
        }
    }
}

fn output(text: &str) -> Result<Output, &'static str> {
    match text {
        "plain" => Ok(Output::Plain),
        "cgi" => Ok(Output::Cgi),
        _ => Err("expected plain or cgi"),
    }
}

fn routes(table: &mut Table<'_>) -> Result<Vec<Route>, Wrong> {
    let tables = table.tables("routes")?;
    let mut routes: Vec<Route> = Vec::new();
    for (number, mut each) in (1..).zip(few(table, "routes", tables)?) {
        let route = Route::read(&mut each)?;
        if let Some(first) = routes.iter().position(|other| *other == route) {
            return Err(each.wrong("path", format_args!("the {number}. route is the {}. again", first + 1)));
        }
        each.end()?;
        routes.push(route);
    }
    Ok(routes)
}

/// No more than is sane.
fn few<T>(table: &Table<'_>, key: &'static str, list: Vec<T>) -> Result<Vec<T>, Wrong> {
    match list.len() > MOST {
        true => Err(table.wrong(key, format_args!("at most {MOST} are taken"))),
        false => Ok(list),
    }
}

#[cfg(test)]
mod tests;
