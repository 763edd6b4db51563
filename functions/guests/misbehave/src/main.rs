//! `{"do": "…"}` in `DATA`, and what came of it on stdout as JSON.

use std::io::Write;
use std::process::ExitCode;

use misbehave::Attempt;
use serde::Deserialize;
use serde_json::{Value, json};

mod wasi;

/// What only a command can try, or what any guest can.
#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Command(Own),
    Any(Attempt),
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Own {
    /// Ends with this status, after this text on stdout, without returning from `main`.
    Exit { status: i32, text: Option<String> },
    /// This text on stdout and nothing else, or these bytes.
    Output { text: Option<String>, bytes: Option<Vec<u8>> },
    /// One very long call of the host for random bytes.
    Random { bytes: usize },
    /// One call of the host that writes far more than there is memory.
    Gather { mebibytes: usize },
    /// One call of the host that waits for many clocks.
    Poll { subscriptions: usize },
    /// Addresses outside of its memory.
    Outside,
    /// The folders that it was given.
    Folders,
    /// The input as it came, and how much lay on stdin.
    Input,
}

fn main() -> ExitCode {
    let data = std::env::var("DATA");
    let input = match data.as_deref().map(serde_json::from_str) {
        Ok(Ok(input)) => input,
        Ok(Err(error)) => return wrong(&error.to_string()),
        Err(error) => return wrong(&error.to_string()),
    };
    let came = match input {
        Input::Any(attempt) => attempt.perform(),
        Input::Command(own) => own.perform(data.as_deref().unwrap_or_default()),
    };
    if came != Value::Null {
        println!("{came}");
    }
    ExitCode::SUCCESS
}

impl Own {
    fn perform(self, data: &str) -> Value {
        match self {
            Self::Exit { status, text } => {
                print!("{}", text.unwrap_or_default());
                let _ = std::io::stdout().flush();
                std::process::exit(status)
            }
            Self::Output { text, bytes } => {
                let _ = std::io::stdout().write_all(&bytes.unwrap_or(text.unwrap_or_default().into_bytes()));
                Value::Null
            }
            Self::Random { bytes } => wasi::random(bytes),
            Self::Gather { mebibytes } => wasi::gather(mebibytes),
            Self::Poll { subscriptions } => wasi::poll(subscriptions),
            Self::Outside => wasi::outside(),
            Self::Folders => wasi::folders(),
            Self::Input => json!({ "data": data, "stdin": Attempt::Stdin.perform()["bytes"] }),
        }
    }
}

fn wrong(error: &str) -> ExitCode {
    eprintln!("DATA must say what to do: {error}");
    ExitCode::from(64)
}
