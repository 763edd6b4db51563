//! A task as its callers read it.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};

use crate::store::{Output, Task, TaskState};

/// A result that is JSON and no longer than this stands in the task itself; any other one is looked at by its own address.
const INSIDE: usize = 64 << 10;

/// Where a task is looked at.
pub(super) fn address(id: &str) -> String {
    format!("/tasks/{id}")
}

/// The task as JSON. What does not apply is left out.
pub(super) fn json(task: &Task, output: Option<&Output>) -> Value {
    let mut json = Map::new();
    let mut put = |name: &str, value: Value| json.insert(name.to_owned(), value);
    put("id", task.id.as_str().into());
    put("url", address(&task.id).into());
    put("function", task.function.as_str().into());
    put("state", task.state.word().into());
    if !task.cause.is_empty() {
        put("schedule", task.cause.as_str().into());
    }
    put("progress", rounded(task.progress));
    if !task.step.is_empty() {
        put("step", task.step.as_str().into());
    }
    put("attempts", task.attempts.into());
    put("created_at", time(task.created_at));
    if task.state == TaskState::Scheduled && task.attempts > 0 {
        put("due_at", time(task.due_at));
    }
    for (name, at) in
        [("started_at", task.started_at), ("ended_at", task.ended_at), ("expires_at", task.expires_at)]
    {
        if let Some(at) = at {
            put(name, time(at));
        }
    }
    match (task.state, output) {
        (TaskState::Succeeded, output) => {
            put("result_url", format!("{}/result", address(&task.id)).into());
            if let Some(result) = output.and_then(inside) {
                put("result", result);
            }
        }
        // Of a task that is to be tried again it is what went wrong the last time.
        (_, Some(output)) => {
            put("problem", serde_json::from_slice(&output.body).unwrap_or_default());
        }
        _ => {}
    }
    Value::Object(json)
}

/// What is put into the task as it is.
fn inside(output: &Output) -> Option<Value> {
    if output.body.len() > INSIDE {
        return None;
    }
    let headers: Vec<(String, String)> = serde_json::from_str(&output.headers).ok()?;
    let kind = headers.iter().find(|(name, _)| name == "content-type")?;
    let essence = kind.1.split(';').next().unwrap_or_default().trim();
    if essence == "application/json" || essence.ends_with("+json") {
        serde_json::from_slice(&output.body).ok()
    } else {
        None
    }
}

/// In thousandths, so that .1 is not shown as 0.10000000149.
fn rounded(progress: f32) -> Value {
    ((f64::from(progress) * 1_000.0).round() / 1_000.0).into()
}

fn time(milliseconds: i64) -> Value {
    match DateTime::from_timestamp_millis(milliseconds) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true).into(),
        None => Value::Null,
    }
}
