//! The host of functions as a process of its own.

use std::process::ExitCode;

use functions::{Config, PREFIX};

fn main() -> ExitCode {
    service::start(
        PREFIX,
        |config: &Config| &config.log,
        async |config: Config| {
            let listener = service::bind("FUNCTIONS_BIND", config.bind)?;
            let admin = service::bind("FUNCTIONS_ADMIN_BIND", config.admin_bind)?;
            functions::run(config, listener, admin, service::signals()?).await
        },
    )
}
