//! The recommendation server as a process of its own.

use std::process::ExitCode;

use recommendations::{
    Listeners,
    config::{Config, PREFIX},
};

fn main() -> ExitCode {
    service::start(
        PREFIX,
        |config: &Config| &config.log,
        async |config| {
            let listeners = Listeners::bind(&config)?;
            recommendations::run(config, listeners, service::signals()?).await
        },
    )
}
