//! The host of functions as a process of its own.

use std::process::ExitCode;

use functions::config::{Asked, Config};

fn main() -> ExitCode {
    let ended = Config::from_command_line().and_then(|asked| match asked {
        Asked::Serve(config) => functions::serve(*config),
        Asked::Checked(says) => {
            print!("{says}");
            Ok(())
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
