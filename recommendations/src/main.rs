//! The recommendation server as a process of its own.

use std::process::ExitCode;

use recommendations::{Config, PREFIX};

fn main() -> ExitCode {
    service::start(
        PREFIX,
        |config: &Config| &config.log,
        async |config: Config| {
            let listener = service::bind("RECOMMENDATIONS_BIND", config.bind)?;
            let admin = service::bind("RECOMMENDATIONS_ADMIN_BIND", config.admin_bind)?;
            recommendations::run(config, listener, admin, service::signals()?).await
        },
    )
}
