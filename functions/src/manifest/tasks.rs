use std::{ops::RangeInclusive, time::Duration};

use http::Uri;

use crate::document::{Table, Wrong};

const DAY: Duration = Duration::from_secs(86_400);

/// What a manifest says of calls in the background. Where it says nothing, the service's settings hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// How often a task is tried, at least once.
    pub attempts: Option<u32>,
    /// How long after the first attempt the second is made; each further wait is twice as long.
    pub backoff: Option<Duration>,
    /// How long a result is kept.
    pub expires: Option<Duration>,
    /// How long one attempt may take, by the clock on the wall.
    pub time: Option<Duration>,
    /// Who is told of the end.
    pub webhook: Option<Uri>,
}

impl Tasks {
    /// The table `tasks`.
    pub(super) fn read(table: &mut Table<'_>) -> Result<Self, Wrong> {
        let Some(mut table) = table.table("tasks")? else { return Ok(Self::default()) };
        let attempts = table.take("attempts")?;
        if attempts.is_some_and(|attempts| !(1..=100).contains(&attempts)) {
            return Err(table.wrong("attempts", "expected a whole number from 1 to 100"));
        }
        let tasks = Self {
            attempts,
            // Less would only make work.
            backoff: time(&mut table, "backoff", Duration::from_millis(10)..=DAY)?,
            expires: time(&mut table, "expires", Duration::from_secs(1)..=DAY * 365)?,
            time: time(&mut table, "time", Duration::from_millis(1)..=DAY)?,
            webhook: table.take_with("webhook", webhook)?,
        };
        table.end()?;
        Ok(tasks)
    }
}

fn time(
    table: &mut Table<'_>,
    key: &'static str,
    range: RangeInclusive<Duration>,
) -> Result<Option<Duration>, Wrong> {
    let time = table.take(key)?;
    match time.is_none_or(|time| range.contains(&time)) {
        true => Ok(time),
        false => Err(table.wrong(key, format_args!("expected {:?} to {:?}", range.start(), range.end()))),
    }
}

fn webhook(text: &str) -> Result<Uri, &'static str> {
    let uri = text.parse::<Uri>().ok().filter(|uri| {
        let named = |authority: &http::uri::Authority| {
            !authority.host().is_empty() && !authority.as_str().contains('@')
        };
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some_and(named)
    });
    uri.ok_or("expected an address such as https://shop.example/done")
}
