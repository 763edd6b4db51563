//! `{"do": "…"}` as the payload, and what came of it as the result, in JSON.

use misbehave::Attempt;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::shelfwise::functions::log::{Level, write};
use crate::shelfwise::functions::{books, readers, state};

wit_bindgen::generate!({ path: "../../wit", world: "algorithm" });

struct Misbehave;
export!(Misbehave);

/// What only an algorithm can try, or what any guest can.
#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Algorithm(Own),
    Any(Attempt),
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Own {
    /// Writes so many lines of so many bytes to the log; without end if not said.
    Log { lines: Option<u64>, bytes: usize },
    /// Looks up so many books, without end if not said. Answers how many calls were granted, and the last refusal.
    Books { calls: Option<u64> },
    /// Asks for so many entries of a reader's history. Answers how many came, or the refusal.
    Readers { reader: i32, limit: u32 },
    /// Stores values of so many bytes under so many keys, without end if not said. Answers how many were taken, and the refusal.
    State { keys: Option<u64>, bytes: usize },
    /// Stores one value under a key of so many bytes. Answers the refusal, if there is one.
    Key { bytes: usize },
    /// A result of so many bytes.
    Result { bytes: usize },
    /// A failure with this code and a message of so many bytes.
    Fail { code: String, bytes: usize },
    /// This text as the result and nothing else.
    Output { text: String },
    /// The payload's length.
    Input { padding: String },
}

impl Guest for Misbehave {
    fn run(payload: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let input = serde_json::from_slice(&payload).map_err(|error| Failure {
            code: "bad-input".to_owned(),
            message: format!("The payload must say what to do: {error}"),
        })?;
        match input {
            Input::Any(attempt) => Ok(attempt.perform().to_string().into_bytes()),
            Input::Algorithm(Own::Result { bytes }) => Ok(vec![b'x'; bytes]),
            Input::Algorithm(Own::Fail { code, bytes }) => Err(Failure { code, message: "x".repeat(bytes) }),
            Input::Algorithm(Own::Output { text }) => Ok(text.into_bytes()),
            Input::Algorithm(own) => Ok(own.perform(payload.len()).to_string().into_bytes()),
        }
    }
}

impl Own {
    fn perform(self, length: usize) -> Value {
        match self {
            Self::Log { lines, bytes } => {
                let line = "x".repeat(bytes);
                let (written, _) = again(lines, |_| {
                    write(Level::Warn, &line);
                    Ok(())
                });
                json!({ "lines": written })
            }
            Self::Books { calls } => {
                let (calls, refusal) = again(calls, |call| books::get(call as i32).map(|_| ()));
                json!({ "calls": calls, "refusal": refusal })
            }
            Self::Readers { reader, limit } => match readers::history(reader, limit) {
                Ok(entries) => json!({ "entries": entries.len() }),
                Err(failure) => json!({ "refusal": failure.code }),
            },
            Self::State { keys, bytes } => {
                let value = vec![0xa5; bytes];
                let (keys, refusal) = again(keys, |key| state::set(&format!("misbehave/{key}"), &value));
                json!({ "keys": keys, "refusal": refusal })
            }
            Self::Key { bytes } => {
                json!({ "refusal": state::set(&"k".repeat(bytes), b"misbehaved").err().map(|failure| failure.code) })
            }
            Self::Input { padding } => json!({ "payload": length, "padding": padding.len() }),
            Self::Result { .. } | Self::Fail { .. } | Self::Output { .. } => Value::Null,
        }
    }
}

/// Calls the host until it refuses or `most` calls are granted: how many were, and the code of the refusal.
fn again(most: Option<u64>, mut call: impl FnMut(u64) -> Result<(), Failure>) -> (u64, Option<String>) {
    let mut granted = 0;
    while most.is_none_or(|most| granted < most) {
        if let Err(failure) = call(granted) {
            return (granted, Some(failure.code));
        }
        granted += 1;
    }
    (granted, None)
}
