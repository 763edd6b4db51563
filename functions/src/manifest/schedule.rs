use croner::Cron;
use serde_json::{Map, Value as Json};

use super::few;
use crate::document::{Table, Wrong};

/// When a function runs by itself.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The expression, in UTC.
    pub cron: Cron,
    /// As it was written.
    pub text: String,
    /// The input, over the manifest's own.
    pub input: Map<String, Json>,
}

/// The tables `schedule`.
pub(super) fn read(table: &mut Table<'_>) -> Result<Vec<Schedule>, Wrong> {
    let tables = table.tables("schedule")?;
    few(table, "schedule", tables)?.into_iter().map(one).collect()
}

fn one(mut table: Table<'_>) -> Result<Schedule, Wrong> {
    let cron = table.take_with("cron", |text| match text.parse::<Cron>() {
        Ok(cron) => Ok((cron, text.to_owned())),
        Err(error) => Err(format!("no cron expression such as \"0 3 * * *\": {error}")),
    })?;
    let (cron, text) = cron.ok_or_else(|| table.wrong("cron", "missing; such as \"0 3 * * *\""))?;
    let input = match table.take::<Json>("input")? {
        None => Map::new(),
        Some(Json::Object(input)) => input,
        Some(_) => return Err(table.wrong("input", "expected a table, such as { name = \"value\" }")),
    };
    table.end()?;
    Ok(Schedule { cron, text, input })
}
