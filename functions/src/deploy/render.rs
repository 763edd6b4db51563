//! Functions as JSON. What only its author should know is not shown: values of variables, and where granted folders lie.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::{
    logs::Line,
    manifest::{self, Manifest},
    modules::{Entry, Kept, Refused, Table},
};

/// All functions by name, and what was refused.
#[must_use]
pub fn list(table: &Table) -> Value {
    let mut all: Vec<_> = table.entries().map(|entry| named(table, &entry.deployed.name)).collect();
    let only_refused = table.refused().filter(|(name, _)| table.get(name).is_none());
    all.extend(only_refused.map(|(name, refused)| only(name, refused)));
    all.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    json!({ "functions": all, "store": if table.is_store_away() { "away" } else { "answers" } })
}

/// One function, with why its latest files were refused if they were.
pub(super) fn named(table: &Table, name: &str) -> Value {
    let refusal = table.refusal(name);
    let Some(found) = table.get(name) else {
        return refusal.map_or(Value::Null, |refused| only(name, refused));
    };
    let mut shown = entry(found);
    if let Some(refused) = refusal {
        shown["refused"] = why(refused);
    }
    shown
}

/// A function that answers.
#[must_use]
pub fn entry(entry: &Entry) -> Value {
    let deployed = &entry.deployed;
    let manifest = &deployed.manifest;
    let strings = |list: &mut dyn Iterator<Item = String>| list.collect::<Vec<_>>();
    json!({
        "name": &*deployed.name,
        "state": "answers",
        "kind": deployed.function.kind().name(),
        "version": entry.version.to_string(),
        "since": time(entry.since),
        "bytes": entry.bytes,
        "description": manifest.description,
        "input": manifest.input,
        "accepts": strings(&mut manifest.accepts.iter().map(ToString::to_string)),
        "idempotent": manifest.idempotent,
        "limits": limits(entry),
        "grants": grants(manifest),
        "routes": strings(&mut manifest.routes.iter().map(ToString::to_string)),
        "schedule": strings(&mut manifest.schedule.iter().map(|schedule| schedule.text.clone())),
        "calls": calls(entry),
        "refused": null,
    })
}

/// The versions of a function.
pub(super) fn versions(kept: &[Kept], answering: Option<&Entry>) -> Value {
    let one = |kept: &Kept| {
        json!({
            "version": kept.version.to_string(),
            "bytes": kept.bytes,
            "at": time(SystemTime::UNIX_EPOCH + Duration::from_secs(kept.at.min(MOST_SECONDS))),
            "answers": answering.is_some_and(|entry| entry.version == kept.version),
        })
    };
    kept.iter().map(one).collect()
}

/// A line that a function has written.
pub(super) fn line(line: &Line) -> Value {
    json!({ "at": time(line.time), "request": &*line.id, "text": line.text })
}

/// Whatever stands in a file: the last second of the year 9999.
const MOST_SECONDS: u64 = 253_402_300_799;

fn only(name: &str, refused: &Refused) -> Value {
    json!({ "name": name, "state": "refused", "refused": why(refused) })
}

fn why(refused: &Refused) -> Value {
    json!({ "reason": refused.reason, "at": time(refused.at) })
}

fn limits(entry: &Entry) -> Value {
    let limits = entry.deployed.function.limits();
    let lane = entry.deployed.lane.limits();
    json!({
        "time_ms": milliseconds(limits.time),
        "cpu_ms": milliseconds(limits.cpu),
        "memory": limits.memory,
        "table_elements": limits.table_elements,
        "instances": limits.instances,
        "stdin": limits.stdin,
        "stdout": limits.stdout,
        "stderr": limits.stderr,
        "host_calls": limits.host_calls,
        "body": entry.deployed.most_body,
        "calls": lane.calls,
        "queue": lane.queue,
        "queue_time_ms": milliseconds(lane.queue_time),
    })
}

/// What is granted, and nothing of what is not.
fn grants(manifest: &Manifest) -> Value {
    let grants = &manifest.grants;
    let mut shown: Map<_, _> =
        manifest::granted(grants).map(|(name, _)| (name.to_owned(), true.into())).collect();
    if !grants.environment.is_empty() {
        shown.insert("environment".to_owned(), grants.environment.keys().cloned().collect());
    }
    if !grants.folders.is_empty() {
        let folders =
            grants.folders.iter().map(|folder| json!({ "guest": folder.guest, "write": folder.write }));
        shown.insert("folders".to_owned(), folders.collect());
    }
    Value::Object(shown)
}

fn calls(entry: &Entry) -> Value {
    let counted = entry.deployed.counters.counted();
    json!({
        "answered": counted.answered,
        "failed": counted.failed,
        "given_up": counted.given_up,
        "refused": counted.refused,
        "running": counted.running,
        "time_ms": milliseconds(counted.time),
        "cpu_ms": milliseconds(counted.cpu),
        "memory": counted.memory,
        "host_calls": counted.host_calls,
        "p50_ms": milliseconds(counted.p50),
        "p99_ms": milliseconds(counted.p99),
    })
}

/// To a microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn time(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Millis, true)
}
