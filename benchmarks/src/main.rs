//! What Shelfwise claims about its speed and memory, as commands. `README.md` beside this crate has the results.

mod arguments;
mod books;
mod build;
mod client;
mod constant;
mod evaluate;
mod failure;
mod fit;
mod functions;
mod home;
mod inside;
mod interactions;
mod load;
mod machine;
mod million;
mod models;
mod ours;
mod peers;
mod plot;
mod postgres;
mod process;
mod quality;
mod random;
mod ratings;
mod recommend;
mod report;
mod rounds;
mod scale;
mod serving;
mod split;
mod suite;
mod training;

use std::process::ExitCode;

use clap::Parser;

use crate::failure::Failure;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let outcome = tokio::select! {
        outcome = arguments.run() => outcome,
        // Dropping the run ends every process that it started.
        () = process::interrupted() => Err(Failure::Interrupted),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("benchmarks: {failure}");
            ExitCode::FAILURE
        }
    }
}
