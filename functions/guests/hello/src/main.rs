//! Greets whoever the input names: input JSON in the environment variable `DATA`, output JSON on stdout.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    #[serde(default = "anybody")]
    name: String,
}

#[derive(Serialize)]
struct Output {
    greeting: String,
}

fn main() -> ExitCode {
    let data = std::env::var("DATA").unwrap_or_else(|_| "{}".to_owned());
    match serde_json::from_str::<Input>(&data) {
        Ok(input) => {
            let output = Output { greeting: format!("Hello, {}!", input.name) };
            // One write: each is a call of the host.
            println!("{}", serde_json::to_string(&output).expect("a text is JSON"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            // The host logs this; the caller is told that the function failed.
            eprintln!("`name` must be a text: {error}");
            ExitCode::FAILURE
        }
    }
}

fn anybody() -> String {
    "world".to_owned()
}
