//! The storefront as a process of its own.

use std::process::ExitCode;

use marketplace::{Config, PREFIX};

fn main() -> ExitCode {
    service::start(
        PREFIX,
        |config: &Config| &config.log,
        async |config: Config| {
            let listener = service::bind("MARKETPLACE_BIND", config.bind)?;
            let admin = service::bind("MARKETPLACE_ADMIN_BIND", config.admin_bind)?;
            marketplace::run(config, listener, admin, service::signals()?).await
        },
    )
}
