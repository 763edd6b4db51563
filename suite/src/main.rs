//! `shelfwise`: the whole suite in one process, and the operator's commands.

#[macro_use]
mod say;
mod certs;
mod evaluate;
mod export;
mod files;
mod functions;
mod import;
mod models;
mod remote;
mod run;
mod token;
mod train;
mod variants;

use std::{env, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};
use service::Failure;

/// Shelfwise: book recommendations for your shop, library or reading community.
///
/// Without a command, the whole suite starts: the recommendation server, the storefront and the host of functions. Their own
/// settings are environment variables, shown by `shelfwise settings`.
#[derive(Parser, Debug)]
#[command(name = "shelfwise", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Folder for everything that is kept [default: shelfwise in the platform's data folder]
    #[arg(long, env = "SHELFWISE_DATA", value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    #[command(flatten)]
    run: run::Settings,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Bring data in
    #[command(subcommand)]
    Import(import::Import),
    /// Bring data out
    #[command(subcommand)]
    Export(export::Export),
    /// Train a model on one file and score it on another
    Evaluate(evaluate::Evaluate),
    Train(train::Train),
    Jobs(train::Jobs),
    Models(models::Models),
    Variants(variants::Variants),
    Simulated(train::Simulated),
    Functions(functions::Functions),
    /// Make a development authority with a server and a client certificate
    Certs(certs::Certs),
    /// Show the settings of every service with their variables and defaults
    Settings,
}

fn main() -> ExitCode {
    let ended = parse().and_then(|cli| match cli.command {
        Some(_) if cli.run.ephemeral => {
            Err(Failure::usage("--ephemeral: goes with the suite, not with a command"))
        }
        None => run::run(cli.run, cli.data),
        Some(Command::Import(import)) => import.run(cli.data),
        Some(Command::Export(export)) => export.run(cli.data),
        Some(Command::Evaluate(evaluate)) => evaluate.run(),
        Some(Command::Train(train)) => train.run(cli.data),
        Some(Command::Jobs(jobs)) => jobs.run(),
        Some(Command::Models(models)) => models.run(),
        Some(Command::Variants(variants)) => variants.run(),
        Some(Command::Simulated(simulated)) => simulated.run(),
        Some(Command::Functions(functions)) => functions.run(cli.data),
        Some(Command::Certs(certs)) => certs.run(),
        Some(Command::Settings) => run::show_settings(),
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn parse() -> Result<Cli, Failure> {
    let arguments: Vec<_> = env::args_os().collect();
    let mut command = Cli::command();
    let matches = command.try_get_matches_from_mut(arguments.clone());
    match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => Ok(cli),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            error.exit()
        }
        // What may be said is told whole; it was not said, though.
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{error}");
            Err(Failure::usage("a command is missing: one of those above"))
        }
        Err(error) => Err(service::config::explain(&error, &command, &arguments)),
    }
}
